"""iALS: matrix factorisation by alternating least squares."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from tfmm.baselines.base import Baseline
from tfmm.data.events.pairs import Pairs


@dataclass(kw_only=True)
class IALS(Baseline):
    """Scores an item by the inner product of its factors with those of the shopper.

    Every pair that was not seen counts as a weak "no" and every seen one as a "yes" with the weight
    `alpha`; users' and items' factors are solved for in turn. A shopper's factors are solved from
    their history when they are scored, so shoppers never seen are scored too.

    Needs the package `implicit` (`pip install tfmm[ials]`).

    Source: Hu, Koren and Volinsky, Collaborative filtering for implicit feedback datasets, ICDM
    2008; conjugate gradient as in Takács, Pilászy and Tikk, RecSys 2011, by Ben Frederickson's
    `implicit`.

    Raises:
        ModuleNotFoundError: `implicit` is not installed.
        ValueError: factors or iterations below 1, or an `alpha` or `regularization` that is not
            above 0.
    """

    name: ClassVar[str] = "ials"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "factors": (64, 256),
        "regularization": (1.0, 10.0, 50.0),
        "alpha": (3.0, 20.0),
    }

    factors: int = 64
    """Length of the vectors."""

    regularization: float = 10.0
    """Strength of the penalty on the factors."""

    alpha: float = 3.0
    """Weight of a seen pair; one that was not seen counts 1."""

    iterations: int = 15
    """Times that users and items are solved for."""

    seed: int = 1
    """Of the factors that it starts from."""

    model_: Any = field(default=None, init=False, repr=False)
    items_: NDArray[np.float32] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if importlib.util.find_spec("implicit") is None:
            raise ModuleNotFoundError(
                "The baseline 'ials' needs the package implicit, which is not installed. To "
                "resolve this, `pip install tfmm[ials]`, or leave the baseline out.",
                name="implicit",
            )
        for name in ("factors", "iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` is {getattr(self, name)}, but must be at least 1.")
        for name in ("regularization", "alpha"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` is {getattr(self, name)}, but must be above 0.")

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        from implicit.cpu.als import AlternatingLeastSquares

        values = self._values(train)
        # Its own threads work on rows; BLAS's threads within each would get in their way.
        with threadpool_limits(1, "blas"):
            self.model_ = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                alpha=self.alpha,
                iterations=self.iterations,
                random_state=self.seed,
            )
            self.model_.fit(values, show_progress=False)
        self.items_ = np.asarray(self.model_.item_factors, np.float32)
        return self

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        items = self.items_
        histories = self._histories(histories, None if items is None else len(items))
        assert items is not None
        with threadpool_limits(1, "blas"):
            users = self.model_.recalculate_user(np.arange(histories.shape[0]), histories)
        return np.atleast_2d(users).astype(np.float32) @ items.T
