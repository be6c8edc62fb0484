"""Boosted trees: what most people take for a table of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.labels.base import LabelBaseline, Labelled, Table
from tfmm.baselines.labels.encoding import RateEncoding
from tfmm.baselines.supervised import Said

#: Trees that are tried at most, and how many may come without a better validation.
MOST, PATIENCE = 2000, 50

_FEW = 30_000


@dataclass(kw_only=True)
class Boosted(LabelBaseline):
    """LightGBM on numbers and categories, these as its own categoricals.

    A category of more than `many` values, such as the user, is instead two numbers: how often the
    label comes with the value (see `RateEncoding`), and how many examples have it. LightGBM's own
    way of such a category leaves out values of few examples.

    Tuning stops each choice of the other parameters early, when validation gets no better for 50
    trees; the model that is then fitted has as many trees.

    Needs the package `lightgbm` (`pip install tfmm[boosted]`).

    Source: Ke et al., LightGBM: a highly efficient gradient boosting decision tree, NIPS 2017.

    Raises:
        ModuleNotFoundError: `lightgbm`, or the library that it needs, is not installed.
        ValueError: leaves below 2, rounds below 1 or a learning rate not above 0.
    """

    name: ClassVar[str] = "boosted"
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {"leaves": (15, 31, 63)}

    leaves: int = 31
    """Leaves of a tree at most."""

    rounds: int = 200
    """Trees."""

    learning_rate: float = 0.05
    """Of each tree."""

    many: int = 100
    """Values of a category past which it is numbers."""

    seed: int = 1
    """Of folds, and of what LightGBM draws."""

    model_: Any = field(default=None, init=False, repr=False)
    encoding_: RateEncoding | None = field(default=None, init=False, repr=False)
    large_: NDArray[np.bool_] | None = field(default=None, init=False, repr=False)
    """bool `[Q]`, the categories of many values."""

    watched_: Labelled | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _lightgbm()
        for name, least in (("leaves", 2), ("rounds", 1)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"`{name}` is {value}, but must be at least {least}.")
        if not self.learning_rate > 0:
            raise ValueError(f"`learning_rate` is {self.learning_rate}, but must be above 0.")

    @classmethod
    def tries(
        cls, train: Labelled, valid: Labelled, **config: Any
    ) -> Iterator[tuple[dict[str, Any], Said]]:
        """Each choice with as many trees as are best for it."""
        for params in cls.combinations(config):
            if "rounds" in config:
                yield params, cls(**config, **params).fit(*train).predict(*valid.asked)
                continue
            model = cls(**config, **params, rounds=MOST)
            model.watched_ = valid
            said = model.fit(*train).predict(*valid.asked)
            best = 1 if model.model_ is None else max(1, model.model_.best_iteration)
            yield {**params, "rounds": best}, said

    def _fit(self, table: Table, value: NDArray[np.float32]) -> None:
        lightgbm = _lightgbm()
        codes = table.categories
        self.large_ = codes.max(axis=0, initial=-1) >= self.many
        self.encoding_ = RateEncoding(codes[:, self.large_], value, seed=self.seed)
        first = table.numbers.shape[1] + 2 * int(self.large_.sum())
        own = list(range(first, first + int((~self.large_).sum())))
        train = lightgbm.Dataset(
            self._inputs(table, self.encoding_.training()), value, categorical_feature=own
        )
        watched = []
        if self.watched_ is not None:
            rows = self.watched_.table
            seen = self.encoding_.encoded(rows.categories[:, self.large_])
            watched = [train.create_valid(self._inputs(rows, seen), self.watched_.value)]
        stop: list[Any] = [lightgbm.early_stopping(PATIENCE, verbose=False)] if watched else []
        binary = self.kind == "binary"
        options = {
            "objective": "binary" if binary else "regression",
            "metric": "binary_logloss" if binary else "rmse",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            # In small tables threads wait for each other longer than they work.
            "num_threads": 1 if len(table) < _FEW else 0,
            "verbose": -1,
        }
        self.model_ = lightgbm.train(
            options, train, self.rounds, valid_sets=watched, callbacks=stop
        )

    def _predict(self, table: Table) -> NDArray[np.floating]:
        assert self.encoding_ is not None
        rates = self.encoding_.encoded(table.categories[:, self.large_])
        return self.model_.predict(self._inputs(table, rates))

    def _inputs(self, table: Table, rates: NDArray[np.float32]) -> NDArray[np.float32]:
        assert self.large_ is not None
        own = table.categories[:, ~self.large_].astype(np.float32)
        own[own < 0] = np.nan
        return np.concatenate([table.numbers, rates, own], axis=1)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The baseline 'boosted' needs the package lightgbm, which is not installed. To "
            "resolve this, `pip install tfmm[boosted]`, or leave the baseline out.",
            name="lightgbm",
        ) from error
    except OSError as error:
        raise ModuleNotFoundError(
            f"The baseline 'boosted' needs the package lightgbm, which does not load: {error}. To "
            "resolve this, install that library (on Debian and Ubuntu: libgomp1), or leave the "
            "baseline out.",
            name="lightgbm",
        ) from error
    return lightgbm
