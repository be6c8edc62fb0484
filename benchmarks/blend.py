"""What EASE adds to a learned model, served as one inner product, and what other blends would.

    python benchmarks/blend.py hm [--file run.yaml] [--seeds 3] [--ranks 256] [--offline]

Needs the data folder (`TFMM_DATA`). Epochs, EASE's penalty, weight and scale are chosen on
validation with the first seed; then everything is fitted as the split has it (training and
validation together, but for published splits) with every seed, and meets the test part once.
`--offline` adds blends of scores with item-kNN, user-kNN and iALS, which no inner product serves:
their weights, in units of each part's deviation over a user's items, are chosen on validation too.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import yaml
from trainings import best_epoch, seeded, split_of, trained

from tfmm import baselines
from tfmm.evaluation import evaluate, evaluate_split_baselines
from tfmm.evaluation.compare import tune
from tfmm.tasks.config import RunConfig
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.choice import BlendChoice, Chooser
from tfmm.tasks.retrieval.blend.fitting import fit_linear
from tfmm.tasks.retrieval.config import BlendConfig
from tfmm.training.run import load_data

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
METRICS = ("recall@20", "ndcg@20")
OFFLINE = ("item_knn", "user_knn", "ials")
OFFLINE_WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0)


def measured(model: Any, parts: Any) -> dict[str, dict[str, Any]]:
    """Test metrics of vectors (users, items) or of scores."""
    cold = parts.cold_test_pairs if len(parts.cold_test_pairs) else None
    found = evaluate(model, parts.test, seen=parts.final_train(), cold=cold, ks=(20,))
    row = {metric: found["model"][metric] for metric in METRICS}
    if cold is not None:
        row |= {f"cold {metric}": found["cold"][metric] for metric in METRICS}
    return row


def offline_scorer(parts: dict[str, Any], weights: dict[str, float]):
    """Scores of several models, each scaled to a deviation of 1 over a user's items, summed."""

    def score(users: np.ndarray) -> np.ndarray:
        total = np.float32(0)
        for name, weight in weights.items():
            if weight:
                own = parts[name](users)
                total = total + np.float32(weight) * own / (own.std(1, keepdims=True) + 1e-9)
        return total

    return score


def vector_scorer(users: np.ndarray, items: np.ndarray):
    return lambda rows: users[rows] @ items.T


def baseline_scorers(params: dict[str, Any], pairs: Any) -> dict[str, Any]:
    histories = pairs.csr()
    made = {name: baselines.create(name, **given).fit(histories) for name, given in params.items()}
    return {
        name: (lambda users, one=one: one.score(histories[users])) for name, one in made.items()
    }


