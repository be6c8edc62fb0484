"""How much memory the propagation of a whole graph takes in training."""

from __future__ import annotations

from collections.abc import Sequence

from tfmm.tasks.retrieval.graph.edges import Edges


class GraphMemoryError(MemoryError):
    """Passing messages over the whole graph would take more memory than allowed."""


def full_memory(edges: Sequence[Edges], nodes: int, dim: int, layers: int) -> int:
    """Bytes that a training step over the whole graph takes, roughly and from above.

    Args:
        edges: the graph.
        nodes: of all types.
        dim: length of the vectors.
        layers: rounds of messages.
    """
    # Two int64 indices, a value, its pair's number; in the step its mask and value, and both
    # matrices of compressed rows.
    of_edges = sum(len(one) * (16 + 4 + 8 + 4 + 4 + 2 * 8) for one in edges)
    # A state a layer and its gradient, the own vectors, their gradient and Adam's two moments.
    of_states = nodes * dim * 4 * (2 * (layers + 1) + 4)
    return of_edges + of_states


def choose_mode(mode: str, needed: int, allowed: float) -> str:
    """`full` or `sampled`.

    Args:
        mode: `full`, `sampled`, or `auto`, which takes the whole graph where it fits.
        needed: bytes, of `full_memory`.
        allowed: GiB.

    Raises:
        ValueError: an unknown mode.
        GraphMemoryError: `full`, and the graph does not fit.
    """
    if mode not in ("auto", "full", "sampled"):
        raise ValueError(f"mode must be one of auto, full, sampled, got {mode!r}.")
    if mode == "sampled":
        return mode
    fits = needed <= allowed * 2**30
    if mode == "full" and not fits:
        raise GraphMemoryError(
            f"Passing messages over the whole graph takes about {needed / 2**30:,.1f} GiB, and "
            f"`graph.memory` allows {allowed:g} GiB. To resolve this, take `graph.mode: sampled` "
            "(or auto), raise `graph.memory`, or lower `items.dim` or `graph.layers`."
        )
    return "full" if fits else "sampled"
