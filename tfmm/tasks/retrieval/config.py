"""The run file of retrieval, with a default for all but the shop."""

from __future__ import annotations

from typing import Any

from tfmm.config import Listed, Section
from tfmm.tasks.config import RunConfig
from tfmm.tasks.config import TrainConfig as BaseTrainConfig
from tfmm.tasks.items.choices import EncoderChoice
from tfmm.tasks.items.config import IndexConfig
from tfmm.tasks.items.config import ItemsConfig as BaseItemsConfig
from tfmm.tasks.retrieval.graph.config import GraphConfig
from tfmm.tasks.search.config import SearchConfig


class SplitConfig(Section):
    """How events are parted, see `tfmm.data.split`."""

    by: str | None = None
    """`time`, `user`, `leave_one_out` or `column`; by default `time` where events have times, else
    `user`."""
    valid: Any = None
    """Share for validation (`user`, `time`), an instant (`time`) or the column's value
    (`column`)."""
    test: Any = None
    """Likewise for the test."""
    train: Any = None
    """The column's value of training events (`column`)."""
    column: str | None = None
    """The events' column that tells the part (`column`)."""
    seed: int = 1
    cold_items: float = 0.0
    """Share of items that are never trained on, half of them met in validation, half in the
    test."""
    until: Any = None
    """An instant (`time`): events from it on are in no part, as if they had not happened yet."""


class ItemsConfig(BaseItemsConfig):
    """The item tower."""

    id: bool = True
    """Whether items have an id embedding beside their content."""
    id_dropout: float = 0.5
    """Share of items whose id embedding is hidden in training, so that content stands alone."""


class UsersConfig(Section):
    """The user tower."""

    id: bool = False
    """Whether users have an id embedding beside their history."""
    id_dropout: float = 0.5
    history: str = "mean"
    """`mean`, `self_attention`, `gru`, `causal` (SASRec: what comes next is learned at every item
    of a history, in order) or `none`."""
    history_size: int = 50
    """The latest items of a history that are read."""
    depth: int = 2
    """Blocks of attention (`causal`)."""
    attention_heads: int = 2
    """Heads of each block (`causal`)."""
    dropout: float = 0.5
    """Share of what `causal` reads and passes on that is hidden in training."""
    features: dict[str, EncoderChoice] | None = None
    """Encoder by feature of the users' table; by default none."""


class TrainConfig(BaseTrainConfig):
    """Training."""

    temperature: float = 0.1
    log_q: bool = True
    hard_negatives: int | None = None
    negatives: int = 0
    """Uniform negatives that join each batch."""
    balance: float = 0.0
    """0 draws events as they come; 1 draws every item equally often."""
    balance_by: str | None = None
    """A category feature whose classes `balance` evens out, in place of single items."""


class BlendConfig(Section):
    """A linear model whose scores join the learned model's, in one inner product."""

    ease: bool | None = None
    """Whether EASE joins; by default wherever its matrix fits in `memory`, and then as much as it
    pays on validation."""
    rank: int = 256
    """Dimensions that it adds to every vector: the more, the nearer to the whole of EASE."""
    activity: float = 0.5
    """How much less a shopper of a long history counts when EASE is fitted (`EASE.activity`); 0 is
    EASE as published."""
    lam: float | None = None
    """EASE's ridge penalty; by default chosen on validation, for EASE alone."""
    weight: float | None = None
    """EASE's weight beside the learned model; by default chosen on validation, where 0, the learned
    model alone, may win."""
    half_life: float | None = None
    """Days in which an event's worth for EASE halves; by default chosen along with the penalty."""
    scale: str | None = None
    """`sum`, so that EASE weighs more the longer a history is, or `unit`; by default chosen on
    validation."""
    items: int | None = 10_000
    """EASE is fitted on so many items, those that most shoppers have, since its cost is the cube of
    them; the others borrow of items like them. None for all."""
    memory: float = 4.0
    """GiB that EASE's matrix of items by items may take: 4 are 32,768 items."""


class PriorConfig(Section):
    """How popular an item is now, whoever asks: the log of its share of the events by age joins the
    scores, see `tfmm.tasks.retrieval.blend.prior`."""

    weight: float | None = None
    """Beside the learned scores divided by `train.temperature`; by default chosen on validation, 0
    for none."""
    newcomers: float | None = None
    """The weight for shoppers without a history; by default chosen likewise."""
    half_life: float | None = None
    """Days in which an event's worth halves; by default chosen on validation."""
    newcomers_half_life: float | None = None
    """The same for shoppers without a history; by default chosen on those of validation, where
    there are 50 at least, and else `half_life`."""


class EvaluateConfig(Section):
    """What is measured."""

    k: Listed[int] = (5, 10, 20, 50)
    baselines: Listed[str] | None = None
    """Simple models to beat; by default all that the data allow."""
    repeats: bool = False
    """Whether what a shopper had before is ranked and asked for too, as groceries are bought; the
    export then recommends it too."""
    minutes: float | None = None
    """That the tuning of the baselines may take in all; what it leaves untried, the report says."""


class TwoTowerConfig(Section):
    """The sections of a run file that make a model."""

    items: ItemsConfig = ItemsConfig()
    users: UsersConfig = UsersConfig()
    train: TrainConfig = TrainConfig()
    search: SearchConfig = SearchConfig()
    graph: GraphConfig | None = None


#: What `from_data` takes, and which key of a run file each sets.
KEYWORDS = {
    **{name: f"items.{name}" for name in ItemsConfig.model_fields},
    "history": "users.history",
    "history_size": "users.history_size",
    **{name: f"users.{name}" for name in ("depth", "attention_heads", "dropout")},
    "user_id": "users.id",
    "user_id_dropout": "users.id_dropout",
    "user_features": "users.features",
    **{name: f"train.{name}" for name in ("temperature", "log_q", "hard_negatives", "negatives")},
    "heads": "search.heads",
    "queries": "search.queries",
    "hide": "search.hide",
    "contrast": "search.loss",
    "search_temperature": "search.temperature",
    "search_weight": "search.weight",
    "graph": "graph",
}


class RetrievalConfig(RunConfig):
    """The run file of retrieval."""

    split: SplitConfig = SplitConfig()
    items: ItemsConfig = ItemsConfig()
    users: UsersConfig = UsersConfig()
    train: TrainConfig = TrainConfig()
    search: SearchConfig = SearchConfig()
    blend: BlendConfig = BlendConfig()
    prior: PriorConfig = PriorConfig()
    index: IndexConfig = IndexConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    graph: GraphConfig | None = None
    """Makes the model a graph model; `graph: {}` takes all its defaults."""
