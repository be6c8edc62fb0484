"""What asking by voice costs: spoken product titles against the same titles typed.

    tfmm train examples/fashion/run.yaml --out runs/fashion
    python benchmarks/voice.py --run runs/fashion --queries 100

Titles of the data set `fashion` that the run held out are spoken by espeak-ng's voices
(`apt-get install espeak-ng`), recognised by PocketSphinx and searched among all 12,000 products:
by keywords in the titles, and by the run's exported model, which sees the pictures alone, served
and asked through `Client.search`. Synthetic speech is clearer than shoppers in the street and says
names by rules: read the numbers as an upper bound.

Rows: which titles the language model was made of. "all titles" is a shop whose shoppers ask for
what it has; "other titles" leaves out every asked title, for words in an order never seen;
"English" is PocketSphinx's own model.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from common import data_folder, report
from rich.progress import track
from serving import serving

from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import TextColumn
from tfmm.evaluation.query_metrics import mean_metrics, query_metrics
from tfmm.export import export_model
from tfmm.serving import Client
from tfmm.serving.ask.keywords import Keywords
from tfmm.serving.ask.voice import SphinxRecognizer
from tfmm.serving.ask.voice.sphinx_recognizer import english_recognizer, spoken_words
from tfmm.tasks.search.examples import search_parts
from tfmm.training import load_run
from tfmm.training.run import Run

Find = Callable[[str], Sequence[str]]
VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+f4", "en-us+m3", "en-gb-x-rp", "en-gb-scotland")
SPEEDS = (140, 160, 175)  # words a minute; espeak-ng's own is 175


def main() -> None:
    """Speaks, recognises, searches, and writes results/voice.*."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="a run of examples/fashion")
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    data_folder()
    run = load_run(options.run)
    column: Any = run.data.items.features["title"]
    ids, titles = run.data.items.ids, column.values
    form = np.array([" ".join(spoken_words(title)) for title in titles], object)
    held_out = search_parts(run.config, run.data, ["title", "photo"]).test
    distinct = sorted({words for words in form[held_out] if len(words.split()) > 1})
    asked = np.random.default_rng(options.seed).permutation(distinct)[: options.queries].tolist()
    relevant = [{str(i): 1.0 for i in ids[form == words]} for words in asked]

    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name, searches(run, Path(name) / "models") as finds:
        folder = Path(name)
        spoken = [speak(folder / f"{n}.wav", words, n) for n, words in enumerate(asked)]
        typed: dict[str, Any] = {"asked": "typed", "language model": ""}
        results.append(typed | measured(finds, asked, relevant))
        held = set(asked)
        others = [t for t, words in zip(titles, form, strict=True) if words not in held]
        for model, make in (
            ("all titles", lambda: SphinxRecognizer.from_titles(titles, folder / "all")),
            ("other titles", lambda: SphinxRecognizer.from_titles(others, folder / "others")),
            ("English", english_recognizer),
        ):
            start = time.perf_counter()
            recognizer = make()
            built = time.perf_counter() - start
            start = time.perf_counter()
            heard = [recognizer.text(wav) for wav in track(spoken, description=model)]
            seconds = (time.perf_counter() - start) / len(spoken)
            results.append(
                {
                    "asked": "spoken",
                    "language model": model,
                    **measured(finds, heard, relevant),
                    "word error rate": round(word_error_rate(asked, heard), 3),
                    "heard in full": round(float(np.mean(np.array(asked) == heard)), 2),
                    "s to build": round(built, 1),
                    "s a query": round(seconds, 2),
                }
            )
            for said, got in list(zip(asked, heard, strict=True))[:8]:
                print(f"  {said}  ->  {got}")
    results[0] |= dict.fromkeys(list(results[1])[len(results[0]) :])
    engine = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True)
    report(
        "voice",
        results,
        {
            "queries": len(asked),
            "seed": options.seed,
            "speech": engine.stdout.split("  ")[0],
            "voices": VOICES,
        },
    )


@contextmanager
def searches(run: Run, models: Path) -> Iterator[dict[str, Find]]:
    """Both ways to search, each from words to the ids of 10 products."""
    titles: Any = run.data.items.features["title"]
    catalog = Catalog(run.data.items.ids, {"title": TextColumn(titles.values)})
    keywords = Keywords(SearchCatalog.from_shop(catalog))
    export_model(run, models, k=10)
    with serving(models) as (_, addresses), Client(addresses["grpc"], model="fashion") as client:
        yield {
            "keywords": lambda text: keywords.search(text, 10).item_id,
            "pictures": lambda text: client.search(text=text).item_id,
        }


def speak(file: Path, words: str, number: int) -> Path:
    """Writes a WAV of the words in one of the voices."""
    voice, speed = VOICES[number % len(VOICES)], SPEEDS[number % len(SPEEDS)]
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", file, words], check=True)
    return file


def measured(
    finds: dict[str, Find], texts: list[str], relevant: list[dict[str, float]]
) -> dict[str, float]:
    """Recall@10, Precision@1 and MRR of each way to search."""
    out = {}
    for way, find in finds.items():
        found = [list(find(text)) if text else [] for text in texts]
        values = mean_metrics([query_metrics(f, r) for f, r in zip(found, relevant, strict=True)])
        for name in ("recall@10", "precision@1", "mrr"):
            out[f"{way}: {name}"] = round(values[name], 3)
    return out


def word_error_rate(said: list[str], heard: list[str]) -> float:
    """Words to insert, delete or replace, over the words that were said."""
    wrong = total = 0
    for one, other in zip(said, heard, strict=True):
        wanted, got = one.split(), other.split()
        total += len(wanted)
        row = list(range(len(got) + 1))
        for i, word in enumerate(wanted, start=1):
            above, row = row, [i]
            for j, candidate in enumerate(got, start=1):
                row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != candidate)))
        wrong += row[-1]
    return wrong / total


if __name__ == "__main__":
    main()
