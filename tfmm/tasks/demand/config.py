"""The run file of demand, with a default for all but the shop."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from tfmm.config import Listed, Section
from tfmm.index.options import check_positive
from tfmm.tasks.config import RunConfig
from tfmm.tasks.config import TrainConfig as BaseTrainConfig
from tfmm.tasks.items.config import ContentConfig


class SeriesConfig(Section):
    """What is counted."""

    by: str = "item"
    """`item`, a category feature of the items, or a column of the events such as a store."""
    every: Literal["day", "week", "month"] = "week"
    """Length of a period; weeks begin on Monday."""
    value: Literal["units", "revenue"] = "units"
    """`units` (pieces, by the shop file's `quantity`; one where it says none) or `revenue` (pieces
    times `price`)."""
    types: Listed[str] | None = None
    """Event types that are sales; by default all."""
    most: float | None = None
    """An event of more pieces was sold by weight or volume, and counts as one piece."""
    top: int | None = None
    """Only so many series are learned and measured, those that sold most before the test."""
    start: Literal["first_sale", "log"] = "first_sale"
    """From when on a series that sells nothing counts as 0: its first event, or that of the
    shop."""


class PlanConfig(Section):
    """A table of what is planned for past periods and those to come.

    What sales themselves say of prices and promotions would tell that something sold; a plan does
    not.
    """

    table: str
    """Its file, relative to the working folder."""
    series: str
    """The column of the series' ids."""
    time: str
    """The column of times, in ISO form."""
    columns: Listed[str]
    """Columns of numbers: a price, a share or mark of promotion from 0 to 1."""

    @field_validator("columns")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("`columns` must name a column, got an empty list.")
        return value


class FuturesConfig(Section):
    """What beside sales the network reads of each period."""

    holidays: str | None = None
    """A country by its two letters, or with a state (`US`, `DE-BY`); needs the extra `forecast`."""
    price: bool = False
    """Whether prices of past sales are read."""
    promotion: str | None = None
    """A number column of the events that is above 0 for what was promoted; of past sales alone."""
    plan: PlanConfig | None = None
    """What is known of periods to come."""


class SplitConfig(Section):
    """Forecasts are made at origins: the first period that is not known yet."""

    test: int | str = 8
    """So many last origins are the test; or the ISO time of the first."""
    valid: int | str = 8
    """So many before them are for validation, whose targets lie before the test; or the ISO time of
    the first."""
    step: int = 1
    """Periods from one origin to the next."""
    cold: float = 0.0
    """Share of the series that are left out whole and tested on; half as many are left out until
    validation has chosen."""
    until: str | None = None
    """ISO time; what happened from then on is not known."""
    seed: int = 1

    @field_validator("step")
    @classmethod
    def _some(cls, value: int) -> int:
        return check_positive("step", value)

    @field_validator("cold")
    @classmethod
    def _share(cls, value: float) -> float:
        if not 0 <= value <= 0.5:
            raise ValueError(f"a share of series to leave out lies from 0 to 0.5, got {value}.")
        return value

    @model_validator(mode="after")
    def _alike(self) -> Self:
        for name in ("valid", "test"):
            value = getattr(self, name)
            if isinstance(value, int) and value < 1:
                raise ValueError(f"`{name}` must be at least 1 origin, got {value}.")
        return self


class ItemsConfig(ContentConfig):
    """What is read of an item or a category."""

    dim: int = 32
    """Of the vectors."""


class NetworkConfig(Section):
    """The network."""

    horizon: int = 4
    """Periods that are forecast at once."""
    window: int = 52
    """Past periods that it reads."""
    hidden: int = 64
    """Width of its layers."""
    members: int = 3
    """Networks of other beginnings, whose forecasts are averaged."""
    dropout: float = 0.2
    """Share of what layers pass on that is hidden in training."""
    hide: float = 0.15
    """Share of histories that are hidden in training, so that new items are learned."""
    cut: float = 0.25
    """Share of histories of which only the last periods are shown in training."""
    quantiles: Listed[float] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
    """Levels, ascending; 0.1, 0.5 and 0.9 among them."""

    @field_validator("horizon", "window", "hidden", "members")
    @classmethod
    def _some(cls, value: int) -> int:
        return check_positive("a length", value)

    @field_validator("quantiles")
    @classmethod
    def _levels(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        inside = all(0 < one < 1 for one in value)
        if not inside or list(value) != sorted(set(value)) or not {0.1, 0.5, 0.9} <= set(value):
            raise ValueError(
                "`quantiles` must ascend between 0 and 1, with 0.1, 0.5 and 0.9 among them, got "
                f"{list(value)}."
            )
        return value


class TrainConfig(BaseTrainConfig):
    """Training."""

    batch_size: int = 512
    epochs: int = 20
    learning_rate: float = 0.003
    dense_rate: float = 1.0
    patience: int = 4


class EvaluateConfig(Section):
    """What is measured."""

    by: Literal["wape", "rmsse", "mase", "pinball"] = "wape"
    """What validation chooses by."""
    baselines: Listed[str] | None = None
    """Simple forecasts to beat; by default all that the installed packages and the length of the
    log allow."""


class DemandConfig(RunConfig):
    """The run file of demand."""

    PATHS: ClassVar[tuple[str, ...]] = ("shop", "vectors")

    vectors: str | None = None
    """A finished run of retrieval, relative to the run file, whose vectors of items are read as a
    feature `vectors`; only of series by item."""
    series: SeriesConfig = SeriesConfig()
    futures: FuturesConfig = FuturesConfig()
    split: SplitConfig = SplitConfig()
    items: ItemsConfig = ItemsConfig()
    network: NetworkConfig = NetworkConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
