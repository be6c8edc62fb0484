"""Refreshing an exported model's items and users from the shop's tables, without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmm.export.check import ROWS
from tfmm.export.errors import ExportError
from tfmm.export.model import card_of
from tfmm.export.two_stages import SecondStage, with_second_stage
from tfmm.export.versions import list_versions, write_version
from tfmm.tasks.config import RunFileError
from tfmm.tasks.registry import task_class
from tfmm.training.run import MODEL, load_data, read_run


@dataclass(frozen=True)
class Refresh:
    """What a refresh did.

    Attributes:
        version: the folder of the version written.
        items: items in the index now.
        encoded: items that the item tower encoded: those that are new, and those that changed.
        new: items that were not in the index before.
        removed: items that were in the index before.
        users: users known now.
    """

    version: Path
    items: int
    encoded: int
    new: int
    removed: int
    users: int

    def __str__(self) -> str:
        changed = self.encoded - self.new
        return (
            f"Encoded {self.encoded:,} of {self.items:,} items ({self.new:,} new, {changed:,} "
            f"changed); {self.removed:,} removed; {self.users:,} users."
        )


def refresh_index(
    run: str | Path,
    models_dir: str | Path,
    shop: Any = None,
    name: str | None = None,
    say: Callable[[str], None] = print,
) -> Refresh:
    """Writes a version with the items, users and events of the shop's tables as they are now.

    Items whose features, files included, were met by this model before keep their vectors, which
    the run folder holds in `vectors.npy`; only the others are encoded. Items that left the table
    leave the index. Items that were never trained on are served by their content alone, without an
    id embedding; users that were never trained on by their history. Histories hold all events of
    the tables. The settings of the model's newest version (k, weights and so on) stay.

    Args:
        run: the folder of a finished run.
        models_dir: the folder of models; a version is added to `models_dir/name`.
        shop: a shop file or mapping to read in place of the run's own.
        name: the model's name; the run's own if None.
        say: takes lines of progress.

    Returns:
        What was done.

    Raises:
        FileNotFoundError: `run` is no finished run.
        ShopFileError: the tables cannot be read as the shop file says.
        CheckError: a check whose policy is `raise` found something.
        ValueError: a model of the run's task has no index.
        ExportError: the shop lacks a feature that the model reads, or a step failed.
    """
    run = Path(run)
    config, metrics = read_run(run)
    kind = task_class(config.task)
    if not kind.refreshes:
        raise ValueError(
            f"{run} holds a model of task {kind.name!r}, which has no index to refresh. Train and "
            "export it anew."
        )
    if shop is not None:
        config = config.with_values(shop=shop)
    before = _card(Path(models_dir) / (name or config.name))
    written = before.get("export", {})
    task = kind.over(config, load_data(config, refresh=True))
    # A version of an earlier release may have written more than this one fixes.
    known = task.settable()
    kept = {key: value for key, value in written.items() if key in known}
    settings = task.settings(config, kept)
    try:
        made, counts = task.refresh(run / MODEL, settings)
    except RunFileError as error:
        raise ExportError(str(error)) from error
    if "second" in written:
        made = with_second_stage(made, SecondStage(**written["second"]))
    data = task.data
    card = card_of(config, metrics) | {"refresh": {**counts, "shop": str(data.shop)}}
    rows = before.get("warmup_rows", ROWS)
    version = write_version(made, models_dir, name or config.name, card, rows, say)
    done = Refresh(version, items=len(data.items), users=len(data.users), **counts)
    say(str(done))
    return done


def _card(model: Path) -> dict[str, Any]:
    """The card of the model's newest version; empty where there is no version."""
    versions = list_versions(model) if model.is_dir() else []
    if not versions:
        return {}
    cards = [card for card in model.glob("*/model_card.json") if card.parent.name.isdigit()]
    newest = [card for card in cards if int(card.parent.name) == versions[-1]]
    if not newest:
        return {}
    try:
        return json.loads(newest[0].read_text("utf-8"))
    except ValueError as error:
        raise ExportError(
            f"{newest[0]}, whose settings the new version would keep, cannot be read: {error}. "
            "Remove that version, or export with `tfmm export`, which takes settings."
        ) from error
