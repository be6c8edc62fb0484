"""Simple models of ratings, by name: NumPy and SciPy only."""

from __future__ import annotations

from tfmm.baselines.ratings.base import RatingBaseline, Ratings
from tfmm.baselines.ratings.biases import Biases, Mean
from tfmm.baselines.ratings.content import ContentRatings
from tfmm.baselines.ratings.hybrid import Hybrid
from tfmm.baselines.ratings.neighbours import ItemKNN, UserKNN
from tfmm.baselines.ratings.svd import SVD, SVDpp

RATINGS: dict[str, type[RatingBaseline]] = {
    kind.name: kind for kind in (Mean, Biases, UserKNN, ItemKNN, SVD, SVDpp, ContentRatings, Hybrid)
}
"""Every model of ratings by its name."""

__all__ = [
    "RATINGS",
    "SVD",
    "Biases",
    "ContentRatings",
    "Hybrid",
    "ItemKNN",
    "Mean",
    "RatingBaseline",
    "Ratings",
    "SVDpp",
    "UserKNN",
]
