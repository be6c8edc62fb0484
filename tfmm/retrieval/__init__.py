"""Retrieval indices: `tfrs.layers.factorized_top_k.TopK` layers that also exclude and filter."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from tfmm.retrieval.brute_force import BruteForce
from tfmm.retrieval.filters import TermFilter
from tfmm.retrieval.padding import LOWEST_SCORE

#: What `index_for` knows, by name.
INDEX_KINDS: dict[str, Callable[..., Any]] = {"auto": BruteForce, "brute_force": BruteForce}

__all__ = ["INDEX_KINDS", "LOWEST_SCORE", "BruteForce", "TermFilter", "index_for"]


def index_for(kind: str = "auto", *, k: int = 100, **options: Any) -> Any:
    """An index of the kind named, with nothing indexed yet.

    Args:
        kind: a name in `INDEX_KINDS`: "brute_force", or "auto", which picks the kind that suits.
        k: how many candidates it returns unless a call says otherwise.
        **options: further arguments of that kind's constructor.

    Raises:
        ValueError: no such kind; the message lists those there are.
    """
    if kind not in INDEX_KINDS:
        near = difflib.get_close_matches(str(kind), INDEX_KINDS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"There is no index {kind!r}; there are {sorted(INDEX_KINDS)}.{hint}")
    return INDEX_KINDS[kind](k=k, **options)
