"""Filters on what an item is: `feature=value` terms over category and tags columns."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.index.lookup import row_table

if TYPE_CHECKING:
    from tfmm.data.catalog import Catalog

# Keeps the vocabulary file from being empty; no feature is called "", so it is nobody's term.
_NO_TERM = "="


class RowFilter(Protocol):
    """Which rows of an index each query of a batch may get, made a block of queries at a time."""

    #: bool scalar: whether any query of the batch is filtered at all.
    active: tf.Tensor

    def rows(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """bool `[stop - start, N]`: the rows that queries `start` to `stop` may get."""
        ...


class TermFilter(tf.Module):
    """Finds the items that `feature=value` terms allow.

    Terms of one feature are alternatives, features must all hold: `color=red`, `color=blue` and
    `kind=shoe` allow red shoes and blue shoes. The value is everything after the first "=", so
    values may hold "=" and spaces. "" is padding. A value or a feature that the catalogue does not
    have matches nothing.

    The rows of each term stand in compressed sparse row form: memory grows with the number of
    (item, term) pairs. Only standard TensorFlow ops are used; the terms are a SavedModel asset.

    Args:
        columns: category and tags columns by feature name (`.kind`, `.vocabulary`, and `.codes` or
            `.values` and `.offsets`), each with one entry for every item. Columns of other kinds
            are refused; `from_catalog` picks the right ones.
        n_items: number of items.

    Raises:
        ValueError: a feature of another kind or length, or with "=" in its name.

    Example:

    ```python
    filters = TermFilter.from_catalog(shop.items)
    filters.mask(tf.constant([["color=red", "kind=shoe"], ["", ""]]))     # bool [2, N]
    ```
    """

    def __init__(self, columns: Mapping[str, Any], n_items: int) -> None:
        super().__init__(name="filters")
        self.n_items = n_items
        self.features = tuple(columns)
        terms, counts, rows = [_NO_TERM], [np.zeros(1, np.int64)], [np.empty(0, np.int32)]
        for feature, column in columns.items():
            _check_column(feature, column, n_items)
            codes, items = _pairs(column)
            vocabulary = column.vocabulary
            terms += [f"{feature}={value}" for value in vocabulary]
            counts.append(np.bincount(codes, minlength=len(vocabulary)))
            rows.append(items[np.argsort(codes, kind="stable")])
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
        self._folder = tempfile.TemporaryDirectory(prefix="tfmm-terms-")
        self._terms = row_table(
            [_escaped(term) for term in terms], Path(self._folder.name) / "terms.txt"
        )
        names = tf.constant([*self.features, ""])  # "" as no table may be empty
        numbers = tf.range(len(self.features) + 1, dtype=tf.int64)
        self._features = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(names, numbers), default_value=len(self.features)
        )
        self._offsets = tf.Variable(offsets, trainable=False, name="term_offsets")
        self._rows = tf.Variable(np.concatenate(rows), trainable=False, name="term_rows")
        filled = np.flatnonzero(np.diff(offsets))[:8]
        #: Some terms that match at least one item, for warm-up requests.
        self.examples = tuple(terms[term] for term in filled)

    @classmethod
    def from_catalog(cls, catalog: Catalog) -> TermFilter:
        """The filter over the category and tags features of a catalogue."""
        columns = {
            name: column
            for name, column in catalog.features.items()
            if column.kind in ("category", "tags")
        }
        return cls(columns, len(catalog))

    def mask(self, terms: tf.Tensor) -> tf.Tensor:
        """The items that each row of terms allows.

        Args:
            terms: string `[B, F]`, "" for none.

        Returns:
            bool `[B, N]`; all True where a row of terms is all "".
        """
        terms = tf.convert_to_tensor(terms)
        return self.bind(terms).rows(tf.constant(0), tf.shape(terms)[0])

    def bind(self, terms: tf.Tensor) -> BoundTerms:
        """A row filter for a batch of terms, string `[B, F]`, to hand to an index's `search`."""
        terms = tf.convert_to_tensor(terms)
        # \C is any byte: `.` would stop at bytes that are not UTF-8.
        features = self._features.lookup(tf.strings.regex_replace(terms, r"=\C*", ""))
        for raw, escaped in ((r"\\", r"\\\\"), ("\n", r"\\n"), ("\r", r"\\r")):
            terms = tf.strings.regex_replace(terms, raw, escaped)
        used = terms != ""
        return BoundTerms(self, self._terms.lookup(terms), tf.where(used, features, -1))

    def matches(self, terms: tf.Tensor) -> tf.Tensor:
        """bool `[b, N]`: the items that have any of the terms int64 `[b, F]`; -1 for none."""
        places = tf.where(terms >= 0)
        chosen = tf.gather_nd(terms, places)
        starts, stops = tf.gather(self._offsets, chosen), tf.gather(self._offsets, chosen + 1)
        spans = tf.ragged.range(starts, stops)
        rows = tf.gather(self._rows, spans.values)
        queries = tf.repeat(tf.cast(places[:, 0], tf.int32), stops - starts)
        found = tf.fill([tf.shape(terms)[0], self.n_items], False)
        indices = tf.stack([queries, rows], axis=1)
        return tf.tensor_scatter_nd_update(found, indices, tf.ones_like(rows, tf.bool))


