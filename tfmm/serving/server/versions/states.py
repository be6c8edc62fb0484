"""Where a version of a model stands, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class VersionState:
    """Where a version stands: START, LOADING, AVAILABLE, UNLOADING or END, and its error if it has
    one."""

    version: int
    state: str
    code: str = "OK"
    message: str = ""


@dataclass(frozen=True)
class ModelEvent:
    """What just happened to a version: `kind` is "loaded", "failed" or "unloaded"."""

    kind: str
    name: str
    version: int
    path: Path
    seconds: float = 0.0
    message: str = ""
