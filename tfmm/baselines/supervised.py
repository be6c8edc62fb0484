"""What simple models of labels have in common, of ratings and of tables alike."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.base import Tuned
from tfmm.data.progress import progress

Said = NDArray[np.float32]
Loss = Callable[[Said, NDArray[np.float32]], float]
"""Of predictions and labels, both `[n]`; the lower the better."""

WEIGHTS = tuple(n / 20 for n in range(21))
"""Shares of the collaborative part that are tried."""


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

    def __post_init__(self) -> None:
        """Refuses a configuration that cannot be meant: none here."""
        return

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


@dataclass(kw_only=True)
class WeightedSum(Supervised):
    """`weight` times what a collaborative model says plus the rest times what content says.

    Tuning chooses each part's parameters by that part alone, then the weight.

    Source: the weighted hybrid of Burke, Hybrid recommender systems, UMUAI 2002.

    Raises:
        ValueError: a weight outside of 0 to 1.
    """

    weight: float = 0.8
    """Share of the collaborative part."""

    collaborative: Mapping[str, Any] = field(default_factory=dict)
    """Configuration of that part."""

    content: Mapping[str, Any] = field(default_factory=dict)
    """Configuration of the other."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.weight <= 1:
            raise ValueError(f"`weight` is {self.weight}, but must be from 0 to 1.")

    @classmethod
    @abstractmethod
    def parts(cls, config: Mapping[str, Any]) -> dict[str, tuple[type[Supervised], dict[str, Any]]]:
        """`collaborative` and `content`: the class of each, and what the configuration of the sum
        says of it."""

    @abstractmethod
    def weighted(self, *asked: Any) -> Callable[[float], Said]:
        """What is said of examples, by the weight."""

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
        """The parameters of both parts, each the best alone, then the weight."""
        if not len(valid.value):
            return Tuned({})
        chosen: dict[str, Any] = {}
        untried = 0
        for name, (part, fixed) in cls.parts(config).items():
            if name not in config:
                chosen[name], more = part.tune(train, valid, loss, deadline=deadline, **fixed)
                untried += more
        if "weight" not in config:
            said = cls(**config, **chosen).fit(*train).weighted(*valid.asked)
            lost = [loss(said(weight), valid.value) for weight in WEIGHTS]
            chosen["weight"] = WEIGHTS[int(np.argmin(lost))]
        return Tuned(chosen, untried)
