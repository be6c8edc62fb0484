"""Several requests' tensors as one run's, and its answer as theirs; TensorFlow Serving's rules."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from tfmm.serving.server.errors import StatusError
from tfmm.serving.server.steps import Run


def row_count(run: Run) -> int:
    """Rows of a run's inputs.

    Raises:
        StatusError: a scalar input, or inputs of different row counts: neither can be merged.
    """
    if any(value.ndim == 0 for value in run.values):
        raise StatusError(
            "INVALID_ARGUMENT", "Batching Run() input tensors must have at least one dimension"
        )
    counts = {len(value) for value in run.values}
    if len(counts) != 1:
        raise StatusError(
            "INVALID_ARGUMENT", "Batching Run() input tensors must have equal 0th-dimension size"
        )
    return counts.pop()


def merge_key(run: Run, any_length: bool) -> Hashable:
    """Equal for runs that can be merged: same version, tensors, dtypes and shapes of a row, or only
    ranks where lengths may differ."""
    forms = tuple(
        (value.dtype, value.ndim if any_length else value.shape[1:]) for value in run.values
    )
    return run.servable, run.feeds, run.fetches, forms


def merge(runs: Sequence[Run], rows: int) -> Run:
    """One run of all rows, padded with copies of the first row up to `rows`.

    Inputs of different lengths are padded at their ends, each with its own first element.
    """
    values = []
    for column in zip(*(run.values for run in runs), strict=True):
        shape = tuple(np.max([value.shape[1:] for value in column], axis=0).astype(int).tolist())
        parts = [_lengthened(value, shape) for value in column]
        missing = rows - sum(map(len, parts))
        if missing:
            parts.append(np.repeat(parts[0][:1], missing, axis=0))
        values.append(np.concatenate(parts) if len(parts) > 1 else parts[0])
    first = runs[0]
    return Run(first.servable, first.api, first.feeds, tuple(values), first.fetches)


def _lengthened(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if value.shape[1:] == shape:
        return value
    first = value.flat[0] if value.size else (b"" if value.dtype == object else 0)
    widths = [(0, 0), *((0, to - at) for at, to in zip(value.shape[1:], shape, strict=True))]
    return np.pad(value, widths, constant_values=first)


def split(run: Run, rows: int) -> list[Run]:
    """A run as several of at most `rows` rows."""
    count = len(run.values[0])
    return [
        Run(
            run.servable,
            run.api,
            run.feeds,
            tuple(value[start : start + rows] for value in run.values),
            run.fetches,
        )
        for start in range(0, count, rows)
    ]


def distribute(
    arrays: Sequence[np.ndarray], counts: Sequence[int], rows: int
) -> list[list[np.ndarray]]:
    """Each request's part of a merged run's arrays; `counts` rows each, padding after them dropped.

    Raises:
        StatusError: an output that is not one row for each input row, so that nobody can say whose
            it is.
    """
    for array in arrays:
        if array.ndim == 0:
            raise StatusError("FAILED_PRECONDITION", "Batched output tensor has 0 dimensions")
        if len(array) != rows:
            raise StatusError(
                "FAILED_PRECONDITION",
                "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                "dimension sizes of the input tensors",
            )
    ends = np.cumsum(counts).tolist()
    return [
        [array[end - count : end] for array in arrays]
        for count, end in zip(counts, ends, strict=True)
    ]
