"""Retrieval indices: `tfrs.layers.factorized_top_k.TopK` layers that also exclude and filter."""

from __future__ import annotations

import inspect
from typing import Any

from tfmm.config.names import did_you_mean
from tfmm.index.base import Index
from tfmm.index.brute_force import BruteForce
from tfmm.index.filters import TermFilter
from tfmm.index.ivf import IVF
from tfmm.index.options import check_name
from tfmm.index.padding import LOWEST_SCORE
from tfmm.index.scann import ScaNN

#: The indices by name.
INDEX_KINDS: dict[str, type[Index]] = {"brute_force": BruteForce, "ivf": IVF, "scann": ScaNN}
#: "auto" is exact up to this many candidates: below, IVF saves less than its recall is worth.
EXACT_UP_TO = 50_000

__all__ = [
    "EXACT_UP_TO",
    "INDEX_KINDS",
    "IVF",
    "LOWEST_SCORE",
    "BruteForce",
    "Index",
    "ScaNN",
    "TermFilter",
    "index_for",
    "options_of",
]


def options_of(kind: str) -> list[str]:
    """What an index of a kind may be given besides k."""
    made = INDEX_KINDS["ivf" if kind == "auto" else kind]
    return [name for name in inspect.signature(made).parameters if name != "k"]


def index_for(
    kind: str = "auto", *, k: int = 100, n_candidates: int | None = None, **options: Any
) -> Index:
    """An index of the kind named, with nothing indexed yet.

    Args:
        kind: a name in `INDEX_KINDS`, or "auto": "brute_force" up to `EXACT_UP_TO` candidates,
            "ivf" above. ScaNN is only taken when asked for, as stock servers lack its ops.
        k: how many candidates it returns unless a call says otherwise.
        n_candidates: how many will be indexed; only "auto" asks, and must know.
        **options: further arguments of that kind's constructor, such as `recall`; those of "ivf"
            for "auto", which has no use for them where it is exact. None stands for the default.

    Raises:
        ValueError: no such kind or option, or an option out of its range; the message names the
            nearest that there is.
        ModuleNotFoundError: "scann" without its package.
    """
    check_name("kind", kind, ["auto", *INDEX_KINDS])
    options = {name: value for name, value in options.items() if value is not None}
    known = options_of(kind)
    for name in options:
        if name not in known:
            raise ValueError(
                f"An index of kind {kind!r} has no option {name!r}; it has {known}."
                f"{did_you_mean(name, known)}"
            )
    index = INDEX_KINDS["ivf" if kind == "auto" else kind](k=k, **options)
    if kind != "auto":
        return index
    if n_candidates is None:
        raise ValueError("To choose an index, 'auto' must know `n_candidates`, which is None.")
    shared = {name: options[name] for name in ("query_model", "storage", "name") if name in options}
    return index if n_candidates > EXACT_UP_TO else BruteForce(k=k, **shared)
