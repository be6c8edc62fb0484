"""From a run file to a run folder, and what a run folder is good for."""

from __future__ import annotations

from tfmm.tasks.retrieval.recommend import recommend, write_recommendations
from tfmm.training.config import RunConfig, RunFileError
from tfmm.training.features import build_features
from tfmm.training.run import Run, load_run
from tfmm.training.train import train

__all__ = [
    "Run",
    "RunConfig",
    "RunFileError",
    "build_features",
    "load_run",
    "recommend",
    "train",
    "write_recommendations",
]
