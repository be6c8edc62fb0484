"""How well the assistant holds scripted dialogues, and how fast it answers over gRPC.

    python benchmarks/assistant.py            # the sample shop, and fashion from TFMM_DATA

A retrieval run of the sample shop is trained for a moment, exported and served by the embedded
server; with TFMM_DATA a search run of `fashion` too. Then every dialogue of
`tests/serving/assistant/corpus` is held through `Client`, turn by turn. A dialogue succeeds
if every turn has the expected intent, filters, products and facts (the corpus's README says how
that is judged). The held-out halves were written before the assistant and are not looked at when
it is changed. Spoken turns are said by espeak-ng and heard by PocketSphinx, and timed apart.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import data_folder, report

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.serving.assistant.conftest import RUN, sample_items
from tests.serving.assistant.dialogues import (
    FAQ,
    HAS_VOICE,
    Dialogue,
    Talk,
    dialogues,
    fashion_dialogues,
)
from tfmm import sample_shop
from tfmm.data import SearchCatalog
from tfmm.data.search_catalog import CATALOG_FILE
from tfmm.export import export_model
from tfmm.serving import Assistant, Client, Server
from tfmm.serving.ask.voice import SphinxRecognizer
from tfmm.training import train

FASHION = Path(__file__).parents[1] / "examples" / "fashion" / "shop.yaml"


def main() -> None:
    """Trains, serves, talks, and writes results/assistant.*."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-fashion", action="store_true", help="the sample shop alone")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, talking(RUN, Path(name)) as (talk, catalog):
        talk.items, talk.images = sample_items(), sample_shop.path().parent / "images"
        if HAS_VOICE:
            heard = SphinxRecognizer.from_catalog(catalog, Path(name) / "voice")
            talk.assistant._recognizer = heard
        for half in ("tuning", "held_out"):
            held = [one for one in dialogues(half) if HAS_VOICE or not one.spoken]
            for language in ("en", "zh"):
                mine = [one for one in held if one.file.startswith(language)]
                rows.append(measured(f"sample shop, {language}", half, talk, mine))
    if not options.no_fashion:
        rows += list(fashion())
    for half in ("tuning", "held_out"):
        mine = [row for row in rows if row["half"] == half]
        rows.append(total(half, mine))
    report("assistant", rows, {"server": "tfmm serve (embedded), gRPC", "espeak-ng": HAS_VOICE})


def fashion() -> Iterator[dict[str, Any]]:
    """The rows of the data set `fashion`."""
    folder = data_folder()
    table = pd.read_csv(folder / "fashion" / "products.csv", dtype=str).set_index("id")
    table["title"], table["type"] = table["productDisplayName"], table["articleType"]
    table["colour"] = table["baseColour"]
    config = {
        "name": "shop",
        "task": "search",
        "shop": str(FASHION),
        "items": {"encoders": {"title": "bag", "type": "embedding", "colour": "embedding"}},
        "search": {"queries": {"title": "subwords"}},
        "train": {"epochs": 1},
        "index": {"k": 100},
    }
    with tempfile.TemporaryDirectory() as name, talking(config, Path(name)) as (talk, _):
        talk.items = table
        for half in ("tuning", "held_out"):
            yield measured("fashion", half, talk, fashion_dialogues(half))


@contextmanager
def talking(config: dict[str, Any], folder: Path) -> Iterator[tuple[Talk, SearchCatalog]]:
    """An assistant over a run of this configuration, served meanwhile."""
    run = train(config, folder / "run", say=print)
    version = export_model(run, folder / "models", say=print)
    catalog = SearchCatalog.load(version / CATALOG_FILE)
    with (
        Server(folder / "models", grpc_port=0, rest_port=0) as server,
        Client(server.grpc_address, "shop") as client,
    ):
        assistant = Assistant(client, catalog, faq=FAQ)
        yield Talk(assistant, pd.DataFrame(), folder, folder), catalog


def measured(shop: str, half: str, talk: Talk, held: Sequence[Dialogue]) -> dict[str, Any]:
    """One row: how many dialogues and turns went as scripted, and how long turns took."""
    succeeded, turns, seconds, spoken = [], [], [], []
    for dialogue in held:
        faulty = 0
        for turn, answer, faults in talk.hold(dialogue):
            faulty += bool(faults)
            turns.append(not faults)
            (spoken if "speak" in turn else seconds).append(answer.trace.seconds)
            if faults and half == "tuning":
                print(f"{dialogue.name}: {turn}: {faults}")
        succeeded.append(not faulty)
    return {
        "shop": shop,
        "half": half,
        "dialogues": len(held),
        "succeeded": sum(succeeded),
        "share": round(float(np.mean(succeeded)), 3),
        "turns": len(turns),
        "turns right": round(float(np.mean(turns)), 3),
        "p50 ms": round(1000 * float(np.median(seconds)), 1),
        "p95 ms": round(1000 * float(np.quantile(seconds, 0.95)), 1),
        "spoken p50 ms": round(1000 * float(np.median(spoken))) if spoken else None,
    }


def total(half: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The row over all shops of a half; times are the slowest shop's."""
    dialogues_held = sum(row["dialogues"] for row in rows)
    turns = sum(row["turns"] for row in rows)
    right = sum(row["turns"] * row["turns right"] for row in rows)
    succeeded = sum(row["succeeded"] for row in rows)
    return {
        "shop": "all",
        "half": half,
        "dialogues": dialogues_held,
        "succeeded": succeeded,
        "share": round(succeeded / dialogues_held, 3),
        "turns": turns,
        "turns right": round(right / turns, 3),
        "p50 ms": max(row["p50 ms"] for row in rows),
        "p95 ms": max(row["p95 ms"] for row in rows),
        "spoken p50 ms": None,
    }


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
