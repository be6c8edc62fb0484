"""What modalities, user towers and fusions give on real shops, beside the baselines.

    python benchmarks/recommendation.py hm [--rows "id only" "text only" …] [--seeds 3]
    python benchmarks/recommendation.py ml100k

Needs the data folder (`TFMM_DATA`). The number of epochs of a row is chosen on validation with the
first seed; then the model is fitted on training and validation together with every seed and meets
the test part once. Baselines are tuned on validation and refitted likewise. A row that is in the
results file already is not run again, so a stopped benchmark goes on where it was. Vectors have 64
dimensions where a row does not say otherwise.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import yaml
from trainings import best_epoch, seeded, split_of, trained

from tfmm.evaluation import evaluate, evaluate_split_baselines
from tfmm.tasks.config import RunConfig
from tfmm.tasks.retrieval.measure import CHOICE
from tfmm.training.run import load_data

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
COLD = {"split": {"cold_items": 0.2}}
TEXT = {"text": "bag"}
TUNED = {"name": "minilm", "train": 2}
SHORT = {"train": {"epochs": 3}}
ATTRIBUTES = {
    "hm": dict.fromkeys(
        ("type", "colour", "pattern", "department", "section", "garment"), "embedding"
    ),
    "ml100k": {"genres": "embedding", "year": "piecewise", "language": "embedding"},
}


def rows_of(shop: str) -> dict[str, dict[str, Any]]:
    """Row name -> what differs from the example's run file."""
    picture = {"hm": "photo", "ml100k": "poster"}[shop]
    attributes = ATTRIBUTES[shop]
    cnn = {picture: "cnn"}
    pretrained = {"text": "minilm", picture: "efficientnet_lite0"}

    def items(encoders: dict, **more: Any) -> dict[str, Any]:
        return {"items": {"encoders": encoders, **more}}

    rows: dict[str, dict[str, Any]] = {
        "id only": items({}),
        "text only (bag)": items(TEXT, id=False),
        "text only (lstm)": items({"text": "lstm"}, id=False),
        "picture only (cnn)": items(cnn, id=False),
        "attributes only": items(attributes, id=False),
        "picture only (classic)": items({picture: "classic"}, id=False),
        "picture only (efficientnet_lite0)": items({picture: "efficientnet_lite0"}, id=False),
        "text only (minilm)": items({"text": "minilm"}, id=False),
        # Compared at three epochs, since one with trained layers takes minutes.
        "text only (minilm, three epochs)": merged(items({"text": "minilm"}, id=False), SHORT),
        "text only (minilm, last 2 layers trained, three epochs)": merged(
            items({"text": TUNED}, id=False, budget=128), SHORT
        ),
        "minilm + efficientnet_lite0": items(pretrained, id=False),
        "minilm + efficientnet_lite0 + id": items(pretrained),
        "minilm + efficientnet_lite0 + attributes + id": items({**pretrained, **attributes}),
        "bag + efficientnet_lite0 + attributes + id": items(
            {**TEXT, picture: "efficientnet_lite0", **attributes}
        ),
        "text + id": items(TEXT),
        "text + picture + attributes": items({**TEXT, **cnn, **attributes}, id=False),
        "text + picture + attributes + id": items({**TEXT, **cnn, **attributes}),
        "text + attributes + id": items({**TEXT, **attributes}),
        "text + attributes + id, 256 dimensions": items({**TEXT, **attributes}, dim=256),
        "graph: text + attributes + id, 256 dimensions": {
            **items({**TEXT, **attributes}, dim=256),
            "graph": {},
        },
        "users: id alone": {**items(TEXT), "users": {"history": "none", "id": True}},
        "users: history, mean": {**items(TEXT), "users": {"history": "mean"}},
        "users: history, mean + id": {**items(TEXT), "users": {"history": "mean", "id": True}},
        "users: history, self-attention": {
            **items(TEXT),
            "users": {"history": "self_attention"},
        },
        "users: history, GRU": {**items(TEXT), "users": {"history": "gru"}},
    }
    for kind in ("concat", "weighted", "gated", "attention", "late", "hybrid"):
        rows[f"fusion: {kind}"] = {"items": {"encoders": {**TEXT, **attributes}, "fusion": kind}}
        rows[f"fusion of pretrained: {kind}"] = {
            "items": {"encoders": {**pretrained, **attributes}, "fusion": kind}
        }
    if shop == "hm":
        for name in [row for row in rows if not row.startswith(("users:", "id only", "text + id"))]:
            rows[f"cold items: {name}"] = merged(rows[name], COLD)
    return rows


