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
from tfmm.evaluation.report import Section, write_report
from tfmm.evaluation.search import (
    both_ways,
    category_precision,
    same_group,
    search_metrics,
    vector_metrics,
)

__all__ = [
    "NotANumberError",
    "Ranking",
    "Section",
    "as_scorer",
    "both_ways",
    "category_precision",
    "evaluate",
    "evaluate_baselines",
    "evaluate_split_baselines",
    "rank_scores",
    "rank_vectors",
    "same_group",
    "search_metrics",
    "tune",
    "vector_metrics",
    "write_report",
]
