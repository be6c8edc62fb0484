"""The run file of classification, with a default for all but the shop and the label."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from tfmm.config import Listed, Section
from tfmm.index.options import check_positive
from tfmm.tasks.config import RunConfig
from tfmm.tasks.config import TrainConfig as BaseTrainConfig
from tfmm.tasks.items.choices import EncoderChoice
from tfmm.tasks.items.config import ContentConfig


class LabelConfig(Section):
    """What is learned."""

    feature: str | Listed[str]
    """A feature of the items: a category, of which an item has one, or tags, of which it may have
    several. Or a path of classes, as a list of categories from coarse to fine: the finest is
    learned, and a coarse class is as probable as its fine ones together."""

    @property
    def features(self) -> tuple[str, ...]:
        """The features that say the label, one for each level."""
        return (self.feature,) if isinstance(self.feature, str) else self.feature

    min_items: int = 3
    """Labels that fewer items have are not learned; their items count as unlabelled."""
    threshold: float = 0.5
    """The probability from which on a tag is given to an item (tags alone)."""

    @field_validator("threshold")
    @classmethod
    def _probability(cls, value: float) -> float:
        if not 0 <= value <= 1:
            raise ValueError(f"a probability lies from 0 to 1, got {value}.")
        return value


class SplitConfig(Section):
    """How labelled items are parted."""

    by: str = "random"
    """`random` (each label in each part, as far as its items go), `groups` (as `random`, but items
    of equal text, with the same file or of one class of `feature` stay together), `number` (by the
    values of a number feature, the largest in the test) or `column` (by the values of a category
    feature)."""
    valid: Any = 0.1
    """Share for validation; in a split by column, the value of its items."""
    test: Any = 0.1
    """Likewise for the test."""
    train: Any = None
    """The value of training items, in a split by column; by default all others."""
    feature: str | None = None
    """The feature that the parts go by: a number (`number`) or a category (`column`; `groups`,
    where it may be left out)."""
    seed: int = 1
    refit: bool = True
    """Whether the tested model is fitted anew on training and validation together."""


class ItemsConfig(ContentConfig):
    """What is read of an item."""

    encoders: dict[str, EncoderChoice] | None = None
    """Encoder by feature; by default every feature but the label with the default of its kind."""
    dim: int = 256
    """Of the vectors that labels are told from."""
    dropout: float = 0.2
    """Share of the vectors' components that training leaves out."""


class TrainConfig(BaseTrainConfig):
    """Training."""

    batch_size: int = 64
    epochs: int = 20
    learning_rate: float = 0.003
    dense_rate: float = 1.0
    loss: str = "cross_entropy"
    """`cross_entropy`, or `focal` (Lin et al., ICCV 2017)."""
    focus: float = 2.0
    """The exponent of `focal`: how much less what is already right counts."""
    smoothing: float = 0.0
    """Share of the target that is spread over all labels."""
    adjust: float = 0.0
    """Strength of logit adjustment for labels of unequal frequency (Menon et al., ICLR 2021); 1
    aims at the mean accuracy over labels, 0 at that over items."""
    balance: float = 0.0
    """0 draws items as they come; 1 draws every label equally often."""


class EvaluateConfig(Section):
    """What is measured."""

    baselines: Listed[str] = ("majority", "tfidf", "vectors", "neighbours")
    """`majority`; `tfidf` (logistic regression on words and characters), `vectors` (logistic
    regression on the vectors of frozen encoders) and `neighbours` (the nearest by these), where the
    run's encoders give them something to read."""


class ServeConfig(Section):
    """What an answer holds."""

    k: int = 5
    """Labels in an answer, the most probable first."""

    @field_validator("k")
    @classmethod
    def _some(cls, value: int) -> int:
        return check_positive("k", value)


class ClassificationConfig(RunConfig):
    """The run file of classification."""

    label: LabelConfig
    split: SplitConfig = SplitConfig()
    items: ItemsConfig = ItemsConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    serve: ServeConfig = ServeConfig()
