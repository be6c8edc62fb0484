"""Tables on published splits: this project's models beside the baselines and others' numbers.

    python benchmarks/published.py tiktok [--seeds 3] [--rows graph "two-tower, ids alone"]
    python benchmarks/published.py baby
    python benchmarks/published.py gowalla

Needs the data folder (`TFMM_DATA`). All items are ranked, those of training left out; recall is
hits / test items, NDCG's ideal is over min(20, test items), and both are means over users with test
items. A model trains on the training part alone and keeps the weights of its best epoch on
validation; every seed meets the test once. Gowalla comes without a validation part: a tenth of its
training pairs becomes one, and the model is trained again on all of them for as many epochs as were
best. Baselines are tuned on validation. Seconds are those of training. Measurements are kept in
`results/published_<name>.json`, and `RESULTS.md` is written from all of these; what is there
already is not measured again, and a training that was stopped goes on from its last epoch's
checkpoint (in `$TFMM_CACHE`) as long as its run file is the same. A row whose run file has a
`blend` has a second one beside it, chosen on validation where the file does not give its values.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import yaml
from trainings import best_epoch, seeded, split_of, trained
from user_lists import write_events

from tfmm.data.events.parts import Split
from tfmm.data.files import cache_folder
from tfmm.data.shop import ShopData
from tfmm.evaluation import evaluate, evaluate_baselines
from tfmm.tasks.config import RunConfig
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.choice import Chooser
from tfmm.tasks.retrieval.blend.fitting import fit_linear
from tfmm.tasks.retrieval.blend.linear_part import LinearPart
from tfmm.tasks.retrieval.config import BlendConfig
from tfmm.training.run import load_data

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
RESULTS = Path(__file__).parent / "RESULTS.md"
#: What is missing or was tried, by table.
NOTES = Path(__file__).parent / "published_notes.yaml"
#: Where trainings keep their checkpoints until they are measured.
WORK = cache_folder() / "published"
METRICS = ("recall@20", "ndcg@20")
BASELINES = ("popularity", "item_knn", "ease")

#: What others published on exactly these files and splits: Recall@20, NDCG@20, source.
PUBLISHED: dict[str, dict[str, tuple[float, float, str]]] = {
    "tiktok": {
        "LightGCN": (0.0653, 0.0282, "DiffMM, MM 2024, table 1"),
        "LATTICE": (0.0843, 0.0367, "DiffMM, MM 2024, table 1"),
        "BM3": (0.0957, 0.0404, "DiffMM, MM 2024, table 1"),
        "DiffMM": (0.1129, 0.0456, "DiffMM, MM 2024, table 1; reads a text feature too"),
    },
    "baby": {
        "BPR": (0.0575, 0.0249, "MMRec's table"),
        "LightGCN": (0.0754, 0.0328, "MMRec's table"),
        "BM3": (0.0883, 0.0383, "MMRec's table; reads pictures and texts too"),
        "FREEDOM": (0.0992, 0.0424, "MMRec's table; reads pictures and texts too"),
    },
    "gowalla": {
        "ItemPop": (0.0416, 0.0317, "RecZoo / BARS"),
        "ItemKNN": (0.1570, 0.1214, "RecZoo / BARS"),
        "EASE": (0.1765, 0.1467, "RecZoo / BARS"),
        "MF-BPR": (0.1627, 0.1378, "RecZoo / BARS"),
        "LightGCN": (0.1830, 0.1554, "LightGCN, SIGIR 2020, table 4"),
        "SimpleX": (0.1872, 0.1557, "SimpleX, CIKM 2021"),
    },
}

#: What is not searched on validation here. Gowalla's EASE takes a quarter of an hour a penalty.
GIVEN: dict[str, dict[str, dict[str, Any]]] = {
    "gowalla": {"ease": {"lam": 300.0, "max_memory": 8 * 2**30}}
}
#: Whose validation part belongs to the training data.
REFIT = ("gowalla",)

#: By data, then row: the run file among the examples, and what differs from it.
ROWS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {
    "tiktok": {
        "graph": ("graph.yaml", {}),
        "graph, no messages": ("graph.yaml", {"graph": {"layers": 0}}),
        "two-tower, ids alone": ("run.yaml", {"items": {"encoders": {}}}),
    },
    "baby": {
        "graph": ("graph.yaml", {}),
        "graph, 512 dimensions, rate .005": (
            "graph.yaml",
            {"items": {"dim": 512}, "train": {"learning_rate": 0.005}},
        ),
        "two-tower, ids alone": ("run.yaml", {}),
    },
    "gowalla": {
        "graph": ("graph.yaml", {}),
        "two-tower, ids alone": ("graph.yaml", {"graph": None, "blend": {"ease": False}}),
    },
}


def config_of(name: str, row: str, seed: int = 1) -> RunConfig:
    """The configuration of a row."""
    file, changes = ROWS[name][row]
    base = yaml.safe_load((EXAMPLES / name / file).read_text("utf-8"))
    base["shop"] = str(EXAMPLES / name / base["shop"])
    for key, value in changes.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
    return seeded(RunConfig.from_dict(base), seed)


def tested(users: np.ndarray, items: np.ndarray, parts: Split) -> dict[str, float]:
    """Recall@20 and NDCG@20 on the test part of vectors that score by their inner product."""
    found = evaluate((users, items), parts.test, seen=parts.final_train(), ks=(20,))["model"]
    return {metric: found[metric] for metric in METRICS}


def parts_of(name: str, config: RunConfig, data: ShopData) -> Split:
    """The published split."""
    return dataclasses.replace(split_of(config, data), refit=name in REFIT)


def measured(name: str, row: str, seed: int) -> list[dict[str, Any]]:
    """One training of a row's model and its test; a second row of its blend where it has one."""
    config = config_of(name, row, seed)
    data = load_data(config)
    parts = parts_of(name, config, data)
    work = WORK / f"{name} {row} {seed} {config.sha256[:12]}"
    model, history = trained(config, data, parts, folder=work / "choose")
    seconds = sum(one["seconds"] for one in history)
    choice = None
    if config.blend.ease:
        choice, _ = Chooser(model, parts, config.train.temperature).choose(config.blend, None)
    if parts.refit:
        epochs = best_epoch(history)
        model, again = trained(config, data, parts, epochs=epochs, folder=work / "refit")
        seconds += sum(one["seconds"] for one in again)
    items = model.item_vectors()
    users = model.user_vectors(parts.final_train(), items=items)
    about = {
        "valid recall@20": max(one["recall@20"] for one in history),
        "epochs": best_epoch(history),
        "seconds": seconds,
        "peak GB": common.peak_memory_gb(),
        "source": f"measured here, {machine()}",
    }
    found = [{"model": f"tfmm: {row}", "seed": seed, **tested(users, items, parts), **about}]
    if choice is not None:
        linear, cost = linear_part(name, config.blend, choice.lam, data, parts)
        blend = Blend(model, linear.weighted(choice.weight, choice.scale))
        items = blend.join(items)
        users = blend.user_vectors(parts.final_train(), items=items)
        about["seconds"] += cost["seconds"]
        about["peak GB"] = max(common.peak_memory_gb(), cost["peak GB"])
        del about["valid recall@20"]  # the learned model's alone
        served = f"tfmm: {row}, blended with EASE (served)"
        found.append({"model": served, "seed": seed, **tested(users, items, parts), **about})
    shutil.rmtree(work)
    return found


