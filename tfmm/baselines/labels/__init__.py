"""Simple models of labels from a table of columns, by name: clicks, purchases, ratings."""

from __future__ import annotations

from tfmm.baselines.labels.base import LabelBaseline, Labelled, Table
from tfmm.baselines.labels.boosted import Boosted
from tfmm.baselines.labels.hybrid import HybridLabels
from tfmm.baselines.labels.linear import ContentLabels, Logistic
from tfmm.baselines.labels.rates import Rates

LABELS: dict[str, type[LabelBaseline]] = {
    kind.name: kind for kind in (Rates, Logistic, ContentLabels, HybridLabels, Boosted)
}
"""Every model of labels by its name."""

__all__ = [
    "LABELS",
    "Boosted",
    "ContentLabels",
    "HybridLabels",
    "LabelBaseline",
    "Labelled",
    "Logistic",
    "Rates",
    "Table",
]
