"""Full-ranking evaluation: metrics, breakdowns, baselines and reports."""

from __future__ import annotations

from tfmm.evaluation.compare import (
    as_scorer,
    evaluate_baselines,
    evaluate_split_baselines,
    tune,
)
from tfmm.evaluation.evaluator import evaluate
from tfmm.evaluation.ranking import NotANumberError, Ranking, rank_scores, rank_vectors
from tfmm.evaluation.report import write_report

__all__ = [
    "NotANumberError",
    "Ranking",
    "as_scorer",
    "evaluate",
    "evaluate_baselines",
    "evaluate_split_baselines",
    "rank_scores",
    "rank_vectors",
    "tune",
    "write_report",
]
