"""The run file of search, and its `search` section, which retrieval has too."""

from __future__ import annotations

from tfmm.config import Section
from tfmm.tasks.config import RunConfig
from tfmm.tasks.items.choices import EncodersChoice
from tfmm.tasks.items.config import IndexConfig, ItemsConfig


class SearchConfig(Section):
    """Search by words, pictures and sounds, in the space of the item vectors."""

    queries: dict[str, EncodersChoice] | None = None
    """What can be asked by: an encoder, or a list of encoders whose vectors add up, by feature. By
    default `task: search` has every text feature by `subwords`, and retrieval none: no search.
    Pictures that the item tower reads can be asked by without being named."""
    heads: int = 1
    """Independent parts of `items.dim`, trained each for itself: an ensemble in one index."""
    loss: str = "softmax"
    """`softmax` (InfoNCE) or `sigmoid` (SigLIP)."""
    temperature: float = 0.07
    """What cosines are divided by at first; training goes on from there."""
    weight: float = 1.0
    """The loss's weight where the shop has events; that of recommendation has 1."""
    batch_size: int = 512
    """Items in a batch, which are each other's negatives."""
    hide: float = 0.5
    """Share of a batch's items that show only one of their features."""
    hard_by: str | None = None
    """A category feature whose items stand together, as hard negatives; by default none."""
    hard_block: int = 8
    """How many of one category stand together."""
    hubness: float = 30.0
    """How sharply items near many queries are marked down (`tfmm.tasks.search.hubness`); 0 leaves
    it."""
    hub_queries: int = 8000
    """The most training queries that hubs are found by."""
    valid: float = 0.1
    """Share of the items, whole groups of equal texts, whose search is measured for choosing."""
    test: float = 0.1
    """Likewise for the test. Neither is trained on by search before it is measured."""


class SplitConfig(Section):
    """How items are held out; `search.valid` and `search.test` say how many."""

    seed: int = 1


class SearchRunConfig(RunConfig):
    """The run file of search."""

    split: SplitConfig = SplitConfig()
    items: ItemsConfig = ItemsConfig()
    search: SearchConfig = SearchConfig()
    index: IndexConfig = IndexConfig()
