"""What every model of ratings has in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.base import NotFittedError
from tfmm.baselines.supervised import Said, Supervised


class Ratings(NamedTuple):
    """Who rated what, and how: a row a rating.

    ```python
    from tfmm.baselines.ratings import Ratings

    train = Ratings(np.array([0, 0, 1]), np.array([0, 1, 1]), np.float32([5, 3, 4]), 2, 2)
    ```
    """

    user: NDArray[np.integer]
    """`[n]`, rows of users."""

    item: NDArray[np.integer]
    """`[n]`, rows of items."""

    value: NDArray[np.float32]
    """float32 `[n]`, in any unit."""

    n_users: int
    """Users that there are, rated or not."""

    n_items: int
    """Items that there are."""

    @property
    def asked(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Users and items."""
        return self.user, self.item

    def joined(self, other: Ratings) -> Ratings:
        """These and others, over the same users and items."""
        return Ratings(
            np.concatenate([self.user, other.user]),
            np.concatenate([self.item, other.item]),
            np.concatenate([self.value, other.value]),
            max(self.n_users, other.n_users),
            max(self.n_items, other.n_items),
        )


@dataclass(kw_only=True)
class RatingBaseline(Supervised):
    """Ratings of items by users, from ratings alone or with the items' vectors.

    A pair that was rated more than once counts once, with the mean. Predictions stay between the
    lowest and the highest rating seen. A row of -1, and a user or an item without a rating in
    training, is unknown: what is known of the other decides, and the mean where neither is known.
    """

    range_: tuple[float, float] | None = field(default=None, init=False, repr=False)
    shape_: tuple[int, int] = field(default=(0, 0), init=False, repr=False)

    def fit(
        self,
        user: NDArray[np.integer],
        item: NDArray[np.integer],
        value: NDArray[np.floating],
        n_users: int,
        n_items: int,
    ) -> Self:
        """Learns from ratings and returns itself.

        Args:
            user: `[n]`, rows from 0 to `n_users - 1`.
            item: `[n]`, rows from 0 to `n_items - 1`.
            value: `[n]`, without NaN.
            n_users: users that there are.
            n_items: items that there are.

        Raises:
            ValueError: no ratings, arrays that differ in length, rows out of range, or a rating
                that is not a number.
        """
        user, item = np.asarray(user), np.asarray(item)
        value = np.asarray(value, np.float32)
        if not len(user) == len(item) == len(value) or not len(value):
            raise ValueError(
                f"`user`, `item` and `value` must be of one length, at least 1, but are of "
                f"{len(user)}, {len(item)} and {len(value)}."
            )
        _check_rows("user", user, 0, n_users)
        _check_rows("item", item, 0, n_items)
        if not np.isfinite(value).all():
            raise ValueError(
                f"`value` must be finite, but {int((~np.isfinite(value)).sum())} of its "
                f"{len(value)} ratings are not. Leave examples without a rating out."
            )
        self.shape_ = (n_users, n_items)
        self.range_ = (float(value.min()), float(value.max()))
        self._fit(_once(user, item, value, n_users, n_items))
        return self

    def predict(self, user: NDArray[np.integer], item: NDArray[np.integer]) -> Said:
        """The rating of each item by its user, float32 `[n]`.

        Args:
            user: `[n]`, rows; -1 for one that is not known.
            item: `[n]`, likewise.

        Raises:
            NotFittedError: before `fit`.
            ValueError: arrays that differ in length, or rows out of range.
        """
        if self.range_ is None:
            raise NotFittedError(
                f"{type(self).__name__} has nothing learned yet: call `fit` first."
            )
        user, item = np.asarray(user), np.asarray(item)
        if len(user) != len(item):
            raise ValueError(
                f"`user` and `item` must be of one length, but are of {len(user)} and {len(item)}."
            )
        _check_rows("user", user, -1, self.shape_[0])
        _check_rows("item", item, -1, self.shape_[1])
        return self._clipped(self._predict(user, item))

    @abstractmethod
    def _fit(self, ratings: Ratings) -> None:
        """Learns from ratings of distinct pairs, ordered by user, then item."""

    @abstractmethod
    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        """Predictions `[n]`; row -1, the last of tables with a row more, is unknown."""

    def _clipped(self, said: NDArray[np.floating]) -> Said:
        assert self.range_ is not None
        return np.clip(said, *self.range_).astype(np.float32)


def _check_rows(what: str, rows: NDArray[np.integer], least: int, count: int) -> None:
    if len(rows) and (rows.min() < least or rows.max() >= count):
        raise ValueError(
            f"`{what}` must hold rows from {least} to {count - 1}, but goes from {rows.min()} to "
            f"{rows.max()}."
        )


def _once(
    user: NDArray[np.integer],
    item: NDArray[np.integer],
    value: NDArray[np.float32],
    n_users: int,
    n_items: int,
) -> Ratings:
    """Each pair once, with the mean of its ratings, by user and item."""
    pair, where = np.unique(user.astype(np.int64) * n_items + item, return_inverse=True)
    mean = np.bincount(where, value) / np.bincount(where)
    row, column = np.divmod(pair, n_items)
    return Ratings(
        row.astype(np.int32), column.astype(np.int32), mean.astype(np.float32), n_users, n_items
    )
