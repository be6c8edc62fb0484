"""Simple models of labels, tuned on validation: what a learned one has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from tfmm.data.progress import progress

Rows = NDArray[np.integer]
#: Strengths of logistic regression that are tried.
STRENGTHS = (0.1, 1.0, 10.0)
NEIGHBOURS = (1, 5, 15)


def majority(has: NDArray[np.bool_], train: Rows) -> NDArray[np.float32]:
    """The share of training items with each label, float32 `[C]`."""
    return has[train].mean(axis=0).astype(np.float32)


def text_inputs(texts: Sequence[str], train: Rows) -> sp.csr_matrix:
    """TF-IDF of words and of pieces of 1 to 4 characters, fitted on the training texts."""
    texts = list(map(str, texts))
    fitted = [texts[row] for row in train]
    parts = []
    for options in (
        {"ngram_range": (1, 2), "sublinear_tf": True, "max_features": 100_000},
        {
            "analyzer": "char_wb",
            "ngram_range": (1, 4),
            "sublinear_tf": True,
            "max_features": 200_000,
        },
    ):
        vectorizer = TfidfVectorizer(**options)
        try:
            vectorizer.fit(fitted)
        except ValueError:
            continue  # no text has a word
        parts.append(vectorizer.transform(texts))
    return sp.hstack(parts).tocsr() if parts else sp.csr_matrix((len(texts), 1))


def scaled(vectors: NDArray[np.floating], train: Rows) -> NDArray[np.float32]:
    """Vectors centred and scaled by component, as the training ones are."""
    mean, deviation = vectors[train].mean(axis=0), vectors[train].std(axis=0)
    return ((vectors - mean) / np.maximum(deviation, 1e-6)).astype(np.float32)


def regression(strength: float, several: bool) -> Any:
    """Logistic regression; one for each label where an item may have several."""
    made = LogisticRegression(C=strength, max_iter=300)
    return OneVsRestClassifier(made) if several else made


def neighbours(k: int, several: bool) -> Any:
    """The k nearest by cosine, each with its nearness as weight."""
    made = KNeighborsClassifier(k, metric="cosine", weights="distance")
    return OneVsRestClassifier(made) if several else made


def svm_margins(
    fitted: Any, codes: NDArray[np.integer], asked: Any, classes: int, strength: float
) -> NDArray[np.float64]:
    """Margins of a linear support vector machine, one class against the rest.

    Args:
        fitted: inputs `[n, F]` that it learns from.
        codes: int `[n]`, their classes.
        asked: inputs `[m, F]`.
        classes: how many there are.
        strength: `C` of scikit-learn's `LinearSVC`.

    Returns:
        float64 `[m, classes]`; -10 for a class that nothing was learned of.
    """
    met = np.unique(codes)
    found = np.full((asked.shape[0], classes), -10.0)
    if len(met) == 1:
        found[:, met] = 1.0
        return found
    made = LinearSVC(C=strength, random_state=1).fit(fitted, codes)
    said = made.decision_function(asked)
    found[:, met] = said if said.ndim == 2 else np.stack([-said, said], axis=1)
    return found


def tuned(
    make: Callable[[Any, bool], Any],
    values: Sequence[Any],
    inputs: Any,
    has: NDArray[np.bool_],
    parts: tuple[Rows, Rows, Rows],
    asked: Rows,
    score: Callable[[NDArray[np.float32], NDArray[np.bool_]], float],
    several: bool,
) -> tuple[NDArray[np.float32], Any]:
    """Probabilities by the value that is best on validation, fitted on all there is to train on.

    Args:
        make: makes a classifier of a value, and of whether items have several labels.
        values: that are tried.
        inputs: `[n_items, F]`.
        has: bool `[n_items, C]`.
        parts: rows of the training part, of validation, and of what the tested model is fitted on.
        asked: the rows of the test.
        score: of probabilities and labels; the higher the better.
        several: whether an item may have several labels.

    Returns:
        float32 `[len(asked), C]`, and the value.
    """
    train, valid, final = parts
    reached = [
        score(_fitted(make(value, several), inputs, has, train, valid, several), has[valid])
        for value in progress(values, len(values), "tuning a baseline")
    ]
    best = values[int(np.argmax(reached))]
    return _fitted(make(best, several), inputs, has, final, asked, several), best


def _fitted(
    model: Any, inputs: Any, has: NDArray[np.bool_], train: Rows, asked: Rows, several: bool
) -> NDArray[np.float32]:
    found = np.zeros((len(asked), has.shape[1]), np.float32)
    if several:
        met = np.flatnonzero(has[train].any(axis=0) & ~has[train].all(axis=0))
        found[:, has[train].all(axis=0)] = 1.0
        model.fit(inputs[train], has[train][:, met].astype(int))
        found[:, met] = model.predict_proba(inputs[asked])
        return found
    codes = has[train].argmax(axis=1)
    if len(np.unique(codes)) == 1:
        found[:, codes[0]] = 1.0
        return found
    model.fit(inputs[train], codes)
    found[:, model.classes_] = model.predict_proba(inputs[asked])
    return found
