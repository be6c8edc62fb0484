"""The linear part of a blend: two vectors an item, one for histories and one for candidates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.data.files import replacing
from tfmm.tasks.retrieval.blend.rows import like, saved_rows

Floats = NDArray[np.float32]
Scale = Literal["sum", "unit"]
SCALES: tuple[Scale, ...] = get_args(Scale)

_FILE = "linear_part.npz"
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class LinearPart:
    """Scores an item by the inner product of its candidate vector and a sum over a history.

    Attributes:
        history: float32 `[N, R]`; a shopper's vector is the sum of their items' rows.
        candidates: float32 `[N, R]`.
        known: bool `[N]`, items that it was fitted on; the others' rows are zeros.
        weight: its scores' weight beside those of a learned model; part of a shopper's vector.
        scale: `"sum"`, so that a long history weighs more beside the learned model; `"unit"`: a
            shopper's vector is scaled to the length `weight`, whatever their history.

    Raises:
        ValueError: arrays that do not fit together, an unknown scale, a negative weight.
    """

    history: Floats
    candidates: Floats
    known: NDArray[np.bool_]
    weight: float = 1.0
    scale: Scale = "sum"

    def __post_init__(self) -> None:
        shapes = {self.history.shape, self.candidates.shape, (len(self.known), self.rank)}
        if len(shapes) > 1:
            raise ValueError(
                "`history`, `candidates` and `known` must be of shapes [N, R], [N, R] and [N], but "
                f"are of {self.history.shape}, {self.candidates.shape} and {self.known.shape}."
            )
        if self.scale not in SCALES:
            raise ValueError(f"`scale` must be one of {', '.join(SCALES)}, got {self.scale!r}.")
        if not self.weight >= 0:
            raise ValueError(f"`weight` must be 0 or more, got {self.weight}.")

    @property
    def rank(self) -> int:
        return self.history.shape[1]

    def weighted(self, weight: float, scale: Scale) -> LinearPart:
        """The same vectors with another weight and scale."""
        return replace(self, weight=weight, scale=scale)

    def users(self, histories: sp.csr_matrix) -> Floats:
        """Vectors float32 `[B, R]` of shoppers with histories `[B, N]`, every pair counted once."""
        ones = np.ones(len(histories.data), np.float32)
        rows = sp.csr_matrix((ones, histories.indices, histories.indptr), shape=histories.shape)
        summed = np.asarray(rows @ self.history, np.float32)
        if self.scale == "unit":
            length = np.linalg.norm(summed, axis=1, keepdims=True)
            summed /= np.maximum(length, np.float32(1e-12))
        return summed * np.float32(self.weight)

    def filled(self, learned: Floats, neighbours: int = 10) -> LinearPart:
        """With vectors for items that it was not fitted on: means of their nearest fitted items'.

        Without them such an item would compete with nothing but its learned vector against items
        that have both.

        Args:
            learned: float32 `[N, D]`, by whose cosine items are near.
            neighbours: how many are averaged.
        """
        known, unknown = np.flatnonzero(self.known), np.flatnonzero(~self.known)
        if not len(known) or not len(unknown):
            return self
        history, candidates = self.history.copy(), self.candidates.copy()
        near = like(learned, unknown, known, neighbours)
        for start in range(0, len(unknown), _BLOCK):
            rows, of = unknown[start : start + _BLOCK], near[start : start + _BLOCK]
            history[rows] = self.history[of].mean(axis=1)
            candidates[rows] = self.candidates[of].mean(axis=1)
        return replace(self, history=history, candidates=candidates)

    def save(self, folder: str | Path, item_ids: Any) -> None:
        """Writes `linear_part.npz` with the items' ids, aside and renamed into place."""
        with replacing(Path(folder) / _FILE) as aside:
            np.savez(
                aside,
                ids=np.array([str(item) for item in item_ids]),
                history=self.history,
                candidates=self.candidates,
                known=self.known,
                weight=np.float64(self.weight),
                scale=np.array(self.scale),
            )

    @classmethod
    def load(cls, folder: str | Path, item_ids: Any) -> Self | None:
        """What `save` wrote, its rows in the order of `item_ids`; None where nothing was saved.

        Items that it has no row of are unknown to it.
        """
        path = Path(folder) / _FILE
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as saved:
            rows = saved_rows(saved["ids"], item_ids)
            there = rows >= 0
            history, candidates = (
                np.where(there[:, None], saved[name][rows], np.float32(0))
                for name in ("history", "candidates")
            )
            return cls(
                history,
                candidates,
                there & saved["known"][rows],
                float(saved["weight"]),
                saved["scale"].item(),
            )
