"""Full-ranking evaluation: metrics, breakdowns, baselines and reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.evaluation.compare import (
        as_scorer,
        evaluate_baselines,
        evaluate_split_baselines,
        tune,
    )
    from tfmm.evaluation.evaluator import evaluate
    from tfmm.evaluation.ranking import NotANumberError, Ranking, rank_scores, rank_vectors
    from tfmm.evaluation.report import Section, write_report

__all__ = [
    "NotANumberError",
    "Ranking",
    "Section",
    "as_scorer",
    "evaluate",
    "evaluate_baselines",
    "evaluate_split_baselines",
    "rank_scores",
    "rank_vectors",
    "tune",
    "write_report",
]

lazy_package(
    __name__,
    {
        "NotANumberError": "tfmm.evaluation.ranking",
        "Ranking": "tfmm.evaluation.ranking",
        "Section": "tfmm.evaluation.report",
        "as_scorer": "tfmm.evaluation.compare",
        "evaluate": "tfmm.evaluation.evaluator",
        "evaluate_baselines": "tfmm.evaluation.compare",
        "evaluate_split_baselines": "tfmm.evaluation.compare",
        "rank_scores": "tfmm.evaluation.ranking",
        "rank_vectors": "tfmm.evaluation.ranking",
        "tune": "tfmm.evaluation.compare",
        "write_report": "tfmm.evaluation.report",
    },
)
