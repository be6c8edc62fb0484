"""From a run file to a run folder, and what a run folder is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.tasks.config import RunConfig, RunFileError
    from tfmm.tasks.retrieval.recommend import recommend, write_recommendations
    from tfmm.training.features import build_features
    from tfmm.training.run import Run, load_run
    from tfmm.training.train import train
    from tfmm.training.two_stages import evaluate_two_stages

__all__ = [
    "Run",
    "RunConfig",
    "RunFileError",
    "build_features",
    "evaluate_two_stages",
    "load_run",
    "recommend",
    "train",
    "write_recommendations",
]

lazy_package(
    __name__,
    {
        "Run": "tfmm.training.run",
        "RunConfig": "tfmm.tasks.config",
        "RunFileError": "tfmm.tasks.config",
        "build_features": "tfmm.training.features",
        "evaluate_two_stages": "tfmm.training.two_stages",
        "load_run": "tfmm.training.run",
        "recommend": "tfmm.tasks.retrieval.recommend",
        "train": "tfmm.training.train",
        "write_recommendations": "tfmm.tasks.retrieval.recommend",
    },
)