class BoundTerms:
    """A `TermFilter` with the terms of a batch; see `RowFilter`.

    Args:
        filters: whose terms these are.
        terms: int64 `[B, F]`, term numbers, -1 for an unknown term.
        features: int64 `[B, F]`, feature numbers, past the last for an unknown one, -1 for padding.
    """

    def __init__(self, filters: TermFilter, terms: tf.Tensor, features: tf.Tensor) -> None:
        self._filters = filters
        self._terms = terms
        self._features = features
        self.active = tf.reduce_any(features >= 0)

    def rows(self, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        """bool `[stop - start, N]`: the items that these queries' terms allow."""
        terms, features = self._terms[start:stop], self._features[start:stop]
        # Features that nobody in the block asks for cost nothing.
        asked, _ = tf.unique(tf.boolean_mask(features, features >= 0))

        def one_feature(i: tf.Tensor, allowed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            of_feature = features == asked[i]
            found = self._filters.matches(tf.where(of_feature, terms, -1))
            free = ~tf.reduce_any(of_feature, axis=1, keepdims=True)
            return i + 1, allowed & (found | free)

        everything = tf.fill([tf.shape(terms)[0], self._filters.n_items], True)
        _, allowed = tf.while_loop(
            lambda i, _: i < tf.size(asked),
            one_feature,
            [tf.constant(0), everything],
            shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, self._filters.n_items])],
            parallel_iterations=1,
        )
        return allowed


def _check_column(feature: str, column: Any, n_items: int) -> None:
    if column.kind not in ("category", "tags"):
        raise ValueError(
            f"Feature {feature!r} is of kind {column.kind!r}, but filters are made of category and "
            "tags features only."
        )
    if not feature or "=" in feature:
        raise ValueError(
            f"Feature {feature!r} cannot be filtered by: in a term `feature=value` the name ends "
            'at the first "=". To resolve this, rename the feature in the shop file.'
        )
    if len(column) != n_items:
        raise ValueError(
            f"Feature {feature!r} has {len(column)} entries for {n_items} items: a column must "
            "have one entry for every item."
        )


def _pairs(column: Any) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """The (code, item) pairs of a column, in the order of items."""
    if column.kind == "category":
        items = np.flatnonzero(column.codes >= 0).astype(np.int32)
        return column.codes[items], items
    items = np.repeat(np.arange(len(column), dtype=np.int32), np.diff(column.offsets))
    return column.values, items


def _escaped(term: str) -> str:
    # A vocabulary file holds one term a line.
    return term.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
