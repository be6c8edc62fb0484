"""What reports call what they measure."""

from __future__ import annotations

_BASELINES = {
    "recent_popularity": "popularity of late",
    "category_popularity": "popularity in one's categories",
    "repeats": "one's own repeats",
    "markov": "Markov chain",
    "item_knn": "item-kNN",
    "user_knn": "user-kNN",
    "ease": "EASE",
    "ials": "iALS",
}


def baseline_name(name: str) -> str:
    """A baseline in words."""
    return _BASELINES.get(name, name)