def linear_part(
    name: str, given: BlendConfig, lam: float, data: ShopData, parts: Split
) -> tuple[LinearPart, dict[str, float]]:
    """The linear part of a blend, and the seconds and memory that fitting it took; kept for all
    seeds."""
    folder = WORK / f"{name} {given.activity} {lam} {given.rank}"
    kept = folder / "cost.json"
    if not kept.exists():
        started = time.perf_counter()
        fit_linear(parts.final_train(), lam, given).save(folder, data.items.ids)
        cost = {"seconds": time.perf_counter() - started, "peak GB": common.peak_memory_gb()}
        kept.write_text(json.dumps(cost), "utf-8")
    linear = LinearPart.load(folder, data.items.ids)
    assert linear is not None
    return linear, json.loads(kept.read_text("utf-8"))


def measured_linear(name: str, config: RunConfig) -> dict[str, Any]:
    """The linear part of a blend by itself."""
    given = config.blend
    assert given.lam is not None
    data = load_data(config)
    parts = parts_of(name, config, data)
    linear, cost = linear_part(name, given, given.lam, data, parts)
    histories = parts.final_train().csr()
    return {
        "model": linear_label(given),
        **tested(linear.users(histories), linear.candidates, parts),
        **cost,
        "source": f"measured here, {machine()}",
    }


def linear_label(given: BlendConfig) -> str:
    """How a table names the linear part of a blend."""
    return f"tfmm: EASE (activity {given.activity:g}, lam {given.lam:g}, rank {given.rank})"


