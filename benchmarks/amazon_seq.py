"""What comes next in Amazon's shops for beauty and toys, beside what others published on them.

    TFMM_DATA=data python benchmarks/amazon_seq.py [--data Beauty Toys_and_Games] [--seeds 3]
    TFMM_DATA=data python benchmarks/amazon_seq.py --events Beauty FOLDER     # events.csv.gz alone

Trains `examples/amazon_seq/run.yaml` as `tfmm train` does. Each shopper's last item is the test,
the one before validation; all items are ranked, those of the history left out (`HR@10`, `NDCG@10`)
or not (`, all`; a shopper reviews an item once, so that these can only be lower). Epochs are chosen
on validation. As published, a model that learned from neither held-out item reads the history with
validation's item in it; "refitted" learned from that item too, for as many epochs. Baselines are
fitted on training and validation, tuned on validation. Ties count half. Measurements are kept in
`results/amazon_seq_rows.json`, and what is there is not measured again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np
import yaml
from trainings import seeded

from tfmm.data.events.pairs import Pairs
from tfmm.data.files import cache_folder
from tfmm.evaluation import evaluate, evaluate_split_baselines
from tfmm.tasks.base import Task
from tfmm.tasks.config import RunConfig
from tfmm.training.run import load_data, task_of
from tfmm.training.trainer import Trainer

RUN = Path(__file__).parents[1] / "examples" / "amazon_seq" / "run.yaml"
KEPT = common.RESULTS / "amazon_seq_rows.json"
WORK = cache_folder() / "amazon_seq"
BASELINES = ("popularity", "markov", "item_knn")
METRICS = ("HR@10", "NDCG@10", "HR@10, all", "NDCG@10, all")

#: HR@10 and NDCG@10 of others, on these files and splits.
PUBLISHED = {
    "Beauty": {
        "SASRec (as S3-Rec measured)": (0.0605, 0.0318),
        "S3-Rec": (0.0647, 0.0327),
        "TIGER": (0.0648, 0.0384),
        "ICLRec": (0.0744, 0.0403),
    },
    "Toys_and_Games": {
        "SASRec (as S3-Rec measured)": (0.0675, 0.0374),
        "S3-Rec": (0.0700, 0.0376),
        "TIGER": (0.0712, 0.0432),
        "ICLRec": (0.0834, 0.0480),
    },
}


def write_events(name: str, out: Path) -> Path:
    """Writes a shop's lists as a table of events, whose times are places in their list, and returns
    its path."""
    out.mkdir(parents=True, exist_ok=True)
    file, aside = out / "events.csv.gz", out / "events.aside.csv.gz"
    given = common.data_folder() / "amazon_seq" / f"{name}.txt.gz"
    with gzip.open(given, "rt", encoding="utf-8") as lists, gzip.open(aside, "wt") as table:
        table.write("user,item,place\n")
        for line in lists:
            user, *items = line.split()
            table.writelines(f"{user},{item},{place}\n" for place, item in enumerate(items))
    aside.replace(file)
    return file


def task_for(name: str, seed: int) -> Task:
    """The task of a seed."""
    os.environ["AMAZON_SEQ"] = str(write_events(name, WORK / name).parent)
    given = yaml.safe_load(RUN.read_text("utf-8"))
    given["shop"] = str(RUN.parent / given["shop"])
    config = seeded(RunConfig.from_dict(given), seed)
    return task_of(config, load_data(config))


def reached(model: Any, known: Pairs, truth: Pairs) -> dict[str, float]:
    """Both metrics, with the items of the history left out and not."""
    items = model.item_vectors()
    users = model.user_vectors(known, items=items)
    found = [
        evaluate((users, items), truth, seen=seen, ks=(10,))["model"][metric]
        for seen in (known, None)
        for metric in ("recall@10", "ndcg@10")
    ]
    return dict(zip(METRICS, found, strict=True))


def measured(name: str, seed: int) -> list[dict[str, Any]]:
    """A training, and another on training and validation, each tested once."""
    task, about = task_for(name, seed), {"data": name, "seed": seed}
    parts = task.parts.split
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(task, folder, say=partial(print, flush=True))
        started = time.perf_counter()
        choice = trainer.choose()
        about |= {"epochs": choice.epochs, "seconds": time.perf_counter() - started}
        valid = reached(choice.model, parts.train, parts.valid)
        about["valid NDCG@10"] = valid["NDCG@10"]
        known = parts.final_train()
        rows = [{"model": "tfmm: causal", **about, **reached(choice.model, known, parts.test)}]
        started = time.perf_counter()
        model = trainer.refit(choice)
        about["seconds"] += time.perf_counter() - started
    return [
        *rows,
        {"model": "tfmm: causal, refitted", **about, **reached(model, known, parts.test)},
    ]


def measured_baselines(name: str) -> list[dict[str, Any]]:
    """Simple models."""
    found = evaluate_split_baselines(task_for(name, 1).parts.split, names=BASELINES, ks=(10,))
    return [
        {"data": name, "model": model, "HR@10": row["recall@10"], "NDCG@10": row["ndcg@10"]}
        for model, row in found.items()
    ]


def summed_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The line of a table: means over seeds, and deviations of the first two metrics."""
    line = {"data": rows[0]["data"], "model": rows[0]["model"], "seeds": None}
    if "seed" in rows[0]:
        line["seeds"] = len(rows)
    for key in METRICS:
        values = [row[key] for row in rows if key in row]
        line[key] = f"{np.mean(values):.4f}" if values else None
        if len(values) > 1 and key in METRICS[:2]:
            line[key] += f" ± {np.std(values):.4f}"
    for key, digits in (("valid NDCG@10", 4), ("epochs", 0), ("seconds", 0)):
        values = [row[key] for row in rows if key in row]
        line[key] = f"{np.mean(values):.{digits}f}" if values else None
    return line


def write_results(rows: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Writes the table of all measurements."""
    lines = []
    for name, published in PUBLISHED.items():
        by_model: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if row["data"] == name:
                by_model.setdefault(row["model"], []).append(row)
        lines += [summed_up(by_model[model]) for model in sorted(by_model)]
        lines += [
            summed_up([{"data": name, "model": f"{model} (published)", "HR@10": hr, "NDCG@10": n}])
            for model, (hr, n) in published.items()
        ]
    common.report("amazon_seq", lines, settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="*", choices=tuple(PUBLISHED), default=tuple(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--events", nargs=2, metavar=("DATA", "FOLDER"))
    args = parser.parse_args()
    if args.events:
        print(f"wrote {write_events(args.events[0], Path(args.events[1]))}")
        return
    rows: list[dict[str, Any]] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else []
    done = {(row["data"], row.get("seed")) for row in rows}
    settings = {"run": yaml.safe_load(RUN.read_text("utf-8"))}
    for seed in (*range(1, args.seeds + 1), None):
        for name in args.data:
            if (name, seed) not in done:
                rows += measured_baselines(name) if seed is None else measured(name, seed)
                common.RESULTS.mkdir(exist_ok=True)
                KEPT.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
                write_results(rows, settings)


if __name__ == "__main__":
    main()
