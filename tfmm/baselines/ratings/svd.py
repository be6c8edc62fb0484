"""SVD and SVD++: ratings by factors of users and items, solved for in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tfmm.baselines.ratings.base import RatingBaseline, Ratings
from tfmm.baselines.ratings.biases import ITEM_PENALTY, USER_PENALTY, check_penalties, offsets

Table = NDArray[np.float32]

_BLOCK = 2048
_BIAS_PENALTY = 4.0
_STEPS = 4


class _Side(NamedTuple):
    """The ratings of users, or of items, row by row: what the other one is, and how much it is."""

    bounds: NDArray[np.integer]
    other: NDArray[np.integer]
    value: Table


@dataclass(kw_only=True)
class SVD(RatingBaseline):
    """The mean, offsets of user and item, and the inner product of their factors.

    `r = mean + b_u + b_i + q_i . p_u`, each user's `(p_u, b_u)` and then each item's `(q_i, b_i)`
    solved for exactly by ridge regression on the other side's, `iterations` times. A row of n
    ratings has the penalty `penalty + n * penalty_each` on its factors.

    ```python
    import numpy as np
    from tfmm.baselines.ratings import SVD

    taste = np.float32([[5, 1, 5, 1], [1, 5, 1, 5], [5, 1, 5, 1], [1, 5, 1, 5]])
    user, item = np.nonzero(np.ones((4, 4)))
    shown = np.arange(16) != 15  # all but the rating of item 3 by user 3
    model = SVD(factors=2, penalty=0.1, penalty_each=0.0)
    model.fit(user[shown], item[shown], taste.ravel()[shown], 4, 4)
    model.predict(np.array([3]), np.array([3]))  # more than 4
    ```

    Source: Koren, Bell and Volinsky, Matrix factorization techniques for recommender systems, IEEE
    Computer 2009 (Funk's SVD with biases, by alternating least squares); penalties by the number of
    ratings as in Zhou et al., Large-scale parallel collaborative filtering, AAIM 2008.

    Raises:
        ValueError: factors or iterations below 1, or penalties that leave nothing determined.
    """

    name: ClassVar[str] = "svd"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "factors": (10, 40),
        "penalty": (5.0, 10.0, 15.0),
        "penalty_each": (0.02, 0.05),
    }

    factors: int = 40
    """Length of the vectors."""

    penalty: float = 10.0
    """Strength of the penalty on the factors of a row, whatever its ratings."""

    penalty_each: float = 0.02
    """What each rating of a row adds to it."""

    iterations: int = 10
    """Times that users and items are solved for."""

    seed: int = 1
    """Of the factors that it starts from."""

    mean_: float = field(default=0.0, init=False, repr=False)
    users_: Table | None = field(default=None, init=False, repr=False)
    """float32 `[n_users + 1, factors + 1]`, the last column the offset, the last row unknown."""

    items_: Table | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("factors", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` is {getattr(self, name)}, but must be at least 1.")
        check_penalties(self, "penalty", above=True)
        check_penalties(self, "penalty_each")

    def _fit(self, ratings: Ratings) -> None:
        start = offsets(ratings, USER_PENALTY, ITEM_PENALTY)
        self.mean_ = start.mean
        left = ratings.value - np.float32(start.mean)
        users = _side(ratings.user, ratings.item, left, ratings.n_users)
        items = _side(ratings.item, ratings.user, left, ratings.n_items)
        rng = np.random.default_rng(self.seed)
        q = np.zeros((ratings.n_items, self.factors + 1), np.float32)
        q[:, :-1] = 0.1 * rng.standard_normal((ratings.n_items, self.factors), np.float32)
        q[:, -1] = start.item[:-1]
        # Many small systems: BLAS's threads cost more than they bring.
        with threadpool_limits(1, "blas"):
            for _ in range(self.iterations):
                p = self._users(users, q)
                q = self._solved(items, p)
        unknown = np.zeros((1, self.factors + 1), np.float32)
        self.users_, self.items_ = np.concatenate([p, unknown]), np.concatenate([q, unknown])

    def _predict(
        self, user: NDArray[np.integer], item: NDArray[np.integer]
    ) -> NDArray[np.floating]:
        assert self.users_ is not None
        assert self.items_ is not None
        said = np.empty(len(user), np.float32)
        for start in range(0, len(user), 100_000):
            part = slice(start, start + 100_000)
            p, q = self.users_[user[part]], self.items_[item[part]]
            product = np.einsum("nf,nf->n", p[:, :-1], q[:, :-1])
            said[part] = self.mean_ + p[:, -1] + q[:, -1] + product
        return said

    def _users(self, side: _Side, other: Table) -> Table:
        return self._solved(side, other)

    def _solved(self, side: _Side, other: Table) -> Table:
        """The factors and offset of each row, given those of the other side."""
        found = [
            np.linalg.solve(gram + penalty, right[:, :, None])[:, :, 0]
            for gram, right, penalty in self._systems(side, other)
        ]
        return np.concatenate(found)

    def _systems(self, side: _Side, other: Table) -> Iterator[tuple[Table, Table, Table]]:
        """X'X `[b, F, F]`, X'y `[b, F]` and the penalties `[b, F, F]` of blocks of rows."""
        width = other.shape[1]
        known = other.copy()
        known[:, -1] = 1
        wanted = side.value - other[side.other, -1]
        diagonal = np.arange(width)
        for start in range(0, len(side.bounds) - 1, _BLOCK):
            bounds = side.bounds[start : start + _BLOCK + 1]
            count = np.diff(bounds)
            gram = np.zeros((len(count), width, width), np.float32)
            right = np.zeros((len(count), width), np.float32)
            for row in np.flatnonzero(count):
                part = slice(bounds[row], bounds[row + 1])
                x = known[side.other[part]]
                gram[row], right[row] = x.T @ x, wanted[part] @ x
            penalty = np.zeros_like(gram)
            penalty[:, diagonal, diagonal] = (self.penalty + self.penalty_each * count)[:, None]
            penalty[:, -1, -1] = _BIAS_PENALTY
            yield gram, right, penalty


@dataclass(kw_only=True)
class SVDpp(SVD):
    """SVD++: what a user rated at all says something of them, whatever they said of it.

    `r = mean + b_u + b_i + q_i . (p_u + sum of y_j over the user's N items / sqrt(N))`. The y are
    solved for by conjugate gradient on the squared error that is left once each user's own
    `(p_u, b_u)` are the best there are for them, which has a closed form.

    Takes memory for `n_users * factors ** 2` floats.

    Source: Koren, Factorization meets the neighborhood, KDD 2008, section 4.1; its objective, but
    solved for in turn rather than by stochastic gradient descent.

    Raises:
        ValueError: as `SVD`.
    """

    name: ClassVar[str] = "svdpp"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "penalty": (5.0, 10.0),
        "penalty_each": (0.05, 0.1),
        "penalty_implicit": (30.0, 60.0, 120.0),
    }

    factors: int = 20

    penalty_implicit: float = 60.0
    """Strength of the penalty on each y."""

    _rated: sp.csr_matrix = field(init=False, repr=False)
    _implicit: Table = field(init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_penalties(self, "penalty_implicit", above=True)

    def _fit(self, ratings: Ratings) -> None:
        count = np.bincount(ratings.user, minlength=ratings.n_users)
        share = (1 / np.sqrt(count[ratings.user])).astype(np.float32)
        self._rated = sp.csr_matrix(
            (share, (ratings.user, ratings.item)), shape=(ratings.n_users, ratings.n_items)
        )
        self._implicit = np.zeros((ratings.n_items, self.factors), np.float32)
        super()._fit(ratings)
        del self._rated, self._implicit

    def _users(self, side: _Side, other: Table) -> Table:
        weights, wanted, own, kept = [], [], [], []
        for gram, right, penalty in self._systems(side, other):
            # What a shift of the factors still changes after the best p_u and b_u for it.
            solved = np.linalg.solve(
                gram + penalty, np.concatenate([gram, right[:, :, None]], axis=2)
            )
            shift, best = solved[:, :, :-1], solved[:, :, -1]
            weights.append((gram - gram @ shift)[:, :-1, :-1])
            wanted.append((right - np.einsum("bij,bj->bi", gram, best))[:, :-1])
            own.append(best)
            kept.append(shift[:, :, :-1])
        self._step(np.concatenate(weights), np.concatenate(wanted))
        given = self._rated @ self._implicit
        found = np.concatenate(own) - np.einsum("bij,bj->bi", np.concatenate(kept), given)
        found[:, :-1] += given
        return found

    def _step(self, weights: Table, wanted: Table) -> None:
        """Some steps of conjugate gradient on `sum of w'Mw - 2 h'w + penalty |y|^2, w = Ny`."""
        rated = self._rated

        def applied(y: Table) -> Table:
            moved = np.einsum("bij,bj->bi", weights, rated @ y)
            return rated.T @ moved + np.float32(self.penalty_implicit) * y

        left = rated.T @ wanted - applied(self._implicit)
        direction, size = left, float((left**2).sum())
        for _ in range(_STEPS):
            if size == 0:
                return
            image = applied(direction)
            length = np.float32(size / float((direction * image).sum()))
            self._implicit = self._implicit + length * direction
            left = left - length * image
            before, size = size, float((left**2).sum())
            direction = left + np.float32(size / before) * direction


def _side(row: NDArray[np.integer], other: NDArray[np.integer], value: Table, n_rows: int) -> _Side:
    order = np.argsort(row, kind="stable")
    bounds = np.r_[0, np.cumsum(np.bincount(row, minlength=n_rows))]
    return _Side(bounds, other[order], value[order].astype(np.float32))