def merged(one: dict, other: dict) -> dict:
    out = copy.deepcopy(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict) and key != "encoders"
        out[key] = merged(out[key], value) if both else value
    return out


def measure(config: RunConfig, seeds: int) -> dict[str, Any]:
    """Mean and deviation over seeds of the test metrics of one configuration."""
    started = time.perf_counter()
    data = load_data(config)
    parts = split_of(config, data)
    found: dict[str, list[float]] = {}
    epochs, chosen, an_epoch = 0, 0.0, 0.0
    for seed in range(1, seeds + 1):
        one = seeded(config, seed)
        if seed == 1:
            _, history = trained(one, data, parts)
            epochs = best_epoch(history)
            an_epoch = float(np.median([row["seconds"] for row in history]))
            chosen = history[epochs - 1][CHOICE]
        model, _ = trained(one, data, parts, epochs=epochs)
        seen = parts.final_train()
        items = model.item_vectors()
        users = model.user_vectors(seen, items=items)
        cold = parts.cold_test_pairs if len(parts.cold_test_pairs) else None
        result = evaluate((users, items), parts.test, seen=seen, cold=cold, ks=(20,))
        for part in ("model", "cold"):
            for metric in ("recall@20", "ndcg@20") if part in result else ():
                found.setdefault(f"{part} {metric}", []).append(result[part][metric])
    row: dict[str, Any] = {"seeds": seeds, "epochs": epochs, f"valid {CHOICE}": round(chosen, 4)}
    for name, values in found.items():
        row[name] = round(float(np.mean(values)), 4)
        row[f"{name} ±"] = round(float(np.std(values)), 4)
    taken = round(time.perf_counter() - started, 1)
    return {**row, "seconds": taken, "seconds an epoch": round(an_epoch, 1)}


def baselines(config: RunConfig) -> dict[str, dict[str, Any]]:
    parts = split_of(config, load_data(config))
    made = evaluate_split_baselines(parts, ks=(20,))
    out = {}
    for name, result in made.items():
        row = {f"model {m}": round(result[m], 4) for m in ("recall@20", "ndcg@20")}
        if "cold" in result:
            row |= {f"cold {m}": round(result["cold"][m], 4) for m in ("recall@20", "ndcg@20")}
        out[name] = row
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shop", choices=("hm", "ml100k"))
    parser.add_argument("--rows", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    common.data_folder()
    base = yaml.safe_load((EXAMPLES / args.shop / "run.yaml").read_text("utf-8"))
    base["shop"] = str(EXAMPLES / args.shop / base["shop"])
    base["items"]["dim"] = 64
    name = f"recommendation_{args.shop}"
    kept = common.RESULTS / f"{name}.json"
    done = (
        {row["row"]: row for row in json.loads(kept.read_text("utf-8"))["rows"]}
        if kept.exists()
        else {}
    )
    rows = rows_of(args.shop)
    unknown = [row for row in args.rows or () if row not in rows]
    if unknown:
        raise SystemExit(f"Unknown rows {unknown}; there are: {', '.join(rows)}.")

    def keep() -> None:
        columns = list(dict.fromkeys(key for row in done.values() for key in row))
        table = [{key: row.get(key) for key in columns} for row in done.values()]
        common.report(name, table, {"seeds": args.seeds, "run": base | {"shop": "shop.yaml"}})

    for split, change in (("", {}), ("cold items: ", COLD if args.shop == "hm" else None)):
        if change is None or f"{split}ease" in done:
            continue
        made = baselines(RunConfig.from_dict(merged(base, change)))
        done |= {f"{split}{key}": {"row": f"{split}{key}", **row} for key, row in made.items()}
        keep()
    for label in args.rows or rows:
        if label in done:
            continue
        config = RunConfig.from_dict(merged(base, rows[label]))
        done[label] = {"row": label, **measure(config, args.seeds)}
        keep()


if __name__ == "__main__":
    main()
