"""What a knowledge graph is worth: the graph model with triples and without, beside simple models.

    TFMM_DATA=data python benchmarks/knowledge.py lastfm_kg
    TFMM_DATA=data python benchmarks/knowledge.py ml100k --seeds 3

Distinct pairs of shopper and item are split 6:2:2 at random. Everything is fitted on the training
part, chosen on validation, and meets the test once a seed. Recall and NDCG rank all items but those
of training and validation. AUC is the share of test pairs that score above an item which the
shopper never had and which is as popular as the pair's own: one of the 50 nearest by training
events, drawn ten times. Writes `results/knowledge_SHOP.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
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
from tfmm.tasks.retrieval.config import BlendConfig
from tfmm.training.fit import best_epoch
from tfmm.training.run import load_data

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
FILES = {"lastfm_kg": "lastfm_kg/run.yaml", "ml100k": "ml100k/knowledge.yaml"}
NEAR, DRAWS = 50, 10
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


def simple(parts: Split, duel: Duel) -> Iterator[tuple[str, dict[str, Any], dict[str, float]]]:
    """Simple models, tuned on validation: their names, parameters and metrics."""
    histories = parts.train.csr()
    for name in ("popularity", "item_knn", "ease"):
        found = tune(name, parts.train, parts.valid, half_life=None).params
        model = create(name, **found).fit(parts.train)
        scores: Scores = lambda users, model=model: model.score(histories[users])  # noqa: E731
        yield name, found, measured(scores, parts, duel)


def learned(config: Any, data: ShopData, parts: Split, duel: Duel) -> dict[str, Any]:
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
        "epochs": best_epoch(history),
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
    return {"row": row, **cells}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shop", choices=tuple(FILES))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    common.data_folder()
    file = EXAMPLES / FILES[args.shop]
    given = yaml.safe_load(file.read_text("utf-8"))
    with_triples = RunConfig.from_dict({**given, "shop": str(file.parent / given["shop"])})
    without = with_triples.with_values(graph=with_triples.graph.with_values(knowledge="none"))
    data = load_data(with_triples)
    pairs = Pairs.from_events(data.events, len(data.users), len(data.items))
    rows: dict[str, list[dict[str, float]]] = {}
    told: list[dict[str, Any]] = []
    for seed in range(1, args.seeds + 1):
        parts = parted(pairs, seed)
        duel = Duel(pairs, parts, seed)
        lam = None
        for name, params, row in simple(parts, duel):
            rows.setdefault(name, []).append(row)
            lam = params.get("lam", lam)
            told.append({"seed": seed, "row": name, "params": params, **row})
        for name, config in (("without triples", without), ("with triples", with_triples)):
            # The penalty that is the best for EASE alone is chosen in the same way for both.
            config = seeded(config, seed)
            config = config.with_values(blend=config.blend.with_values(lam=lam))
            found = learned(config, data, parts, duel)
            for kind in ("alone", "served"):
                rows.setdefault(f"graph {name}, {kind}", []).append(found[kind])
            told.append({"seed": seed, "row": name, **found})
            print(told[-1], flush=True)
    table = [summed_up(name, found) for name, found in rows.items()]
    settings = {
        "run": {**given, "shop": "shop.yaml"},
        "knowledge": data.report.counts["knowledge"],
        "pairs": len(pairs),
        "seeds": told,
    }
    common.report(f"knowledge_{args.shop}", table, settings)


if __name__ == "__main__":
    main()
