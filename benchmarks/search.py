"""Search by words over pictures: what the features, the text, the ensemble and hubs are worth.

python benchmarks/search.py --part valid       # what choices are made on
python benchmarks/search.py --seeds 1 2 3      # the test

12,000 product pictures of `fashion`; 1,000 items (whole groups of equal titles or of the same
picture) are held out for the test and as many for validation. A query is an item's title, all
12,000 pictures are ranked, and every item of the same title is right. Nothing on the items' side is
text but in the rows that say so, whose items are told by their attributes (a title as an item's
text would answer itself). `--part valid` trains on the rest; the test's models train on validation
too, and meet the test once. The last columns ask the other way round: which of all titles a
held-out picture belongs to, and how many of the first 10 products are of the kind asked for.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from common import RESULTS, data_folder, report

import tfmm  # noqa: F401  (first of all: it chooses Keras 2)

# isort: split
import numpy as np
import tensorflow as tf

from tfmm.data import load
from tfmm.data.catalog import Catalog
from tfmm.data.columns import VectorColumn
from tfmm.data.files import cache_folder
from tfmm.data.shop import ShopData
from tfmm.encoders import encoder
from tfmm.tasks.config import RunConfig
from tfmm.tasks.search.examples import search_parts
from tfmm.tasks.search.hubness import hub_bias, hub_queries
from tfmm.tasks.search.measure import category_precision, same_group, vector_metrics
from tfmm.tasks.search.model import ItemModel
from tfmm.tasks.search.signatures import search_of
from tfmm.tasks.search.task import Search
from tfmm.training.fit import make_optimizer

ROOT = Path(__file__).resolve().parents[1]
#: Where the parts of a vector of `lite0_mid` end: the maps, the colours, the thumbnail.
MAPS, COLOURS = 3072, 3264
NAMES = ("recall@1", "recall@10", "hit@10", "mrr")
BETAS = (10.0, 20.0, 30.0, 40.0, 60.0, 90.0)

ATTRIBUTES = dict.fromkeys(("type", "colour", "gender"), "embedding")
BACK, KIND = "picture to title", "kind to products, precision@10"

#: What differs from one head of those of the example's run file.
ROWS: dict[str, dict[str, Any]] = {
    "subwords": {},
    "MiniLM": {"text": ("minilm",)},
    "MiniLM + subwords": {"text": ("minilm", "subwords")},
    "LSTM": {"text": ("lstm",)},
    "final features": {"picture": "final"},
    "mid-level": {"picture": "maps"},
    "mid-level, colours": {"picture": "maps+colours"},
    "sigmoid loss": {"contrast": "sigmoid"},
    "hard negatives": {"hard": True},
    "dropout .3": {"dropout": 0.3},
    "three heads": {"heads": 3},
    "items by attributes": {"items": ("attributes",)},
    "items by picture and attributes": {"items": ("picture", "attributes")},
}


def main() -> None:
    """Trains and measures the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("valid", "test"), default="test")
    parser.add_argument("--rows", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--beta", type=float, default=60.0, help="of the test; found on validation")
    parser.add_argument("--time-pictures", action="store_true", help="encode some anew, timed")
    parser.add_argument("--name", default="search", help="of the file of results")
    options = parser.parse_args()

    data_folder()
    data = load(ROOT / "examples/fashion/shop.yaml", verify_media=False)
    pictures = read_pictures(data)
    speed = picture_speed(data) if options.time_pictures else "not timed"
    config = RunConfig.from_file(ROOT / "examples/fashion/run.yaml")
    parts = search_parts(config, data, ["title", "photo"])
    learned = parts.train if options.part == "valid" else parts.final_train()
    asked = parts.valid if options.part == "valid" else parts.test
    print(f"{len(learned):,} items to learn from, {len(asked):,} to ask by; {speed}", flush=True)

    kept = RESULTS / f"{options.name}_{options.part}_rows.json"
    done: dict[str, Any] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    for seed in options.seeds:
        for row in options.rows:
            key = f"{row} | {seed}"
            if key not in done:
                model, seconds = trained(data, pictures, config, ROWS[row], learned, seed, options)
                betas = BETAS if options.part == "valid" else (options.beta,)
                done[key] = measured(model, config, data, parts.groups, asked, learned, betas)
                done[key]["seconds"] = round(seconds, 1)
                kept.write_text(json.dumps(done, indent=1) + "\n", "utf-8")
                print(key, json.dumps(done[key]), flush=True)
    report(
        f"{options.name}_{options.part}",
        table(done, options.beta),
        {"epochs": options.epochs, "beta": options.beta, "pictures": speed},
    )


def read_pictures(data: ShopData) -> dict[str, np.ndarray]:
    """Vectors of all pictures, by what they are made of."""
    column: Any = data.items.features["photo"]

    def vectors(name: str, **options: Any) -> np.ndarray:
        made = encoder("image", name, **options)
        made.adapt(column, cache=cache_folder())
        return np.asarray(made.prepare(column, cache=cache_folder())[:])

    everything = vectors("lite0_mid")
    return {
        "everything": everything,
        "maps": everything[:, :MAPS],
        "maps+colours": everything[:, :COLOURS],
        "final": vectors("efficientnet_lite0", size=(160, 120)),
    }


def picture_speed(data: ShopData) -> str:
    """How fast pictures that are not in the cache are encoded."""
    column: Any = data.items.features["photo"]
    few = column.take(np.linspace(0, len(column) - 1, 512).astype(int))
    made = encoder("image", "lite0_mid")
    made.adapt(few.take(np.arange(64)))  # opens the network
    started = time.perf_counter()
    made.prepare(few)
    seconds = (time.perf_counter() - started) / len(few)
    return f"{1 / seconds:.0f} a second, {seconds * len(column):.0f} s for all"


def trained(
    data: ShopData,
    pictures: dict[str, np.ndarray],
    config: RunConfig,
    changes: dict[str, Any],
    learned: np.ndarray,
    seed: int,
    options: argparse.Namespace,
) -> tuple[ItemModel, float]:
    """A model with changes, and the seconds of its training from cached vectors."""
    values = pictures[changes.get("picture", "everything")]
    features = {**data.items.features, "photo": VectorColumn(values, np.ones(len(values), bool))}
    shown = dataclasses.replace(data, items=Catalog(data.items.ids, features))
    heads, dropout = changes.get("heads", 1), changes.get("dropout", 0.1)
    network = {"hidden": 512 * heads, "skip": True, "scales": True, "dropout": dropout}
    texts: dict[str, Any] = {"minilm": {"name": "minilm", **network}}
    chosen = [texts.get(name, name) for name in changes.get("text", ("subwords",))]
    kinds = {"picture": {"photo": {"name": "projection", **network}}, "attributes": ATTRIBUTES}
    told_by = [kinds[name] for name in changes.get("items", ("picture",))]
    changed = {
        "items": {
            "encoders": {name: spec for kind in told_by for name, spec in kind.items()},
            "dim": 256 * heads,
        },
        "search": {
            "heads": heads,
            "queries": {"title": chosen},
            "loss": changes.get("contrast", "softmax"),
            "hard_by": "type" if changes.get("hard") else None,
        },
        "train": {"seed": seed, "epochs": options.epochs},
    }
    run = RunConfig.from_dict(_merged(config.to_dict(), changed))
    task = Search(run, shown)
    tf.keras.utils.set_random_seed(seed)
    model = task.build(learned)
    started = time.perf_counter()
    model.compile(optimizer=make_optimizer(run.train, task.steps(learned) * options.epochs))
    model.fit(task.batches(model, learned), epochs=options.epochs, verbose=2)
    return model, time.perf_counter() - started


def measured(
    model: ItemModel,
    config: RunConfig,
    data: ShopData,
    groups: np.ndarray,
    asked: np.ndarray,
    learned: np.ndarray,
    betas: tuple[float, ...],
) -> dict[str, Any]:
    """What a model finds without and with its correction for hubs, and the other way round."""
    items, titles = model.item_vectors(), model.query_vectors("title")
    relevant = same_group(groups, asked)
    hubs = hub_queries(model, config, learned)
    out: dict[str, Any] = {"plain": _some(vector_metrics(titles[asked], items, relevant))}
    for beta in betas:
        bias = hub_bias(items, hubs, beta)
        out[f"beta {beta:g}"] = _some(vector_metrics(titles[asked], items, relevant, bias=bias))
    # The titles of held-out items are candidates too; the pictures that tell their hubs are not.
    back = hub_bias(titles, items[learned][:8000], betas[-1])
    out[BACK] = _some(vector_metrics(items[asked], titles, relevant, bias=back))
    kinds: Any = data.items.features["type"]
    of_item = kinds.vocabulary[kinds.codes[asked]]
    names, counts = np.unique(of_item.astype(str), return_counts=True)
    common = [str(name) for name in names[counts >= 10]]
    search = search_of(model)
    vectors = search.vectors(text=tf.constant(common))[0].numpy()
    queries = dict(zip(common, vectors, strict=True))
    found = category_precision(queries, items[asked], of_item, (10,))
    out[KIND] = round(found["precision@10"], 4)
    return out


def table(done: dict[str, Any], beta: float) -> list[dict[str, Any]]:
    """A line for each row, means and deviations over its seeds."""
    lines = []
    for row in ROWS:
        runs = [value for key, value in done.items() if key.split(" | ")[0] == row]
        if not runs:
            continue
        line: dict[str, Any] = {"model": row, "seeds": len(runs)}
        for name in NAMES:
            line[f"{name}, plain"] = _spread([run["plain"][name] for run in runs])
        for name in NAMES:
            line[name] = _spread([run[f"beta {beta:g}"][name] for run in runs])
        for name in ("recall@10", "mrr"):
            line[f"{BACK}, {name}"] = _spread([run[BACK][name] for run in runs])
        line[KIND] = _spread([run[KIND] for run in runs])
        line["seconds"] = round(float(np.mean([run["seconds"] for run in runs])))
        lines.append(line)
    return lines


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values):.3f}"


def _some(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(metrics[name], 4) for name in NAMES}


def _merged(config: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {
        **config,
        **{k: {**config[k], **v} if isinstance(v, dict) else v for k, v in changes.items()},
    }


if __name__ == "__main__":
    main()
