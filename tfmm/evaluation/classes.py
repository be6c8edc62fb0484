"""How well labels are told: accuracy, F1, calibration, and what is taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

#: Bins of the calibration error.
BINS = 15


def class_metrics(
    probabilities: NDArray[np.floating],
    has: NDArray[np.bool_],
    *,
    several: bool = False,
    threshold: float = 0.5,
) -> dict[str, float]:
    """The metrics of probabilities `[n, C]` against labels bool `[n, C]`.

    Where an item has one label: `accuracy`, `top_5` (the share of items whose label is among the
    five most probable), `macro_f1` (over the labels that occur), `weighted_f1`, `log_loss` and
    `calibration_error` (the expected one, over 15 bins of confidence; Guo et al., ICML 2017). Where
    an item may have several: `micro_f1`, `macro_f1`, `exact` (the share of items whose labels are
    all right), `mean_average_precision` and `calibration_error`, labels given from `threshold` on.

    ```python
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    has = np.array([[True, False], [False, True], [False, True]])
    class_metrics(probabilities, has)["accuracy"]  # 2 / 3
    ```

    Raises:
        ValueError: no items, or shapes that differ.
    """
    if not len(has) or probabilities.shape != has.shape:
        raise ValueError(
            f"`probabilities` and `has` must be of one shape with at least one row, but are of "
            f"{probabilities.shape} and {has.shape}."
        )
    if several:
        given = probabilities >= threshold
        met = has.any(axis=0)
        hits = (given & has).sum(axis=0)
        f1 = 2 * hits / np.maximum(given.sum(axis=0) + has.sum(axis=0), 1)
        micro = 2 * hits.sum() / max(1, given.sum() + has.sum())
        ranked = average_precision_score(has[:, met], probabilities[:, met], average="macro")
        return {
            "micro_f1": float(micro),
            "macro_f1": float(f1[met].mean()),
            "exact": float((given == has).all(axis=1).mean()),
            "mean_average_precision": float(ranked),
            "calibration_error": calibration_error(probabilities.ravel(), has.ravel()),
        }
    truth, found = has.argmax(axis=1), probabilities.argmax(axis=1)
    right = found == truth
    own = probabilities[np.arange(len(truth)), truth]
    above = (probabilities > own[:, None]).sum(axis=1)
    rows = per_class(probabilities, has)
    support = np.array([row["items"] for row in rows])
    f1 = np.array([row["f1"] for row in rows])
    return {
        "accuracy": float(right.mean()),
        "top_5": float((above < 5).mean()),
        "macro_f1": float(f1[support > 0].mean()),
        "weighted_f1": float((f1 * support).sum() / support.sum()),
        "log_loss": float(-np.log(np.maximum(own, 1e-12)).mean()),
        "calibration_error": calibration_error(probabilities.max(axis=1), right),
    }


def per_class(probabilities: NDArray[np.floating], has: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """`precision`, `recall`, `f1` and `items` of each label, where an item has one."""
    truth, found = has.argmax(axis=1), probabilities.argmax(axis=1)
    parts = precision_recall_fscore_support(
        truth, found, labels=range(has.shape[1]), zero_division=0.0
    )
    names = ("precision", "recall", "f1", "items")
    return [
        {name: (int if name == "items" else float)(v) for name, v in zip(names, row, strict=True)}
        for row in zip(*parts, strict=True)
    ]


def confusion(probabilities: NDArray[np.floating], has: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64 `[C, C]`: how many items of label i (row) were taken for label j."""
    classes = has.shape[1]
    pairs = has.argmax(axis=1) * classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def most_confused(
    matrix: NDArray[np.int64], names: Sequence[str], count: int = 10
) -> list[tuple[str, str, int]]:
    """The pairs of labels that are taken for each other most: right one, taken for, items."""
    off = matrix.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:count]
    pairs = [divmod(int(at), len(names)) for at in order]
    return [(names[i], names[j], int(off[i, j])) for i, j in pairs if off[i, j]]


def reliability(
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
    bins: int = BINS,
    *,
    equal_counts: bool = False,
) -> list[dict[str, float]]:
    """For each bin of confidence that is met: its mean `confidence`, share `right` and `items`.

    Bins are of one width, or of as many items as equal confidences, which stay together, let them:
    for labels so rare that all would be in the first.
    """
    confidence = np.asarray(confidence)
    if equal_counts and len(confidence):
        inner = np.quantile(confidence, np.arange(1, bins) / bins, method="inverted_cdf")
        place = np.searchsorted(inner, confidence, side="left")
    else:
        place = np.clip((confidence * bins).astype(int), 0, bins - 1)
    rows = []
    for one in np.unique(place):
        inside = place == one
        rows.append(
            {
                "confidence": float(confidence[inside].mean()),
                "right": float(right[inside].mean()),
                "items": int(inside.sum()),
            }
        )
    return rows


def calibration_error(
    confidence: NDArray[np.floating],
    right: NDArray[np.bool_],
    bins: int = BINS,
    *,
    equal_counts: bool = False,
) -> float:
    """The mean distance between confidence and the share that is right, over bins."""
    rows = reliability(confidence, right, bins, equal_counts=equal_counts)
    total = sum(row["items"] for row in rows)
    return float(sum(row["items"] * abs(row["confidence"] - row["right"]) for row in rows) / total)
