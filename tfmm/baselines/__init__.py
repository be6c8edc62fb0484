"""Simple recommenders that often win, by name: NumPy and SciPy only.

```python
from tfmm import baselines

model = baselines.create("item_knn", k=50).fit(train)
scores = model.score(histories)
```
"""

from __future__ import annotations

from typing import Any

from tfmm.baselines.base import Baseline, NotFittedError
from tfmm.baselines.category_popularity import CategoryPopularity, item_categories
from tfmm.baselines.content import Content, content_vectors
from tfmm.baselines.ease import EASE, EASEMemoryError
from tfmm.baselines.ials import IALS
from tfmm.baselines.item_knn import ItemKNN
from tfmm.baselines.markov import Markov
from tfmm.baselines.popularity import Popularity, RecentPopularity
from tfmm.baselines.repeats import Repeats
from tfmm.baselines.user_knn import UserKNN
from tfmm.config.names import did_you_mean

BASELINES: dict[str, type[Baseline]] = {
    kind.name: kind
    for kind in (
        Popularity,
        RecentPopularity,
        CategoryPopularity,
        Repeats,
        Markov,
        ItemKNN,
        UserKNN,
        EASE,
        IALS,
        Content,
    )
}
"""Every baseline by its name."""

__all__ = [
    "BASELINES",
    "EASE",
    "IALS",
    "Baseline",
    "CategoryPopularity",
    "Content",
    "EASEMemoryError",
    "ItemKNN",
    "Markov",
    "NotFittedError",
    "Popularity",
    "RecentPopularity",
    "Repeats",
    "UserKNN",
    "content_vectors",
    "create",
    "find",
    "item_categories",
]


def find(name: str) -> type[Baseline]:
    """The class of a baseline.

    Raises:
        ValueError: no baseline has that name.
    """
    if name not in BASELINES:
        hint = did_you_mean(name, BASELINES)
        raise ValueError(f"There is no baseline {name!r}, only {', '.join(BASELINES)}.{hint}")
    return BASELINES[name]


def create(name: str, **config: Any) -> Baseline:
    """A baseline by name, with its configuration."""
    return find(name)(**config)
