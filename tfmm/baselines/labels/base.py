"""Examples as a table with a label, and what every model of such labels has in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.base import NotFittedError
from tfmm.baselines.supervised import Said, Supervised

Kind = Literal["binary", "rating"]
KINDS = ("binary", "rating")


@dataclass(frozen=True)
class Table:
    """Columns of examples: numbers and categories, by name.

    ```python
    import numpy as np
    from tfmm.baselines.labels import Table

    table = Table(
        numbers=np.float32([[21.0], [np.nan]]),
        categories=np.int32([[0, 3], [1, -1]]),
        number_names=("age",),
        category_names=("user", "device"),
    )
    len(table.columns(["device"]).rows(np.array([1])))  # 1
    ```

    Raises:
        ValueError: arrays that differ in rows, or names that do not fit their columns.
    """

    numbers: NDArray[np.float32]
    """float32 `[n, P]`, NaN where missing."""

    categories: NDArray[np.int32]
    """int32 `[n, Q]`, codes from 0, -1 where missing."""

    number_names: tuple[str, ...]
    """`[P]`."""

    category_names: tuple[str, ...]
    """`[Q]`."""

    def __post_init__(self) -> None:
        for what, array, names in (
            ("numbers", self.numbers, self.number_names),
            ("categories", self.categories, self.category_names),
        ):
            if array.ndim != 2 or array.shape[1] != len(names):
                raise ValueError(
                    f"`{what}` must be of shape [n, {len(names)}], a column for each of its names, "
                    f"but is of shape {list(array.shape)}."
                )
        if len(self.numbers) != len(self.categories):
            raise ValueError(
                f"`numbers` and `categories` must have as many rows, but have {len(self.numbers)} "
                f"and {len(self.categories)}."
            )
        names = (*self.number_names, *self.category_names)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"The column {twice!r} is there more than once.")

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Table:
        """Some of the examples."""
        return Table(
            self.numbers[rows], self.categories[rows], self.number_names, self.category_names
        )

    def columns(self, names: Sequence[str]) -> Table:
        """Some of the columns.

        Raises:
            ValueError: a name that no column has.
        """
        there = (*self.number_names, *self.category_names)
        for name in names:
            if name not in there:
                raise ValueError(f"There is no column {name!r}, only {', '.join(there)}.")
        numbers = [n for n, name in enumerate(self.number_names) if name in names]
        categories = [n for n, name in enumerate(self.category_names) if name in names]
        return Table(
            self.numbers[:, numbers],
            self.categories[:, categories],
            tuple(self.number_names[n] for n in numbers),
            tuple(self.category_names[n] for n in categories),
        )


class Labelled(NamedTuple):
    """Examples with their labels."""

    table: Table
    value: NDArray[np.float32]
    """float32 `[n]`, without NaN."""

    @property
    def asked(self) -> tuple[Table]:
        """The table alone."""
        return (self.table,)

    def joined(self, other: Labelled) -> Labelled:
        """These and others, of the same columns."""
        table = Table(
            np.concatenate([self.table.numbers, other.table.numbers]),
            np.concatenate([self.table.categories, other.table.categories]),
            self.table.number_names,
            self.table.category_names,
        )
        return Labelled(table, np.concatenate([self.value, other.value]))


@dataclass(kw_only=True)
class LabelBaseline(Supervised):
    """A label of examples from the columns of a table.

    `kind` is what the label is: `"binary"`, 0 or 1, whose probability is predicted, or `"rating"`,
    a number, which stays between the lowest and the highest of training. Where all labels are the
    same in training, that one is the answer.
    """

    kind: Kind = "binary"
    """`"binary"` or `"rating"`."""

    names_: tuple[tuple[str, ...], tuple[str, ...]] | None = field(
        default=None, init=False, repr=False
    )
    range_: tuple[float, float] = field(default=(0.0, 0.0), init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise ValueError(f"`kind` is {self.kind!r}, but must be one of {', '.join(KINDS)}.")

    def fit(self, table: Table, value: NDArray[np.floating]) -> Self:
        """Learns from examples and returns itself.

        Args:
            table: `n` examples.
            value: their labels, float `[n]`.

        Raises:
            ValueError: no examples, as many labels as examples missing, or labels that are not
                finite or, of a binary one, not 0 or 1.
        """
        value = np.asarray(value, np.float32)
        if not len(table) or value.shape != (len(table),):
            raise ValueError(
                f"`value` must be a label for each of at least 1 example, but is of shape "
                f"{list(value.shape)} for {len(table)} examples."
            )
        wrong = ~np.isfinite(value)
        if self.kind == "binary":
            wrong = (value != 0) & (value != 1)
        if wrong.any():
            what = "0 or 1" if self.kind == "binary" else "finite"
            raise ValueError(
                f"`value` must be {what}, but {int(wrong.sum())} of its {len(value)} labels are "
                f"not, such as {value[wrong][0]}. Leave examples without a label out."
            )
        self.names_ = (table.number_names, table.category_names)
        self.range_ = (float(value.min()), float(value.max()))
        if self.range_[0] < self.range_[1]:
            self._fit(table, value)
        return self

    def predict(self, table: Table) -> Said:
        """The label of each example, float32 `[n]`: its probability where it is binary.

        Raises:
            NotFittedError: before `fit`.
            ValueError: other columns than in `fit`.
        """
        if self.names_ is None:
            raise NotFittedError(
                f"{type(self).__name__} has nothing learned yet: call `fit` first."
            )
        names = (table.number_names, table.category_names)
        if names != self.names_:
            raise ValueError(
                f"`table` must have the columns of training, {_listed(self.names_)}, but it has "
                f"{_listed(names)}."
            )
        low, high = self.range_
        if low == high or not len(table):
            return np.full(len(table), low, np.float32)
        return np.clip(self._predict(table), low, high).astype(np.float32)

    @abstractmethod
    def _fit(self, table: Table, value: NDArray[np.float32]) -> None:
        """Learns from labels that are not all the same."""

    @abstractmethod
    def _predict(self, table: Table) -> NDArray[np.floating]:
        """Predictions `[n]`."""


def _listed(names: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    return ", ".join(names[0] + names[1]) or "none"
