"""What every export of items has: an index, a card, and texts to search by keywords."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfmm.data.columns import TextColumn
from tfmm.data.search_catalog import CATALOG_FILE, SearchCatalog
from tfmm.index import INDEX_KINDS, Index, index_for, options_of
from tfmm.index.options import check_name
from tfmm.index.tables import STORAGES
from tfmm.tasks.base import Export
from tfmm.tasks.items.agreement import agreement
from tfmm.tasks.items.config import IndexConfig
from tfmm.tasks.items.servable import ItemServable, Make
from tfmm.tasks.items.settings import ItemSettings

#: Kinds of index whose candidates `weights` may shrink; others have a storage of their own.
_EXACT = ("auto", "brute_force")
_VARIANTS = (
    "Answers are products. A request may name a variant of one by its id, which stands for the "
    "product wherever items are asked by."
)


def export_of(task: Any, make: Make, settings: ItemSettings, card: dict[str, Any]) -> Export:
    """The export of a servable.

    Args:
        task: over the items that are served.
        make: makes the servable as some settings say.
        settings: what the export fixes.
        card: what its model card says besides.
    """
    servable = make(settings)
    card = {**card, "export": _plain(settings)}
    if servable.n_variants:
        card["limits"] = [*card["limits"], _VARIANTS]
        card["data"] = {**card["data"], "variants": servable.n_variants}
    card["index"], told = _index_told(task.config.index, settings, servable)

    def notes(size: int) -> list[str]:
        return told

    if settings.weights != "float32":
        index = index_for("brute_force", k=settings.k)
        reference = make(dataclasses.replace(settings, weights="float32", index=index))
        kept = agreement(servable, reference)
        card["weights"] = {
            "stored as": settings.weights,
            **{f"{key} of the float32 answers": v for key, v in kept.items() if "@" in key},
            "asked": ", ".join(f"{v:,} {key}" for key, v in kept.items() if "@" not in key),
            "bytes of the tables": servable.table_bytes,
            "bytes of the tables as float32": reference.table_bytes,
        }
        recall = ", ".join(f"{key} {v:.4f}" for key, v in kept.items() if "@" in key)
        asked, spared = card["weights"]["asked"], reference.table_bytes - servable.table_bytes
        said = f"{settings.weights} against float32, {asked} asked: {recall}."

        def notes(size: int) -> list[str]:
            whole = f"The version takes {_mb(size)}; as float32 it would take {_mb(size + spared)}."
            return [*told, said, whole]

    catalog = _search_catalog(task)
    files = {} if catalog is None else {CATALOG_FILE: catalog.save}
    return dataclasses.replace(servable.export(), card=card, files=files, notes=notes)


def index_of(config: IndexConfig, settings: ItemSettings, n_candidates: int) -> Index:
    """The index that the settings ask for, and else the run.

    Raises:
        ValueError: an index or a way of storing that there is not, or that do not go together.
    """
    kind, weights = settings.index or config.kind, settings.weights
    if isinstance(kind, Index):
        if weights != "float32":
            raise ValueError(
                f"`weights` {weights!r} asks for an exact index of its own; leave it out, or leave "
                f"out `index`, which is a {type(kind).__name__} with its own way of storing."
            )
        return kind
    check_name("index", kind, ["auto", *INDEX_KINDS])
    check_name("weights", weights, STORAGES)
    if weights != "float32":
        if kind not in _EXACT:
            raise ValueError(
                f"`weights` {weights!r} shrinks the exact index, but the index is {kind!r}. Leave "
                "`weights` out, or ask for `brute_force`."
            )
        return index_for("brute_force", k=settings.k, storage=weights)
    options = {"recall": config.recall, "storage": config.storage}
    if kind != config.kind:
        # What the run says of its own kind holds for another one as far as that one knows it.
        options = {name: options[name] for name in options if name in options_of(kind)}
    return index_for(kind, k=settings.k, n_candidates=n_candidates, **options)


def _search_catalog(task: Any) -> SearchCatalog | None:
    """What clients search by keywords; None for items without any text."""
    items = task.data.items
    texts = any(isinstance(column, TextColumn) for column in items.features.values())
    return SearchCatalog.from_shop(items) if texts else None


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _index_told(
    config: IndexConfig, settings: ItemSettings, servable: ItemServable
) -> tuple[dict[str, Any], list[str]]:
    """What the card and the terminal say of the index: what was asked for, and what was written."""
    asked = settings.index or config.kind
    if isinstance(asked, Index):
        asked = next((n for n, kind in INDEX_KINDS.items() if type(asked) is kind), "own")
    written = "exact" if servable.scores_all else servable.index_kind
    told = {"asked": asked, "written": written, "items": servable.n_items}
    if not servable.scores_all or asked in ("auto", "brute_force"):
        return told, []
    told["why"] = f"{servable.n_items:,} items are too few for {asked} to save what it would miss"
    return told, [f"The index is exact: {told['why']}."]


def _plain(settings: ItemSettings) -> dict[str, Any]:
    """The settings as JSON values."""
    index = settings.index
    named = index if isinstance(index, str) or index is None else type(index).__name__
    return {**settings.but_index(), "index": named}
