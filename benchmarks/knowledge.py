"""What a knowledge graph is worth: the graph model with triples and without, beside simple models.

    TFMM_DATA=data python benchmarks/knowledge.py lastfm_kg
    TFMM_DATA=data python benchmarks/knowledge.py ml100k_kg --seeds 3

Distinct pairs of shopper and item are split 6:2:2 at random. Everything is fitted on the training
part, chosen on validation, and meets the test once a seed. Recall and NDCG rank all items but those
of training and validation. AUC is the share of test pairs that score above an item which the
shopper never had and which is as popular as the pair's own: one of the 50 nearest by training
events, drawn ten times. Simple models are tuned on the first seed's validation part. Writes
`results/knowledge_SHOP.md`; what `results/knowledge_SHOP_rows.json` holds already is not measured
again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
import numpy as np
import yaml
from trainings import seeded, trained

from tfmm.baselines import create
from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import Split
from tfmm.data.shop import ShopData
from tfmm.evaluation import evaluate
from tfmm.evaluation.compare import tune
from tfmm.tasks.config import RunConfig
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.blend.choice import Chooser
from tfmm.tasks.retrieval.blend.fitting import fit_linear
from tfmm.tasks.retrieval.config import BlendConfig, RetrievalConfig
from tfmm.training.run import load_data

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FILES = {name: f"{name}/run.yaml" for name in ("lastfm_kg", "ml100k_kg")}
NEAR, DRAWS = 50, 10
SIMPLE = ("popularity", "item_knn", "ease")
METRICS = ("recall@20", "ndcg@20")
#: Scores `[B, n_items]` of user rows `[B]`.
Scores = Callable[[np.ndarray], np.ndarray]


def parted(pairs: Pairs, seed: int) -> Split:
    """A random split of pairs, 6:2:2, whoever's they are."""
    drawn = np.random.default_rng(seed).random(len(pairs))
    train, valid, test = (
        pairs.subset((low <= drawn) & (drawn < high))
        for low, high in ((0, 0.6), (0.6, 0.8), (0.8, 1))
    )
    nothing, none = np.zeros(0, np.int32), pairs.subset(np.zeros(len(pairs), bool))
    return Split(train, valid, test, nothing, nothing, none, none, "events", False, False)


