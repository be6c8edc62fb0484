"""How well labels of examples are told: clicks and purchases by probability, ratings by number.

Predictions are `said`, float `[n]`, labels `true`, `[n]`, and `group` the shoppers, int `[n]`. A
missing label, NaN, is to be left out before; `label_metrics` does so, and `label_counts` counts.
"""

from __future__ import annotations

from tfmm.evaluation.labels.areas import auc, auc_of_groups, auc_within
from tfmm.evaluation.labels.errors import mae, rmse
from tfmm.evaluation.labels.lists import ndcg_of_groups, ndcg_of_lists
from tfmm.evaluation.labels.probabilities import calibration_error, log_loss, reliability
from tfmm.evaluation.labels.summary import label_counts, label_difference, label_metrics

__all__ = [
    "auc",
    "auc_of_groups",
    "auc_within",
    "calibration_error",
    "label_counts",
    "label_difference",
    "label_metrics",
    "log_loss",
    "mae",
    "ndcg_of_groups",
    "ndcg_of_lists",
    "reliability",
    "rmse",
]
