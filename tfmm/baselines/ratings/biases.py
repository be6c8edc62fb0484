"""Ratings without taste: the mean, and how users and items differ from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.ratings.base import RatingBaseline, Ratings

USER_PENALTY = 5.0
ITEM_PENALTY = 3.0

_ROUNDS = 200
_CLOSE = 1e-5


class Offsets(NamedTuple):
    """The mean, and what users and items add to it; a last row more, 0, for unknown ones."""

    mean: float
    user: NDArray[np.float64]
    item: NDArray[np.float64]

    def of(self, user: NDArray[np.integer], item: NDArray[np.integer]) -> NDArray[np.float64]:
        """Their sum for pairs, `[n]`; -1 is unknown."""
        return self.mean + self.user[user] + self.item[item]


def offsets(ratings: Ratings, user_penalty: float, item_penalty: float) -> Offsets:
    """The offsets that leave the least squared error plus penalties, by turns until they stand."""
    user, item, value, n_users, n_items = ratings
    mean = float(value.mean(dtype=np.float64))
    left = value - mean
    user_count = np.bincount(user, minlength=n_users + 1) + user_penalty
    item_count = np.bincount(item, minlength=n_items + 1) + item_penalty
    user_count[user_count == 0] = item_count[item_count == 0] = 1
    by_user, by_item = np.zeros(n_users + 1), np.zeros(n_items + 1)
    for _ in range(_ROUNDS):
        before = by_item
        by_item = np.bincount(item, left - by_user[user], n_items + 1) / item_count
        by_user = np.bincount(user, left - by_item[item], n_users + 1) / user_count
        if np.abs(by_item - before).max() < _CLOSE:
            break
    return Offsets(mean, by_user, by_item)


@dataclass(kw_only=True)
class Mean(RatingBaseline):
    """The mean of all ratings, whoever rates whatever."""

    name: ClassVar[str] = "mean"

    mean_: float = field(default=0.0, init=False, repr=False)

    def _fit(self, ratings: Ratings) -> None:
        self.mean_ = float(ratings.value.mean(dtype=np.float64))

    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        return np.full(len(user), self.mean_)


@dataclass(kw_only=True)
class Biases(RatingBaseline):
    """The mean, plus how much a user rates above it, plus how much an item is rated above it.

    The squared error plus `user_penalty` times the squared offsets of users and `item_penalty`
    times those of items is brought to its least by solving for users and items in turn.

    ```python
    import numpy as np
    from tfmm.baselines.ratings import Biases

    user, item = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    model = Biases(user_penalty=0, item_penalty=0).fit(user, item, np.array([5, 4, 3, 2]), 2, 2)
    model.predict(np.array([1]), np.array([0]))  # 3.5 - 1 + 0.5 = 3
    ```

    Source: Koren, Factor in the neighbors, ACM TKDD 2010, section 2.1.

    Raises:
        ValueError: a penalty below 0.
    """

    name: ClassVar[str] = "biases"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "user_penalty": (2.0, 5.0, 10.0),
        "item_penalty": (1.0, 3.0, 5.0, 10.0),
    }

    user_penalty: float = USER_PENALTY
    """Ratings without an offset that a user is credited with."""

    item_penalty: float = ITEM_PENALTY
    """Likewise an item."""

    offsets_: Offsets | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        check_penalties(self, "user_penalty", "item_penalty")

    def _fit(self, ratings: Ratings) -> None:
        self.offsets_ = offsets(ratings, self.user_penalty, self.item_penalty)

    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        assert self.offsets_ is not None
        return self.offsets_.of(user, item)


def check_penalties(model: RatingBaseline, *names: str, above: bool = False) -> None:
    """Refuses penalties below 0, or not above it."""
    for name in names:
        value = getattr(model, name)
        if value < 0 or (above and value == 0):
            least = "above 0" if above else "0 or more"
            raise ValueError(f"`{name}` is {value}, but must be {least}.")
