"""The sections of a run file about items: their tower, and the index over their vectors."""

from __future__ import annotations

from typing import Any

from tfmm.config import Section
from tfmm.tasks.items.choices import EncoderChoice, FusionChoice


class ContentConfig(Section):
    """What is read of an item, and how it is fused."""

    encoders: dict[str, EncoderChoice] | None = None
    """Encoder by feature; by default every feature with the default of its kind."""
    fusion: FusionChoice = "gated"
    """`concat`, `weighted`, `gated`, `attention`, `late` or `hybrid`; or `{name: …, …}`."""
    modality_dropout: float = 0.1
    """Share of modalities hidden in training."""
    dim: int = 256
    """Of the vectors: 64 train and search in a quarter of the time, for some 5 % of recall."""

    @property
    def fused_by(self) -> dict[str, Any]:
        """The fusion by its name and arguments."""
        named = {"name": self.fusion} if isinstance(self.fusion, str) else dict(self.fusion)
        return {"modality_dropout": self.modality_dropout, **named}


class ItemsConfig(ContentConfig):
    """The item tower."""

    budget: int = 4096
    """Items that a training step encodes anew with a heavy encoder (CNN, LSTM)."""


class IndexConfig(Section):
    """The index of the export."""

    kind: str = "auto"
    """`brute_force` (exact), `ivf`, `scann`, or `auto`: exact for small catalogues, else `ivf`."""
    k: int = 100
    """Items in an answer."""
    recall: float | None = None
    """The share of the k best items that an approximate index finds; by default 0.95."""
    storage: str | None = None
    """Of the rows that `ivf` scans: `float32` (default), `bfloat16` or `int8`."""
