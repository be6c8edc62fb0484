"""The run file of reviews, with a default for all but the shop."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from tfmm.config import Listed, Section
from tfmm.index.options import check_positive
from tfmm.tasks.config import RunConfig
from tfmm.tasks.config import TrainConfig as BaseTrainConfig
from tfmm.tasks.items.choices import EncoderChoice
from tfmm.tasks.texts.parts import TextSplitConfig


class SentimentConfig(Section):
    """How a whole review feels."""

    classes: dict[str, Listed[str]] = Field(default_factory=dict)
    """Classes by name, each with the ratings that are it, such as `{negative: ["1", "2"], positive:
    ["4", "5"]}`; other ratings say nothing. By default each rating is a class."""
    min_reviews: int = 3
    """Classes that fewer reviews have are not learned; their reviews count as not rated."""


class AspectsConfig(Section):
    """What a review says of what."""

    polarities: Listed[str] = ("positive", "negative", "neutral")
    """The polarities that are told apart; aspects of others are found, and not judged."""
    min_reviews: int = 5
    """Categories that fewer reviews have are not learned."""
    names: Listed[str] = ()
    """Names of aspects in the reviews' own words, which `tfmm reviews` looks for where no terms
    were learned; by default it finds them in English and Chinese."""
    window: int = 10
    """Words on either side of a term whose sequences its linear part reads."""


class TextConfig(Section):
    """What is read of a review."""

    encoder: EncoderChoice = Field(
        default_factory=lambda: {
            "name": "lstm",
            "marks": True,
            "max_tokens": 192,
            "units": 96,
            "width": 96,
            "dropout": 0.3,
            "word_dropout": 0.15,
        }
    )
    """The encoder of the text; one that knows its tokens: `bag`, `subwords`, `lstm`, `bert` or
    `minilm`."""
    dim: int = 128
    """Of the vector that a review's class is told from, and of those of aspects."""
    dropout: float = 0.3
    """Share of these vectors' components that training leaves out."""
    ngrams: int = 4
    """The longest sequence of tokens that the linear part reads, which is fitted beside the network
    and mixed with it as validation says; 0 for none."""
    buckets: int = 2**19
    """Weights that sequences share, by hash."""

    @field_validator("ngrams")
    @classmethod
    def _some(cls, value: int) -> int:
        if not 0 <= value <= 8:
            raise ValueError(f"the longest sequence is of 0 to 8 tokens, got {value}.")
        return value

    @field_validator("buckets")
    @classmethod
    def _power(cls, value: int) -> int:
        if value < 2 or value & (value - 1):
            raise ValueError(f"must be a power of 2, got {value}.")
        return value


class TrainConfig(BaseTrainConfig):
    """Training."""

    batch_size: int = 64
    epochs: int = 6
    learning_rate: float = 0.003
    dense_rate: float = 0.5
    patience: int = 2
    choose: str | None = None
    """The validation metric that epochs are chosen by: `accuracy`, `polarity_accuracy`, `term_f1`,
    …; by default `score`, the mean of what there is of `accuracy`, `polarity_accuracy`, `term_f1`
    and `category_f1`."""
    smoothing: float = 0.05
    """Share of the target that is spread over all classes."""


class EvaluateConfig(Section):
    """What is measured."""

    baselines: Listed[str] = ("majority", "svm")
    """`majority`; and `svm`: linear support vector machines on TF-IDF of words and characters, of
    the text or of the words near a term, and terms found by a list of those learned from."""


class ServeConfig(Section):
    """What an answer holds."""

    terms: int = 16
    """Terms in an answer, as they stand in the text."""

    @field_validator("terms")
    @classmethod
    def _some(cls, value: int) -> int:
        return check_positive("terms", value)


class ReviewsConfig(RunConfig):
    """The run file of reviews."""

    task: str = "reviews"
    split: TextSplitConfig = TextSplitConfig()
    sentiment: SentimentConfig = SentimentConfig()
    aspects: AspectsConfig = AspectsConfig()
    text: TextConfig = TextConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    serve: ServeConfig = ServeConfig()

    def encoder(self) -> dict[str, Any]:
        """The encoder's name and arguments."""
        chosen = self.text.encoder
        return {"name": chosen} if isinstance(chosen, str) else dict(chosen)
