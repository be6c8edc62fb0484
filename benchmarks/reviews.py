"""What shoppers say, of real reviews, beside the baselines of the same run.

    python benchmarks/reviews.py cn_reviews absa_laptops_minilm womens_clothing

Everything but the test part is used for choosing and fitting. `absa` and `absa_zh` have their
authors' tests; of the Chinese reviews and those of clothes a fifth of the distinct texts is tested
on. `absa_zh` sets are trained each beside 12,000 Chinese reviews whose stars are known, since that
is what a shop has: many reviews, and few that somebody read for aspects. Results go to
benchmarks/results/reviews.json, a row a name and seed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from common import RESULTS, data_folder, report

from tfmm.training import train

FIFTH = {"valid": 0.05, "test": 0.2}


def lstm(**options: Any) -> dict[str, Any]:
    """A bidirectional LSTM over words, or characters of Chinese, and their marks."""
    return {
        "name": "lstm",
        "marks": True,
        "max_tokens": 160,
        "width": 96,
        "units": 64,
        "dropout": 0.3,
        "word_dropout": 0.2,
        "max_vocabulary": 30_000,
        **options,
    }


def minilm(**options: Any) -> dict[str, Any]:
    """MiniLM, trained whole at a rate of its own."""
    return {"name": "minilm", "train": "all", "learning_rate": 5e-5, "max_tokens": 96, **options}


def _read(*path: str, **options: Any) -> pd.DataFrame:
    file = data_folder().joinpath(*path)
    return pd.read_csv(file, dtype=str, keep_default_na=False, **options)


def chinese(folder: Path) -> dict[str, Any]:
    """Chinese reviews of ten kinds of goods, good or bad."""
    table = _read("cn_reviews", "online_shopping_10_cats.csv.gz")
    table.to_csv(folder / "reviews.csv", index=False)
    return {"table": "reviews.csv", "text": "review", "item": "cat", "rating": "label"}


def clothes(folder: Path) -> dict[str, Any]:
    """Reviews of clothes, recommended or not."""
    table = _read("womens_clothing", "reviews.csv.gz")
    table.to_csv(folder / "reviews.csv", index=False)
    return {
        "table": "reviews.csv",
        "text": ["Title", "Review Text"],
        "item": "Class Name",
        "rating": "Recommended IND",
    }


def semeval(name: str) -> Callable[[Path], dict[str, Any]]:
    """Sentences on restaurants or laptops, with terms and categories."""

    def made(folder: Path) -> dict[str, Any]:
        texts, aspects = [], []
        for part in ("train", "test"):
            sentences = _read("absa", f"{name}_{part}_sentences.csv.gz").assign(part=part)
            found = _read("absa", f"{name}_{part}.csv.gz")
            found = found.rename(columns={"sentence_id": "review", "from": "start", "to": "end"})
            empty = sentences[~sentences.sentence_id.isin(found.review)]
            texts.append(sentences)
            aspects += [found, pd.DataFrame({"review": empty.sentence_id})]
        pd.concat(texts).to_csv(folder / "reviews.csv", index=False)
        kept = ["review", "aspect", "polarity", "start", "end"]
        pd.concat(aspects)[kept].to_csv(folder / "aspects.csv", index=False)
        return _annotated(id="sentence_id")

    return made


def chinese_aspects(name: str) -> Callable[[Path], dict[str, Any]]:
    """Clauses of Chinese reviews with terms, beside reviews with stars alone."""

    def made(folder: Path) -> dict[str, Any]:
        found = pd.concat(
            _read("absa_zh", f"{name}_{part}.csv.gz").assign(part=part)
            for part in ("train", "test")
        )
        # A clause of both parts stays where it is tested on.
        texts = found[["text", "part"]].drop_duplicates("text", keep="last")
        aspects = found.merge(texts, on=["text", "part"])
        aspects = aspects.rename(columns={"text": "review", "from": "start", "to": "end"})
        stars = _read("cn_reviews", "online_shopping_10_cats.csv.gz").sample(12_000, random_state=1)
        stars = stars[stars.review.str.strip() != ""].drop_duplicates("review")
        stars = stars[~stars.review.isin(texts.text)]
        stars = pd.DataFrame({"text": stars.review, "part": "train", "label": stars.label})
        pd.concat([texts, stars]).to_csv(folder / "reviews.csv", index=False)
        aspects.to_csv(folder / "aspects.csv", index=False)
        return {**_annotated(id="text"), "rating": "label"}

    return made


def _annotated(**more: Any) -> dict[str, Any]:
    aspects = {"table": "aspects.csv", "start": "start", "end": "end"}
    return {"table": "reviews.csv", "text": "text", "part": "part", "aspects": aspects, **more}


def run_of(
    reviews: Callable[[Path], dict[str, Any]], encoder: Any, train: Any = None, **more: Any
) -> tuple[Callable[[Path], dict[str, Any]], dict[str, Any]]:
    """The tables of a run, and its file without them."""
    text = {"encoder": encoder, **more.pop("text", {})}
    return reviews, {"text": text, "train": train or {}, **more}


JOINT = {"epochs": 6, "batch_size": 32, "patience": 2, "choose": "polarity_accuracy"}
LONG = {"epochs": 4, "batch_size": 64, "patience": 1}
TUNED = {"epochs": 4, "batch_size": 16, "learning_rate": 0.001, "patience": 2}
SHORT = {"epochs": 10, "batch_size": 32, "patience": 3}
RUNS = {
    "cn_reviews": run_of(chinese, lstm(), LONG, split=FIFTH),
    "womens_clothing": run_of(clothes, lstm(max_tokens=128), LONG, split=FIFTH),
    "womens_clothing_minilm": run_of(
        clothes, minilm(max_tokens=128), {**TUNED, "epochs": 2, "batch_size": 32}, split=FIFTH
    ),
}
for _name in ("restaurants", "laptops"):
    RUNS[f"absa_{_name}"] = run_of(semeval(_name), lstm(max_tokens=96), SHORT)
    RUNS[f"absa_{_name}_minilm"] = run_of(semeval(_name), minilm(), TUNED)
for _name in ("camera", "car", "notebook", "phone"):
    RUNS[f"absa_zh_{_name}"] = run_of(chinese_aspects(_name), lstm(max_tokens=96), JOINT)
SHOWN = (
    "accuracy",
    "weighted_f1",
    "auc",
    "calibration_error",
    "polarity_accuracy",
    "term_f1",
    "category_f1",
    "category_accuracy",
)


def main() -> None:
    """Trains and measures what the command line names."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("names", nargs="+", choices=[*RUNS])
    asked.add_argument("--seeds", type=int, nargs="+", default=[1])
    asked.add_argument("--out", type=Path, help="keeps the runs; by default they are deleted")
    given = asked.parse_args()
    kept = RESULTS / "reviews.json"
    old = json.loads(kept.read_text()) if kept.exists() else {"rows": [], "settings": {}}
    rows = {(row["data"], row["seed"]): row for row in old["rows"]}
    settings = dict(old["settings"])
    for name in given.names:
        reviews, config = RUNS[name]
        settings[name] = config
        for seed in given.seeds:
            rows[name, seed] = measured(name, seed, reviews, config, given.out)
            report("reviews", [rows[key] for key in sorted(rows)], settings)


def measured(
    name: str,
    seed: int,
    reviews: Callable[[Path], dict[str, Any]],
    config: dict[str, Any],
    out: Path | None,
) -> dict[str, Any]:
    """One run: its metrics beside those of the baselines."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = (out or Path(scratch)) / f"{name}_{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        value = {
            "task": "reviews",
            "name": name,
            "shop": {"root": str(folder), "reviews": reviews(folder)},
            **config,
            "split": {**config.get("split", {}), "seed": seed, "refit": False},
            "train": {**config["train"], "seed": seed},
        }
        found = train(value, folder / "run", say=print).metrics
    row: dict[str, Any] = {"data": name, "seed": seed}
    svm, network = found["baselines"]["svm"], found["network"]
    for metric in SHOWN:
        row[metric] = _told(found["model"].get(metric))
        if metric in ("accuracy", "polarity_accuracy", "term_f1"):
            row[f"network {metric}"] = _told(network.get(metric))
            row[f"SVM {metric}"] = _told(svm.get(metric))
    return {**row, "minutes": round(found["seconds"]["train"] / 60, 1)}


def _told(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


if __name__ == "__main__":
    main()
