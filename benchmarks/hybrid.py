"""What keywords add to a model: kinds of queries that shoppers type, answered by either and both.

    tfmm train examples/fashion/run.yaml --out runs/fashion
    tfmm export runs/fashion --out models
    python benchmarks/hybrid.py models/fashion

Queries are made of the products of the data set `fashion`: some words of a title, a title with
letters mistyped, brand and type, colour, type and gender, and product codes. The weight of the
keywords is chosen on queries of one half of the titles and met once by those of the other half. The
model has seen the titles in training, as a shop's model has: this measures known products asked for
in other words, not products never seen.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from typing import Any

import numpy as np
from common import data_folder, report
from rich.progress import track

from tfmm.data import SearchCatalog
from tfmm.data.search_catalog import CATALOG_FILE
from tfmm.evaluation.query_metrics import mean_metrics, query_metrics
from tfmm.serving.ask.hybrid import WEIGHTS, Hybrid
from tfmm.serving.client.client import Client
from tfmm.serving.client.hits import Hits
from tfmm.serving.server.open_model import find_catalog, open_model

Query = tuple[str, dict[str, float]]
MOST_RELEVANT = 50


def main() -> None:
    """Asks, chooses the weight, and writes results/hybrid.*."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="the folder of an exported model of examples/fashion")
    parser.add_argument("--queries", type=int, default=200, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    with (data_folder() / "fashion" / "products.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    file = find_catalog(options.model)
    if file is None:
        raise SystemExit(f"{options.model} holds no {CATALOG_FILE}.")
    hybrid = Hybrid(SearchCatalog.load(file))
    rng = np.random.default_rng(options.seed)
    parts = halves(rows, rng)
    asked = {name: queries(rows, part, options.queries, rng) for name, part in parts.items()}
    found: dict[str, dict[str, list[Hits]]] = {}
    with open_model(options.model) as client:
        for name, kinds in asked.items():
            found[name] = {kind: answers(client, made) for kind, made in kinds.items()}

    flat = [query for made in asked["valid"].values() for query in made]
    hits = [one for kind in asked["valid"] for one in found["valid"][kind]]
    quality = {}
    for weight in track(WEIGHTS, description="weights"):
        quality[weight] = mean(Hybrid(hybrid.keywords, weight=weight), flat, hits)["ndcg@10"]
    best = max(quality, key=lambda weight: quality[weight])
    print({weight: round(value, 4) for weight, value in quality.items()})

    results: list[dict[str, Any]] = []
    for kind, made in asked["test"].items():
        one = found["test"][kind]
        model = mean_metrics(
            [query_metrics(h.item_id, r) for h, (_, r) in zip(one, made, strict=True)]
        )
        row: dict[str, Any] = {"queries": kind, "such as": made[0][0], "asked": len(made)}
        for name, values in (
            ("model", model),
            ("keywords", mean(Hybrid(hybrid.keywords, weight=1.0), made, one)),
            ("hybrid", mean(Hybrid(hybrid.keywords, weight=best), made, one)),
        ):
            row[f"{name} ndcg@10"] = round(values["ndcg@10"], 3)
            row[f"{name} mrr"] = round(values["mrr"], 3)
        results.append(row)
    settings = {
        **vars(options),
        "weight chosen on validation": best,
        "validation ndcg@10 by weight": {str(w): round(v, 3) for w, v in quality.items()},
    }
    report("hybrid", results, settings)


def halves(rows: list[dict[str, str]], rng: np.random.Generator) -> dict[str, list[int]]:
    """Rows of the products, halved by title."""
    titles = sorted({title(row) for row in rows})
    valid = set(rng.permutation(titles)[: len(titles) // 2].tolist())
    place: dict[str, list[int]] = {"valid": [], "test": []}
    for number, row in enumerate(rows):
        place["valid" if title(row) in valid else "test"].append(number)
    return place


def title(row: dict[str, str]) -> str:
    """A title as titles are compared."""
    return " ".join(row["productDisplayName"].lower().split())


def queries(
    rows: list[dict[str, str]], part: list[int], count: int, rng: np.random.Generator
) -> dict[str, list[Query]]:
    """Queries by kind with their relevant ids, made of products of one part."""
    by: dict[str, dict[Any, list[str]]] = {k: defaultdict(list) for k in ("title", "brand", "look")}
    for row in rows:
        by["title"][title(row)].append(row["id"])
        by["brand"][brand(row), row["articleType"]].append(row["id"])
        by["look"][look(row)].append(row["id"])

    made: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for number in rng.permutation(part):
        row = rows[number]
        words = title(row).split()
        same = by["title"][title(row)]
        if len(words) > 3:
            kept = np.sort(rng.permutation(len(words))[: max(2, round(0.6 * len(words)))])
            made["some words of a title"][" ".join(words[place] for place in kept)] = same
            made["mistyped title"][" ".join(mistyped(word, rng) for word in words)] = same
        branded = by["brand"][brand(row), row["articleType"]]
        if len(branded) <= MOST_RELEVANT:
            made["brand and type"][f"{brand(row)} {row['articleType'].lower()}"] = branded
        alike = by["look"][look(row)]
        if len(alike) <= MOST_RELEVANT:
            made["colour, type, gender"][" ".join(look(row)).lower()] = alike
        made["product code"][row["id"]] = [row["id"]]
    return {
        kind: [(text, dict.fromkeys(ids, 1.0)) for text, ids in list(found.items())[:count]]
        for kind, found in made.items()
    }


def brand(row: dict[str, str]) -> str:
    """The first word of a title, which in this data set is the brand's."""
    return title(row).split()[0]


def look(row: dict[str, str]) -> tuple[str, str, str]:
    """What a product is without its name."""
    return row["baseColour"], row["articleType"], row["gender"]


def mistyped(word: str, rng: np.random.Generator) -> str:
    """A third of the longer words with two neighbouring letters swapped or one left out."""
    if len(word) < 5 or rng.random() > 1 / 3:
        return word
    place = int(rng.integers(1, len(word) - 2))
    if rng.random() < 0.5:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + word[place + 1 :]


def answers(client: Client, made: list[Query]) -> list[Hits]:
    """What the model finds for each query, 32 at a time."""
    found: list[Hits] = []
    for start in range(0, len(made), 32):
        found += client.search(text=[text for text, _ in made[start : start + 32]])
    return found


def mean(hybrid: Hybrid, made: list[Query], hits: list[Hits]) -> dict[str, float]:
    """Mean metrics of a hybrid over queries whose hits by the model are at hand."""
    return mean_metrics(
        [
            query_metrics(hybrid.rank(text, one).item_id, relevant)
            for (text, relevant), one in zip(made, hits, strict=True)
        ]
    )


if __name__ == "__main__":
    main()
