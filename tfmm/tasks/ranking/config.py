"""The run file of ranking, with a default for all but the shop."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from tfmm.config import Listed, Section, ToldAs
from tfmm.tasks.config import RunConfig
from tfmm.tasks.config import TrainConfig as BaseTrainConfig
from tfmm.tasks.items.choices import EncoderChoice

Loss = Literal["binary", "squared", "ordinal", "pairwise", "listwise"]


class LabelConfig(Section):
    """How one label is learned."""

    loss: Loss | None = None
    """`binary` (yes or no), `squared` or `ordinal` (a number, a rating), `pairwise` or `listwise`
    (what of a shopper's list is better); by default by the label's values."""
    weight: float = 1.0
    """Of its loss beside the others'."""
    after: str | None = None
    """A label without which this one cannot be, as there is no purchase without a click: both are
    then learned from all that was shown (ESMM)."""


class SplitConfig(Section):
    """How examples are parted."""

    by: Literal["time", "random", "column"] | None = None
    """By default `time` where events have times, else `random`."""
    valid: Any = 0.1
    """Share for validation, an instant (`time`) or a column's value, or several in a list
    (`column`, where a share is drawn from what is trained on)."""
    test: Any = 0.2
    """Likewise for the test; in a split by column its values."""
    train: Any = None
    """The column's values of training examples; by default all others."""
    column: str | None = None
    """The events' column that tells the part (`column`)."""
    ordered: bool | None = None
    """Whether histories and rates of an example are of what came before it alone; by default in
    splits by time, and by a column whose test is later than what is trained on."""
    until: Any = None
    """An instant (`time`): events from it on are in no part, as if they had not happened yet."""
    seed: int = 1
    refit: bool = True
    """Whether the tested model is fitted anew on training and validation together."""


class NegativesConfig(Section):
    """What was not chosen, where a shop has events of choices alone: drawn items."""

    each: int = 4
    """To each event."""
    by: Literal["uniform", "popularity", "retrieval"] = "uniform"
    """Every item equally often, or as often as it is chosen, or what the run of `vectors` would
    have found for the shopper: what a second stage is asked to tell apart."""
    top: int = 200
    """`retrieval`: the best so many that its run finds are drawn from."""
    share: float = 0.8
    """`retrieval`: of the drawn items that are such; the others are of all items."""
    draws: int = 5
    """Sets of them that are drawn; epochs take turns with them."""


class SideConfig(Section):
    """What is read of an item or a shopper."""

    encoders: dict[str, EncoderChoice] | None = None
    """Encoder by feature; by default every feature with the default of its kind, but for categories
    that have less than 30 examples a value, which rates tell better."""
    id: bool | None = None
    """Whether it has an embedding of its own; by default where there are 30 examples to each."""
    id_dropout: float = 0.05
    """Share of the ids that are hidden in training, so that new ones can be judged."""


class ContextConfig(Section):
    """What is read of the event itself."""

    encoders: dict[str, EncoderChoice] | None = None
    """Encoder by feature of the shop file's `context`; by default all of them."""
    clock: bool = True
    """Whether the hour of the day and the day of the week are read, where events have times."""


class HistoryConfig(Section):
    """What a shopper met before."""

    size: int = 30
    """The latest items that are read."""
    label: str | None = None
    """The label that an item must have to be in it; by default the first, where it is yes or no."""


class RatesConfig(Section):
    """How often, or how much, labels were given before: by user, by item, by what they are."""

    of: Listed[str] | None = None
    """`user`, `item`, features of category or tags of either or of the context, and two of these
    joined by ` x `, such as `user x brand`; by default users, items, all their categories, and
    users with the categories of items and of the context."""
    smoothing: float = 10.0
    """Examples that the mean of all counts as, beside each one's own."""
    recent: Listed[float] = ()
    """Days back: how many examples there were within each is told too, such as `[1, 7, 30]`."""


def _named(value: Any) -> Any:
    return {"preset": value} if isinstance(value, str) else value


class NetworkConfig(Section):
    """What features go through."""

    preset: str = "dcn"
    """`linear`, `fm`, `deepfm`, `dcn`, `dlrm`, `din` or `multimodal_rnn`."""
    blocks: Listed[Any] | None = None
    """In the preset's place a list of blocks, each a name or `{name: …, …its arguments}`."""
    dim: int = 16
    """Of a feature's vector."""
    hidden: Listed[int] = (256, 128)
    """Widths of the deep network of a preset."""
    dropout: float = 0.3
    """Share of what the deep network passes on that is hidden in training."""


class TrainConfig(BaseTrainConfig):
    """Training."""

    batch_size: int = 1024
    epochs: int = 10
    learning_rate: float = 0.001
    dense_rate: float = 1.0
    patience: int = 2
    decay: float = 1e-3
    """Weight of the squared length of the embeddings that an example reads."""
    weights: Literal["given", "learned"] = "given"
    """Of several labels: as `labels` says, or learned (Kendall, Gal and Cipolla, CVPR 2018)."""


class EvaluateConfig(Section):
    """What is measured."""

    baselines: Listed[str] | None = None
    """Simple models to beat; by default all that the labels and installed packages allow."""


class ServeConfig(Section):
    """What an answer holds."""

    by: str | None = None
    """The label that lists are ordered by; by default the first."""


class RankingConfig(RunConfig):
    """The run file of ranking."""

    PATHS: ClassVar[tuple[str, ...]] = ("shop", "vectors")

    vectors: str | None = None
    """A finished run of retrieval, relative to the run file, whose vectors of items and shoppers,
    and scores, are read too.
    Parts are then that run's: what it was chosen on is learned from, but for a share
    (`split.valid`) of the shoppers, and its test is the test."""

    labels: dict[str, LabelConfig] | None = None
    """What is learned, by name: labels of the shop file, or `rating`, or `chosen` (that there was
    an event at all, against drawn items). By default the shop file's labels, else its rating, else
    `chosen`. The first decides what validation chooses."""
    split: SplitConfig = SplitConfig()
    negatives: NegativesConfig = NegativesConfig()
    users: SideConfig = SideConfig()
    items: SideConfig = SideConfig()
    context: ContextConfig = ContextConfig()
    history: HistoryConfig = HistoryConfig()
    rates: RatesConfig = RatesConfig()
    network: Annotated[
        NetworkConfig, BeforeValidator(_named), ToldAs(lambda: str | NetworkConfig)
    ] = Field(default_factory=NetworkConfig)
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    serve: ServeConfig = ServeConfig()