def choose_offline(parts: Any, scorers: dict[str, Any]) -> dict[str, float]:
    """Weights by coordinate: each joins in turn with the weight that is best on validation."""
    weights = {"blend": 1.0}
    for name in OFFLINE:
        best = -1.0
        for weight in OFFLINE_WEIGHTS:
            tried = {**weights, name: weight}
            found = evaluate(
                offline_scorer(scorers, tried),
                parts.valid,
                seen=parts.train,
                ks=(20,),
                max_users=4000,
            )["model"]
            value = found["recall@20"] * found["ndcg@20"]
            if value > best:
                best, chosen = value, tried
        weights = chosen
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shop", choices=("hm", "tiktok", "baby", "ml100k"))
    parser.add_argument("--file", default="run.yaml", help="the run file among the examples")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ranks", type=int, nargs="+", default=[256])
    parser.add_argument("--cold-items", type=float, default=0.0)
    parser.add_argument("--offline", action="store_true")
    args = parser.parse_args()
    common.data_folder()
    file = EXAMPLES / args.shop / args.file
    given = yaml.safe_load(file.read_text("utf-8")) | {"shop": str(file.parent / "shop.yaml")}
    given["split"]["cold_items"] = args.cold_items
    config = RunConfig.from_dict(given)
    data = load_data(config)
    parts = split_of(config, data)
    started = time.perf_counter()

    model, history = trained(seeded(config, 1), data, parts)
    choices: dict[int, BlendChoice] = {}
    blends = {rank: BlendConfig(ease=True, rank=rank) for rank in args.ranks}
    lam = None
    for rank, blend_config in blends.items():
        given_lam = blend_config.with_values(lam=lam)
        chooser = Chooser(model, parts, config.train.temperature, print)
        made, _ = chooser.choose(given_lam, None)
        assert made is not None
        choices[rank] = made
        lam = choices[rank].lam
    assert lam is not None
    offline: dict[str, float] = {}
    params: dict[str, Any] = {}
    if args.offline:
        rank = args.ranks[0]
        choice = choices[rank]
        linear = fit_linear(parts.train, choice.lam, blends[rank], choice.half_life)
        blend = Blend(model, linear.weighted(choice.weight, choice.scale))
        items = blend.item_vectors()
        params = {
            name: tune(name, parts.train, parts.valid, max_users=2000).params for name in OFFLINE
        }
        scorers = baseline_scorers(params, parts.train)
        scorers["blend"] = vector_scorer(blend.user_vectors(parts.train, items=items), items)
        offline = choose_offline(parts, scorers)
        print("offline weights", offline, flush=True)

    seen = parts.final_train()
    linears = {
        rank: fit_linear(seen, lam, one, choices[rank].half_life) for rank, one in blends.items()
    }
    finals = baseline_scorers(params, seen)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(1, args.seeds + 1):
        if parts.refit or seed > 1:
            model, _ = trained(seeded(config, seed), data, parts, epochs=best_epoch(history))
        items = model.item_vectors()
        users = model.user_vectors(seen, items=items)
        found.setdefault("learned alone", []).append(measured((users, items), parts))
        for rank, linear in linears.items():
            choice = choices[rank]
            blend = Blend(model, linear.weighted(choice.weight, choice.scale))
            both = blend.join(items)
            vectors = blend.user_vectors(seen, items=both)
            found.setdefault(f"blend, rank {rank} (served)", []).append(
                measured((vectors, both), parts)
            )
            if args.cold_items:
                bare = np.concatenate([items, linear.candidates], axis=1)
                found.setdefault(f"blend, rank {rank}, cold items not filled", []).append(
                    measured((vectors, bare), parts)
                )
            if offline and rank == args.ranks[0]:
                scorers = {**finals, "blend": vector_scorer(vectors, both)}
                found.setdefault("blend + item-kNN + user-kNN + iALS (offline)", []).append(
                    measured(offline_scorer(scorers, offline), parts)
                )
    for rank, linear in linears.items():
        vectors = linear.users(seen.csr())
        found[f"EASE with activity {blends[rank].activity:g}, rank {rank} alone"] = [
            measured((vectors, linear.candidates), parts)
        ]

    table: list[dict[str, Any]] = []
    for name, rows in found.items():
        row: dict[str, Any] = {"row": name, "seeds": len(rows)}
        for metric in rows[0]:
            values = [one[metric] for one in rows]
            row[metric] = f"{np.mean(values):.4f} ± {np.std(values):.4f}"
        table.append(row)
    names = ("popularity", "item_knn", "ease", *(("user_knn", "ials") if args.offline else ()))
    for name, row in evaluate_split_baselines(parts, names=names, ks=(20,), params=params).items():
        cold = {f"cold {m}": f"{row['cold'][m]:.4f}" for m in METRICS if "cold" in row}
        table.append({"row": name, "seeds": 1, **{m: f"{row[m]:.4f}" for m in METRICS}, **cold})
    settings = {
        "epochs": best_epoch(history),
        "run": given | {"shop": "shop.yaml"},
        "chosen": {
            rank: {"lam": one.lam, "weight": one.weight, "scale": one.scale}
            for rank, one in choices.items()
        },
        "offline weights": offline,
        "seconds": round(time.perf_counter() - started),
    }
    suffix = "" if args.file == "run.yaml" else f"_{file.stem}"
    suffix += "_cold" if args.cold_items else ""
    common.report(f"blend_{args.shop}{suffix}", table, settings)


if __name__ == "__main__":
    main()