def measured_baseline(name: str, baseline: str) -> dict[str, Any]:
    """The row of a simple model, tuned on validation."""
    config = config_of(name, next(iter(ROWS[name])))
    parts = parts_of(name, config, load_data(config))
    started = time.perf_counter()
    made = evaluate_baselines(
        parts.final_train(),
        parts.test,
        names=(baseline,),
        params=GIVEN.get(name),
        tune_on=(parts.train, parts.valid),
        ks=(20,),
    )[baseline]
    chosen = ", ".join(f"{k} {v:g}" for k, v in made["params"].items() if k != "max_memory")
    return {
        "model": f"{baseline} ({chosen})" if chosen else baseline,
        **{metric: made[metric] for metric in METRICS},
        "seconds": time.perf_counter() - started,
        "peak GB": common.peak_memory_gb(),
        "source": f"measured here, {machine()}",
    }


def machine() -> str:
    """Commit, date, versions and cores of a measurement."""
    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True
    ).stdout.strip()
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in common.PACKAGES[:3])
    cores = len(os.sched_getaffinity(0))
    return f"{datetime.date.today().isoformat()}, {commit}, {cores} cores, {versions}"


def summed_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The line of a table: mean and deviation over the measurements of one model."""
    out: dict[str, Any] = {"model": rows[0]["model"], "source": rows[-1].get("source", "")}
    if "seed" in rows[0]:
        out["seeds"] = len(rows)
    for key in (*METRICS, "valid recall@20"):
        values = [row[key] for row in rows if key in row]
        if values:
            out[key] = f"{np.mean(values):.4f}"
        if len(values) > 1 and key in METRICS:
            out[f"{key} ±"] = f"{np.std(values):.4f}"
    for key, digits in (("epochs", 0), ("seconds", 0), ("peak GB", 2)):
        if key in rows[0]:
            out[key] = f"{np.mean([row[key] for row in rows]):.{digits}f}"
    return out


def write_results() -> None:
    """Writes `RESULTS.md` from the measurements of all tables."""
    columns = ["model", "seeds", "recall@20", "recall@20 ±", "ndcg@20", "ndcg@20 ±"]
    columns += ["valid recall@20", "epochs", "seconds", "peak GB", "source"]
    notes = yaml.safe_load(NOTES.read_text("utf-8"))
    about = (__doc__ or "").partition("\n\nNeeds ")[2]
    lines = ["# Published splits", "", f"Needs {about.strip()}", ""]
    for name, published in PUBLISHED.items():
        kept = common.RESULTS / f"published_{name}.json"
        by_model: dict[str, list[dict[str, Any]]] = {}
        for row in json.loads(kept.read_text("utf-8")) if kept.exists() else ():
            by_model.setdefault(row["model"], []).append(row)
        ordered = sorted(by_model.values(), key=lambda rows: "seed" in rows[0])
        table = [summed_up(rows) for rows in ordered]
        table += [
            summed_up(
                [{"model": f"{model} (published)", "recall@20": r, "ndcg@20": n, "source": s}]
            )
            for model, (r, n, s) in published.items()
        ]
        lines += [f"## {name}", "", "| " + " | ".join(columns) + " |"]
        lines.append("|" + " --- |" * len(columns))
        for line in table:
            lines.append("| " + " | ".join(str(line.get(key, "")) for key in columns) + " |")
        lines += ["", " ".join(notes[name].split()), ""]
    RESULTS.write_text("\n".join(lines), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=tuple(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="*")
    args = parser.parse_args()
    unknown = [row for row in args.rows or () if row not in ROWS[args.name]]
    if unknown:
        raise SystemExit(f"Unknown rows {unknown}; there are: {', '.join(ROWS[args.name])}.")
    folder = common.data_folder() / args.name
    if args.name == "gowalla":
        os.environ["GOWALLA"] = str(write_events(folder, WORK / args.name).parent)
    common.RESULTS.mkdir(exist_ok=True)
    kept = common.RESULTS / f"published_{args.name}.json"
    rows: list[dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept.exists() else []

    def keep() -> None:
        kept.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
        write_results()

    done = {(row["model"], row.get("seed")) for row in rows}
    for seed in range(1, args.seeds + 1):
        for row in args.rows or ROWS[args.name]:
            if (f"tfmm: {row}", seed) not in done:
                rows += measured(args.name, row, seed)
                keep()
    known = {row["model"].partition(" (")[0] for row in rows}
    for row in args.rows or ROWS[args.name]:
        config = config_of(args.name, row)
        named = config.blend.ease and config.blend.lam is not None
        if named and linear_label(config.blend) not in {one["model"] for one in rows}:
            rows.append(measured_linear(args.name, config))
            keep()
    for baseline in BASELINES:
        if baseline not in known:
            rows.append(measured_baseline(args.name, baseline))
            keep()


if __name__ == "__main__":
    main()
