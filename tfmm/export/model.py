"""Exporting a run: whatever it answers, as the next version of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfmm.export.check import ROWS
from tfmm.export.two_stages import second_stage, with_second_stage
from tfmm.export.versions import write_version
from tfmm.tasks.base import Export
from tfmm.tasks.config import RunConfig
from tfmm.training.run import Run, load_run


def export_model(
    run: str | Path | Run,
    models_dir: str | Path,
    name: str | None = None,
    say: Callable[[str], None] = print,
    *,
    rank: str | Path | None = None,
    candidates: int = 500,
    by: str | None = None,
    diversity: float = 0.0,
    cap: Mapping[str, int] | None = None,
    warmup_rows: int = ROWS,
    **settings: Any,
) -> Path:
    """Exports a run as the next version of a model: `models_dir/name/version/`.

    Args:
        run: a run, or the folder of one.
        models_dir: the folder that a server serves models from; made if missing.
        name: the model's name; the run's own if None.
        say: takes lines of progress.
        rank: the folder of a ranking run, which puts what a retrieval run finds in order, in one
            request; see `tfmm.export.two_stages`.
        candidates: items that it judges for each request.
        by: the label that answers are ordered by; the ranker's first if None.
        diversity: how much of an item's place is how unlike it is to those before it, from 0 to
            below 1.
        cap: the most items of each value in an answer, by category feature: `{"brand": 3}`. Where
            candidates run out, items past it fill the answer up.
        warmup_rows: rows of the larger warm-up requests; see `tfmm.export.write_version`.
        **settings: what the export fixes, as the run's task has it; None takes the run's own. For
            retrieval these are the fields of `tfmm.tasks.retrieval.settings.ExportSettings`: `k`,
            `exclude_seen`, `exclude_size`, `allow_size`, `history_size`, `weights` and `index`.

    Returns:
        The version's folder.

    Raises:
        ExportError: a step failed; the message names it.
        ValueError: a setting that there is not or that cannot be, or a model whose vectors cannot
            be served.

    Example:

    ```python
    version = tfmm.export_model("runs/hm", "models", k=50)      # models/hm/1
    ```
    """
    # A run in memory may have been trained on since its weights were saved.
    loaded: Run = (
        dataclasses.replace(load_run(run), pristine=True) if isinstance(run, (str, Path)) else run
    )
    asked = loaded.task.settings(loaded.config, settings)
    stage = second_stage(rank, getattr(asked, "k", 1), by, diversity, cap)
    if stage is not None:
        if "k" in loaded.task.settable():
            settings["k"] = max(candidates, stage.k)
        asked = loaded.task.settings(loaded.config, settings)
    made = loaded.task.signatures(loaded, asked)
    if not isinstance(made, Export):
        made = Export(made)
    if stage is not None:
        made = with_second_stage(made, stage)
    card = card_of(loaded.config, loaded.metrics)
    named = name or loaded.config.name
    return write_version(made, models_dir, named, card, warmup_rows, say)


def card_of(config: RunConfig, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What a model card says of a run."""
    return {"metrics": metrics, "config": config.to_dict()}
