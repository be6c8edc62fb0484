"""Simple models of reviews: what a learned one has to beat."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from tfmm.baselines.classes import svm_margins
from tfmm.data.texts.reviews import Reviews
from tfmm.evaluation.classes import class_metrics
from tfmm.tasks.reviews.measures import class_measures, polarity_measures, term_measures, true_spans
from tfmm.tasks.reviews.targets import Labels

BASELINES = ("majority", "svm")
#: Characters on either side of a term that its polarity is told from.
_NEAR = 60


def baselines(
    reviews: Reviews,
    labels: Labels,
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    chosen: Collection[str],
) -> dict[str, dict[str, Any]]:
    """What simple models that learned from `train` reach on `test`, by name.

    Args:
        reviews: the shop's.
        labels: of these.
        train, test: rows of reviews.
        chosen: some of `BASELINES`.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in BASELINES if name in chosen}
    codes = labels.sentiment.codes
    fitted, judged = train[codes[train] >= 0], test[codes[test] >= 0]
    if len(fitted) and len(judged):
        scores = _both(reviews.text, codes, fitted, judged, len(labels.sentiment), chosen)
        for name, margins in scores.items():
            found[name] |= class_measures(margins, codes[judged])
            if name == "svm":
                # Distances from a plane are no probabilities.
                found[name].pop("log_loss")
                found[name].pop("calibration_error")
    aspects = reviews.aspects
    known = np.flatnonzero(aspects.is_term & (labels.polarity >= 0))
    fitted, judged = (known[np.isin(aspects.review[known], part)] for part in (train, test))
    if len(fitted) and len(judged):
        texts = _near(reviews)
        count = len(labels.polarities)
        scores = _both(texts, labels.polarity, fitted, judged, count, chosen)
        for name, margins in scores.items():
            found[name] |= polarity_measures(margins, labels.polarity[judged])
            found[name].pop("polarity_calibration_error")
    rows = test[reviews.annotated[test]]
    if "svm" in found and labels.terms and len(rows):
        found["svm"] |= term_measures(_listed(reviews, train, rows), true_spans(reviews, rows))
    return found


def _both(
    texts: NDArray[np.object_],
    codes: NDArray[np.integer],
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    classes: int,
    chosen: Collection[str],
) -> dict[str, NDArray[np.float64]]:
    """Scores `[n, C]` of the test rows by each baseline."""
    out = {}
    if "majority" in chosen:
        share = np.bincount(codes[train], minlength=classes) / len(train)
        out["majority"] = np.tile(np.log(np.maximum(share, 1e-9)), (len(test), 1))
    if "svm" in chosen:
        out["svm"] = _svm(texts, codes, train, test, classes)
    return out


def _svm(
    texts: NDArray[np.object_],
    codes: NDArray[np.integer],
    train: NDArray[np.integer],
    test: NDArray[np.integer],
    classes: int,
) -> NDArray[np.float64]:
    """Of several strengths, the one that is best on a tenth of the training rows."""
    inputs = _inputs([str(texts[row]) for row in train], [str(texts[row]) for row in test])
    order = np.random.default_rng(1).permutation(len(train))
    held = order[: max(1, len(order) // 10)]
    rest = order[len(held) :]
    right = codes[train[held]]

    def reached(cost: float) -> float:
        found = svm_margins(inputs[rest], codes[train[rest]], inputs[held], classes, cost)
        return float(class_metrics(found, np.eye(classes, dtype=bool)[right])["accuracy"])

    costs: Sequence[float] = (0.1, 1.0)
    best = max(costs, key=reached) if len(rest) else 1.0
    return svm_margins(inputs[: len(train)], codes[train], inputs[len(train) :], classes, best)


def _inputs(train: list[str], test: list[str]) -> sp.csr_matrix:
    """TF-IDF of words and of pieces of 1 to 4 characters, fitted on the training texts."""
    parts = []
    for options in ({"ngram_range": (1, 2)}, {"analyzer": "char", "ngram_range": (1, 4)}):
        fewest = 2 if len(train) > 1000 else 1
        made = TfidfVectorizer(**options, sublinear_tf=True, min_df=fewest, dtype=np.float32)
        try:
            parts.append(sp.vstack([made.fit_transform(train), made.transform(test)]))
        except ValueError:
            continue  # no text has a word
    if not parts:
        return sp.csr_matrix((len(train) + len(test), 1))
    return sp.hstack(parts).tocsr()


def _near(reviews: Reviews) -> NDArray[np.object_]:
    """The text near each aspect, where that has a place."""
    aspects = reviews.aspects
    places = zip(aspects.review, aspects.start, aspects.end, strict=True)
    found = [
        reviews.text[row][max(0, first - _NEAR) : behind + _NEAR] if first >= 0 else ""
        for row, first, behind in places
    ]
    return np.array([*found, None], object)[:-1]


def _listed(
    reviews: Reviews, train: NDArray[np.integer], rows: NDArray[np.integer]
) -> set[tuple[int, int, int]]:
    """Terms of the training part wherever their words occur, the longest first."""
    aspects = reviews.aspects
    kept = aspects.is_term & np.isin(aspects.review, train)
    words = sorted({str(word).casefold() for word in aspects.aspect[kept]}, key=len, reverse=True)
    found = set()
    for row in rows.tolist():
        text = str(reviews.text[row]).casefold()
        free = np.ones(len(text), bool)
        for word in words:
            at = text.find(word)
            while at >= 0:
                behind = at + len(word)
                whole = not (
                    (text[at - 1 : at].isascii() and text[at - 1 : at].isalnum())
                    or (text[behind : behind + 1].isascii() and text[behind : behind + 1].isalnum())
                )
                if whole and free[at:behind].all():
                    found.add((row, at, behind))
                    free[at:behind] = False
                at = text.find(word, at + 1)
    return found
