"""Metrics of a search's ranked items against judged ones, a query at a time.

- recall@k: relevant items among the first k / all relevant ones.
- hit@k: 1 if there is a relevant item among the first k.
- precision@k: relevant items among the first k / k.
- ndcg@k: sum of relevance_i / log2(i + 1), divided by that of the ideal list. Järvelin and
  Kekäläinen, ACM TOIS 2002, with the given gains.
- mrr: 1 / rank of the first relevant item, 0 without one. Voorhees, TREC-8, 1999.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfmm.evaluation import metrics

KS = (1, 5, 10)


def query_metrics(
    ranked: Sequence[str], relevant: Mapping[str, float], ks: Sequence[int] = KS
) -> dict[str, float]:
    """Recall, hit rate, precision and NDCG at each k, and MRR, of one query.

    Args:
        ranked: ids, best first, each once.
        relevant: relevance by id; ids of 0 or less count as not relevant.
        ks: list lengths.

    Raises:
        ValueError: nothing is relevant, so that no list could be better than another.
    """
    gains = {item: float(gain) for item, gain in relevant.items() if gain > 0}
    if not gains:
        raise ValueError("a query without relevant items cannot be measured.")
    got = np.array([gains.get(item, 0.0) for item in ranked])
    ideal = np.sort(np.array(list(gains.values())))[::-1]
    of_ranks = metrics.rank_metrics([np.flatnonzero(got > 0) + 1], np.array([len(gains)]), ks)
    values = {name: float(value[0]) for name, value in of_ranks.items()}
    for k in ks:
        values[f"ndcg@{k}"] = _discounted(got[:k]) / _discounted(ideal[:k])
    return values


def mean_metrics(each: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over queries. Raises ValueError for no queries."""
    if not each:
        raise ValueError("there are no queries to take the mean of.")
    return {name: float(np.mean([values[name] for values in each])) for name in each[0]}


def _discounted(gains: np.ndarray) -> float:
    return float((gains * metrics.discounts(len(gains))).sum())
