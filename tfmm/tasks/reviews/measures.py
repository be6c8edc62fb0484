"""How often what is told of reviews is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.metrics import roc_auc_score

from tfmm.data.texts.reviews import Reviews
from tfmm.evaluation.classes import class_metrics
from tfmm.tasks.reviews.model import CATEGORY, POLARITY, SENTIMENT
from tfmm.tasks.reviews.spans import characters, found_spans
from tfmm.tasks.reviews.targets import Labels

#: Terms of a text that are measured.
_MOST = 64
Span = tuple[int, int, int]
#: What `score` is the mean of.
SCORED = ("accuracy", "polarity_accuracy", "term_f1", "category_f1")


def measured(
    read: Any,
    labels: Labels,
    reviews: Reviews,
    rows: NDArray[np.integer],
    logits: Mapping[str, NDArray[np.float32]],
    threshold: float = 0.5,
) -> dict[str, float]:
    """The metrics of logits over some reviews, of what these know.

    Of whole reviews as of classification, and `auc` of two classes; `polarity_accuracy` and
    `polarity_macro_f1` of given terms, `term_precision`, `term_recall` and `term_f1` of found ones,
    which are right where each character is; `category_f1` of found categories and
    `category_accuracy` of the polarity of given ones; and `score`, the mean of `SCORED`.

    Args:
        read: the reviews as the model reads them.
        labels: of the reviews.
        reviews: the shop's.
        rows: which of them.
        logits: of these, see `Reader.logits`.
        threshold: the probability from which on a category is there.
    """
    out: dict[str, float] = {}
    if SENTIMENT in logits:
        out |= class_measures(logits[SENTIMENT], read.codes(SENTIMENT, rows))
    for name in (POLARITY, CATEGORY):
        if name in logits:
            codes = read.codes(name, rows)
            out |= polarity_measures(logits[name][codes >= 0], codes[codes >= 0], name)
    if "present" in logits:
        present = read.targets.present[rows]
        given = (expit(logits["present"]) >= threshold) & (present >= 0)
        right = present == 1
        out["category_f1"] = _f1(int((given & right).sum()), int(given.sum()), int(right.sum()))
    if "tags" in logits:
        kept = reviews.annotated[rows]
        found = spans_of(logits["tags"][kept], read.start[rows[kept]], read.end[rows[kept]])
        terms = ((int(rows[kept][n]), first, last) for n, first, last in found)
        out |= term_measures(set(terms), true_spans(reviews, rows[kept]))
    out["score"] = float(np.mean([out[name] for name in SCORED if name in out]))
    return out


def class_measures(logits: NDArray[np.floating], codes: NDArray[np.integer]) -> dict[str, float]:
    """The metrics of a review's class, of those that have one; nothing where none has."""
    known = codes >= 0
    if not known.any():
        return {}
    chances = softmax(logits[known].astype(np.float64), axis=1)
    right = np.eye(logits.shape[1], dtype=bool)[codes[known]]
    names = ("accuracy", "macro_f1", "weighted_f1", "log_loss", "calibration_error")
    found = class_metrics(chances, right)
    out = {name: found[name] for name in names}
    if logits.shape[1] == 2 and right.any(axis=0).all():
        out["auc"] = float(roc_auc_score(right[:, 1], chances[:, 1]))
    return out


def polarity_measures(
    logits: NDArray[np.floating], codes: NDArray[np.integer], what: str = POLARITY
) -> dict[str, float]:
    """The metrics of the polarity of given aspects; nothing where there are none."""
    if not len(codes):
        return {}
    right = np.eye(logits.shape[1], dtype=bool)[codes]
    found = class_metrics(softmax(logits.astype(np.float64), axis=1), right)
    names = ("accuracy", "macro_f1", "calibration_error")
    return {f"{what}_{name}": found[name] for name in names}


def term_measures(found: set[Span], right: set[Span]) -> dict[str, float]:
    """Precision, recall and F1 of terms as (review, first character, the one behind the last)."""
    hits = len(found & right)
    return {
        "term_precision": hits / len(found) if found else 0.0,
        "term_recall": hits / len(right) if right else 0.0,
        "term_f1": _f1(hits, len(found), len(right)),
    }


def true_spans(reviews: Reviews, rows: NDArray[np.integer]) -> set[Span]:
    """The terms that people found in some reviews."""
    aspects = reviews.aspects
    kept = np.flatnonzero(aspects.is_term & np.isin(aspects.review, rows))
    return {(int(aspects.review[k]), int(aspects.start[k]), int(aspects.end[k])) for k in kept}


def spans_of(
    logits: NDArray[np.floating], start: NDArray[np.int32], end: NDArray[np.int32]
) -> Iterable[Span]:
    """The terms that tags say, as (row, first character, the one behind the last)."""
    for at in range(0, len(logits), 512):
        block = slice(at, at + 512)
        real = tf.constant(end[block] > start[block])
        spans, _ = found_spans(tf.constant(logits[block]), real, _MOST)
        first, last = characters(spans, tf.constant(start[block]), tf.constant(end[block]))
        for row, slot in np.argwhere(first.numpy() >= 0):
            yield at + int(row), int(first[row, slot]), int(last[row, slot])


def _f1(hits: int, found: int, right: int) -> float:
    return 2 * hits / (found + right) if found + right else 0.0
