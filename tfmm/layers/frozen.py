"""Frozen vectors of a feature: what items can be compared by before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from tfmm.data.columns import CategoryColumn, Column, TagsColumn, TextColumn, VectorColumn
from tfmm.encoders import Encoder, Pretrained, VideoFrames

#: Kinds of feature that have frozen vectors without any encoder.
KINDS = ("text", "vector")


def has_frozen(column: Column, encoder: Encoder | None) -> bool:
    """Whether `frozen_vectors` knows a column, given the model's encoder of it, if any."""
    return _given(encoder) or column.kind in KINDS


def frozen_vectors(
    column: Column, encoder: Encoder | None = None, cache: Path | None = None
) -> np.ndarray | sp.csr_matrix:
    """Vectors to compare the rows of a column by.

    A frozen encoder's own vectors where the model has one (MiniLM, EfficientNet, classic picture
    features); else given vectors less their mean; words weighted by how rare they are (tf-idf with
    a logarithmic tf; Salton and Buckley, 1988); categories and tags as sets, rare ones counting
    more.

    Args:
        column: n values of any kind.
        encoder: the adapted encoder that the model reads the column by, if any.
        cache: where the vectors of frozen encoders are kept.

    Returns:
        float32 `[n, d]`, dense or sparse; zeros where a value is missing.

    Raises:
        ValueError: for a column of pictures, sounds, clips or numbers without a frozen encoder.
    """
    if encoder is not None and _given(encoder):
        alone = isinstance(encoder, Pretrained)
        found = encoder.frozen(column, cache) if alone else encoder.prepare(column, cache=cache)
        vectors = np.asarray(found[:], np.float32)
        vectors = vectors.reshape(len(vectors), -1)
        return _centred(vectors, np.asarray(column.present))
    if isinstance(column, VectorColumn):
        return _centred(np.asarray(column.values, np.float32), np.asarray(column.present))
    if isinstance(column, TextColumn):
        return _words(column)
    if isinstance(column, CategoryColumn | TagsColumn):
        return incidence(column)
    raise ValueError(
        f"Items cannot be compared by a feature of kind {column.kind!r} without a frozen encoder. "
        "Give it one under `items.encoders` (for pictures classic or efficientnet_lite0), or leave "
        "the feature out of `graph.similar`."
    )


def incidence(column: CategoryColumn | TagsColumn) -> sp.csr_matrix:
    """Which row has which value: float32 `[n, V]`, weighted by how rare a value is (idf)."""
    n, values = len(column), len(column.vocabulary)
    if isinstance(column, CategoryColumn):
        row = np.flatnonzero(column.codes >= 0)
        code = column.codes[row]
    else:
        row = np.repeat(np.arange(n), np.diff(column.offsets))
        code = column.values
    counts = np.bincount(code, minlength=values)
    weight = np.log1p(n / np.maximum(counts, 1))
    return sp.csr_matrix((weight[code], (row, code)), shape=(n, values), dtype=np.float32)


def _given(encoder: Encoder | None) -> bool:
    return isinstance(encoder, Pretrained | VideoFrames) and not encoder.heavy


def _centred(vectors: np.ndarray, present: np.ndarray) -> np.ndarray:
    finite = present & np.isfinite(vectors).all(axis=1)
    out = np.zeros_like(vectors)
    if finite.any():
        out[finite] = vectors[finite] - vectors[finite].mean(axis=0)
    return out


def _words(column: TextColumn) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not column.present.any():
        return sp.csr_matrix((len(column), 1), dtype=np.float32)
    words = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, token_pattern=r"(?u)\w+")
    try:
        return sp.csr_matrix(words.fit_transform(list(column.values)))
    except ValueError:  # nothing but punctuation
        return sp.csr_matrix((len(column), 1), dtype=np.float32)