class Duel:
    """Test pairs beside items as popular that the shopper never had."""

    def __init__(self, pairs: Pairs, parts: Split, seed: int) -> None:
        rng = np.random.default_rng(seed)
        counts = np.bincount(parts.train.item, minlength=pairs.n_items)
        # Equals in an order of chance, so that neighbours in it are as popular.
        order = np.lexsort((rng.random(pairs.n_items), counts))
        place = np.argsort(order)
        user, item = (np.repeat(one, DRAWS) for one in (parts.test.user, parts.test.item))
        start = np.clip(place[item] - NEAR // 2, 0, pairs.n_items - NEAR)
        other = order[start + rng.integers(0, NEAR, len(item))]
        had = np.isin(user.astype(np.int64) * pairs.n_items + other, pairs.numbers())
        self.user, self.item, self.other = (one[~had] for one in (user, item, other))

    def auc(self, scores: Scores) -> float:
        """The share of them that is won, half of those without a winner."""
        won = np.zeros(len(self.user))
        for users in np.array_split(np.unique(self.user), 20):
            mine = np.flatnonzero(np.isin(self.user, users))
            found, at = scores(users), np.searchsorted(users, self.user[mine])
            own, other = found[at, self.item[mine]], found[at, self.other[mine]]
            won[mine] = (own > other) + 0.5 * (own == other)
        return float(won.mean())


def measured(scores: Scores, parts: Split, duel: Duel) -> dict[str, float]:
    """The metrics of what scores user rows."""
    seen = Pairs.concat(parts.train, parts.valid)
    found = evaluate(scores, parts.test, seen=seen, ks=(20,))["model"]
    return {**{name: found[name] for name in METRICS}, "auc": duel.auc(scores)}


def simple(name: str, params: dict[str, Any] | None, parts: Split, duel: Duel) -> dict[str, Any]:
    """The metrics of a simple model, tuned on validation where its parameters are not given."""
    if params is None:
        params = tune(name, parts.train, parts.valid, half_life=None).params
    model, histories = create(name, **params).fit(parts.train), parts.train.csr()
    found = measured(lambda users: model.score(histories[users]), parts, duel)
    return {"params": params, **found}


def learned(config: RetrievalConfig, data: ShopData, parts: Split, duel: Duel) -> dict[str, Any]:
    """The metrics of a graph model at its best epoch, alone and as it is served: with EASE, if that
    pays on validation."""
    unblended = config.with_values(blend=BlendConfig(ease=False))
    model, history = trained(unblended, data, parts)
    items = model.item_vectors()
    users = model.user_vectors(parts.train, items=items)
    alone = measured(lambda rows: users[rows] @ items.T, parts, duel)
    chooser = Chooser(model, parts, config.train.temperature)
    choice, _ = chooser.choose(config.blend, None)
    assert choice is not None
    told = {
        "epochs": 1 + int(np.argmax([row["recall@20"] for row in history])),
        "weight": f"{choice.weight:g} ({choice.scale})",
        "valid": chooser.reached,
    }
    if not choice.weight:
        return {"alone": alone, "served": alone, **told}
    linear = fit_linear(parts.train, choice.lam, config.blend)
    blend = Blend(model, linear.weighted(choice.weight, choice.scale))
    both = blend.join(items)
    whose = blend.user_vectors(parts.train, items=both)
    served = measured(lambda rows: whose[rows] @ both.T, parts, duel)
    return {"alone": alone, "served": served, **told}


def summed_up(row: str, found: list[dict[str, float]]) -> dict[str, Any]:
    """A line of the table: mean and deviation over the seeds."""
    cells = {
        name: f"{np.mean([one[name] for one in found]):.4f} ± "
        f"{np.std([one[name] for one in found]):.4f}"
        for name in (*METRICS, "auc")
    }
    return {"row": row, "seeds": len(found), **cells}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shop", choices=tuple(FILES))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    common.data_folder()
    file = EXAMPLES / FILES[args.shop]
    given = yaml.safe_load(file.read_text("utf-8"))
    with_triples = RunConfig.from_dict({**given, "shop": str(file.parent / given["shop"])})
    assert isinstance(with_triples, RetrievalConfig)
    assert with_triples.graph is not None
    without = with_triples.with_values(graph=with_triples.graph.with_values(knowledge="none"))
    data = load_data(with_triples)
    pairs = Pairs.from_events(data.events, len(data.users), len(data.items))
    kept = common.RESULTS / f"knowledge_{args.shop}_rows.json"
    told: list[dict[str, Any]] = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    done = {(one["seed"], one["row"]) for one in told}
    params = {one["row"]: one["params"] for one in told if "params" in one}

    def keep(seed: int, row: str, found: dict[str, Any]) -> None:
        told.append({"seed": seed, "row": row, **found})
        print(told[-1], flush=True)
        kept.write_text(json.dumps(told, indent=1) + "\n", "utf-8")

    for seed in range(1, args.seeds + 1):
        parts = parted(pairs, seed)
        duel = Duel(pairs, parts, seed)
        for name in SIMPLE:
            if (seed, name) not in done:
                found = simple(name, params.get(name), parts, duel)
                keep(seed, name, found)
                params[name] = found["params"]
        for name, config in (("without triples", without), ("with triples", with_triples)):
            if (seed, name) not in done:
                # The penalty that is the best for EASE alone, for both alike.
                blend = config.blend.with_values(lam=params["ease"]["lam"])
                keep(
                    seed,
                    name,
                    learned(seeded(config, seed).with_values(blend=blend), data, parts, duel),
                )
    rows: dict[str, list[dict[str, float]]] = {}
    for one in told:
        if "auc" in one:
            chosen = ", ".join(f"{key} {value:g}" for key, value in one["params"].items())
            rows.setdefault(f"{one['row']} ({chosen})" if chosen else one["row"], []).append(one)
        else:
            for kind in ("alone", "served"):
                rows.setdefault(f"graph {one['row']}, {kind}", []).append(one[kind])
    table = [summed_up(name, found) for name, found in rows.items()]
    settings = {
        "run": {key: value for key, value in given.items() if key not in ("shop", "split")},
        "knowledge": data.report.counts["knowledge"],
        "pairs": len(pairs),
        "graphs": [one for one in told if "alone" in one],
    }
    common.report(f"knowledge_{args.shop}", table, settings)


if __name__ == "__main__":
    main()
