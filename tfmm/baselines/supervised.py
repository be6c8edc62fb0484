"""What simple models of labels have in common, of ratings and of tables alike."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.base import Tuned
from tfmm.data.progress import progress

Said = NDArray[np.float32]
Loss = Callable[[Said, NDArray[np.float32]], float]
"""Of predictions and labels, both `[n]`; the lower the better."""


class Examples(Protocol):
    """Examples with their labels: `fit` takes all fields, `predict` takes `asked`."""

    @property
    def asked(self) -> tuple[Any, ...]:
        """What is known before the label."""

    @property
    def value(self) -> NDArray[np.float32]:
        """The labels, float32 `[n]`."""

    def __iter__(self) -> Iterator[Any]: ...


@dataclass(kw_only=True)
class Supervised(ABC):
    """A model of a label without a neural network: `fit`, `predict`, and `tune` on validation.

    The fields of a subclass are its configuration; `config()` gives them back.
    """

    name: ClassVar[str]
    """Name in the registry and in reports."""

    grid: ClassVar[Mapping[str, Sequence[Any]]] = {}
    """Values that tuning tries, by field."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Fields that it cannot do without and that the caller alone knows."""

    @abstractmethod
    def fit(self, *examples: Any) -> Self:
        """Learns from examples with labels, and returns itself."""

    @abstractmethod
    def predict(self, *asked: Any) -> Said:
        """The label of each example, float32 `[n]`; of a label of 0 and 1 its probability."""

    def config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    @classmethod
    def tune(
        cls,
        train: Examples,
        valid: Examples,
        loss: Loss,
        *,
        deadline: float = np.inf,
        **config: Any,
    ) -> Tuned:
        """The parameters, beside those of `config`, that lose least on validation.

        Only `train` is learned from. Of equals the first tried; none where there is nothing to
        choose or no validation.

        Args:
            train: what choices are fitted on.
            valid: what they are measured on.
            loss: of predictions and labels; the lower the better.
            deadline: reading of `time.monotonic` after which nothing more is tried.
            **config: parameters that stay as they are.
        """
        total = len(cls.combinations(config))
        if not total or not len(valid.value) or time.monotonic() > deadline:
            return Tuned({}, total if len(valid.value) else 0)
        lost = []
        for params, said in progress(
            cls.tries(train, valid, **config), total, f"tuning {cls.name}"
        ):
            lost.append((loss(said, valid.value), params))
            if time.monotonic() > deadline:
                break
        return Tuned(min(lost, key=lambda row: row[0])[1], total - len(lost))

    @classmethod
    def tries(cls, train: Any, valid: Any, **config: Any) -> Iterator[tuple[dict[str, Any], Said]]:
        """Each choice of parameters with what it says of validation.

        Subclasses share between choices what costs most.
        """
        for params in cls.combinations(config):
            yield params, cls(**{**config, **params}).fit(*train).predict(*valid.asked)

    @classmethod
    def combinations(cls, config: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Every combination of the grid's values of fields that `config` does not set."""
        grid = {name: values for name, values in cls.grid.items() if name not in config}
        if not grid:
            return []
        return [dict(zip(grid, row, strict=True)) for row in itertools.product(*grid.values())]
