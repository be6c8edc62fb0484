"""What asking by voice costs: spoken product titles against the same titles typed.

    python benchmarks/voice.py --queries 100

Titles of the data set `fashion` are spoken by espeak-ng's voices (`apt-get install espeak-ng`),
recognised by PocketSphinx and searched by keywords among all 12,000 products. Synthetic speech is
clearer than shoppers in the street and says names by rules: read the numbers as an upper bound.

Rows: which titles the language model was made of. "all titles" is a shop whose shoppers ask for
what it has; "other titles" leaves out every asked title, for words in an order never seen;
"English" is PocketSphinx's own model.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import data_folder, report
from rich.progress import track

from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import TextColumn
from tfmm.evaluation.query_metrics import mean_metrics, query_metrics
from tfmm.serving.keywords import Keywords
from tfmm.serving.voice import SphinxRecognizer
from tfmm.serving.voice.sphinx_recognizer import english_recognizer, spoken_words

VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+f4", "en-us+m3", "en-gb-x-rp", "en-gb-scotland")
SPEEDS = (140, 160, 175)  # words a minute; espeak-ng's own is 175


def main() -> None:
    """Speaks, recognises, searches, and writes results/voice.*."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    file = data_folder() / "fashion" / "products.csv"
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    ids = np.array([row["id"] for row in rows], object)
    titles = np.array([row["productDisplayName"] for row in rows], object)
    keywords = Keywords(SearchCatalog.from_shop(Catalog(ids, {"title": TextColumn(titles)})))
    form = np.array([" ".join(spoken_words(title)) for title in titles], object)
    distinct = sorted({words for words in form if len(words.split()) > 1})
    asked = np.random.default_rng(options.seed).permutation(distinct)[: options.queries].tolist()
    relevant = [{str(i): 1.0 for i in ids[form == words]} for words in asked]

    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spoken = [speak(folder / f"{n}.wav", words, n) for n, words in enumerate(asked)]
        results.append(
            {"asked": "typed", "language model": "", **measured(keywords, asked, relevant)}
        )
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
                    **measured(keywords, heard, relevant),
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
        {**vars(options), "speech": engine.stdout.split("  ")[0], "voices": VOICES},
    )


def speak(file: Path, words: str, number: int) -> Path:
    """Writes a WAV of the words in one of the voices."""
    voice, speed = VOICES[number % len(VOICES)], SPEEDS[number % len(SPEEDS)]
    subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", file, words], check=True)
    return file


def measured(
    keywords: Keywords, texts: list[str], relevant: list[dict[str, float]]
) -> dict[str, float]:
    """Recall@10, Recall@1 and MRR of keyword search."""
    found = [keywords.search(text, 10).item_id if text else [] for text in texts]
    values = mean_metrics([query_metrics(f, r) for f, r in zip(found, relevant, strict=True)])
    return {name: round(values[name], 3) for name in ("recall@10", "precision@1", "mrr")}


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
