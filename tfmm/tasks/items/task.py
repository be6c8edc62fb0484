"""What the tasks share that answer with items of a catalogue."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmm.index import index_for
from tfmm.tasks.base import Export, Task
from tfmm.tasks.config import RunFileError
from tfmm.tasks.items.fused import check_fusion
from tfmm.tasks.items.refresh import refreshed
from tfmm.tasks.items.settings import ItemSettings
from tfmm.tasks.items.vector_file import remember_vectors


class ItemTask(Task):
    """A task whose model has a vector for each item, and whose export an index over them."""

    Settings = ItemSettings
    refreshes = True

    @classmethod
    def check(cls, config: Any) -> None:
        options = {"recall": config.index.recall, "storage": config.index.storage}
        try:
            index_for(config.index.kind, k=config.index.k, n_candidates=0, **options)
        except (ValueError, ModuleNotFoundError) as error:
            raise RunFileError(f"`index`: {error}") from error
        check_fusion(config.items)

    @abc.abstractmethod
    def export(self, model: Any, settings: Any, vectors: np.ndarray) -> Export:
        """The export of a finished model.

        Args:
            model: knows the rows of its users.
            settings: of the class `Settings`.
            vectors: float32 `[N, D]`, the item tower's vectors in the order of the task's items.
        """

    @property
    def joined(self) -> bool:
        """Whether an item's vector depends on other items'."""
        return False

    @classmethod
    def read_by(cls, states: Mapping[str, Any]) -> Sequence[str]:
        """The item features that the vectors of a saved model depend on."""
        return list(states.get("items", {}))

    @classmethod
    def reads_knowledge(cls, states: Mapping[str, Any]) -> bool:
        """Whether the vectors of a saved model depend on what the shop knows of its items."""
        return False

    def completed(self, model: Any, folder: Path) -> Any:
        """A model whose weights are restored, with what `save` wrote beside them."""
        return model

    def load(self, folder: Path, *, keep_media: bool = True) -> Any:
        return self.completed(super().load(folder, keep_media=keep_media), folder)

    def signatures(self, run: Any, settings: Any) -> Export:
        learned = run.model.learned
        vectors = learned.item_vectors()
        if run.pristine:
            remember_vectors(self, run.path / "model", learned.reads, vectors)
        return self.export(run.model, settings, vectors)

    def refresh(self, folder: Path, settings: Any) -> tuple[Export, dict[str, int]]:
        return refreshed(self, folder, settings)

    @classmethod
    def run_settings(cls, config: Any) -> dict[str, Any]:
        return {"k": config.index.k}
