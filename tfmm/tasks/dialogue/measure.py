"""How well queries are understood: intents, what is out of scope, and slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from tfmm.evaluation.classes import calibration_error, class_metrics
from tfmm.evaluation.labels import auc
from tfmm.tasks.dialogue.labels import OUT

Spans = Sequence[tuple[str, int, int]]


def intent_metrics(
    probabilities: NDArray[np.floating], codes: NDArray[np.integer]
) -> dict[str, float]:
    """`accuracy`, `top_5`, `macro_f1`, `log_loss` and `calibration_error` over the queries whose
    intent is known; nothing where there are none.

    Args:
        probabilities: float `[n, C]`.
        codes: int `[n]`; below 0 where there is no intent.
    """
    inside = codes >= 0
    if not inside.any():
        return {}
    has = np.arange(probabilities.shape[1]) == codes[inside][:, None]
    found = class_metrics(probabilities[inside], has)
    del found["weighted_f1"]
    return found


def scope_metrics(
    said: NDArray[np.floating], codes: NDArray[np.integer], share: float | None = None
) -> dict[str, float]:
    """How well what is out of scope is told; nothing where either kind is missing.

    `scope_auc` is how often a query in scope is above one that is not, `scope_aupr` the average
    precision of finding the second kind, and `scope_calibration_error` the mean distance of a
    probability from what came, with as many of the second kind as it was made for.

    Args:
        said: float `[n]`, the higher the surer that a query is in scope.
        codes: int `[n]`, an intent or `OUT`; others are left out.
        share: of queries that are out of scope, where `said` is a probability made for that.
    """
    inside, outside = said[codes >= 0], said[codes == OUT]
    if not len(inside) or not len(outside):
        return {}
    both = np.concatenate([inside, outside])
    known = np.repeat([1, 0], [len(inside), len(outside)])
    found = {
        "scope_auc": auc(both, known),
        "scope_aupr": float(average_precision_score(1 - known, -both)),
    }
    if share is not None:
        # So many of each kind as the share says, by repeats of whole queries.
        times = share / (1 - share) * len(inside) / len(outside)
        copies = np.array([1, times]) / min(1.0, times) * 10
        again = np.repeat([0, 1], [len(inside), len(outside)])
        repeats = np.round(copies[again]).astype(int)
        found["scope_calibration_error"] = calibration_error(
            np.repeat(both, repeats), np.repeat(known == 1, repeats)
        )
    return found


def slot_metrics(found: Sequence[Spans], true: Sequence[Spans]) -> dict[str, float]:
    """`span_f1`, `span_precision` and `span_recall`: a slot counts where its name and both its ends
    are right, over all queries (as CoNLL has it)."""
    hits, said, there = _counts(found, true)
    return _f1(sum(hits.values()), sum(said.values()), sum(there.values()), "span_")


def each_slot(found: Sequence[Spans], true: Sequence[Spans]) -> list[dict[str, Any]]:
    """`slot`, `f1`, `precision`, `recall` and `spans` of each slot that is there or was found."""
    hits, said, there = _counts(found, true)
    return [
        {"slot": name, **_f1(hits[name], said[name], there[name]), "spans": there[name]}
        for name in sorted(said | there)
    ]


def _counts(found: Sequence[Spans], true: Sequence[Spans]) -> tuple[Counter, Counter, Counter]:
    hits, said, there = Counter[str](), Counter[str](), Counter[str]()
    for ours, theirs in zip(found, true, strict=True):
        hits.update(one[0] for one in set(ours) & set(theirs))
        said.update(one[0] for one in set(ours))
        there.update(one[0] for one in set(theirs))
    return hits, said, there


def _f1(hits: int, said: int, there: int, prefix: str = "") -> dict[str, float]:
    return {
        f"{prefix}f1": 2 * hits / max(1, said + there),
        f"{prefix}precision": hits / max(1, said),
        f"{prefix}recall": hits / max(1, there),
    }
