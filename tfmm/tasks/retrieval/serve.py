"""What a retrieval run answers: its vectors, index and settings as a servable."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmm.data.catalog import Catalog
from tfmm.data.columns import TextColumn
from tfmm.data.search_catalog import CATALOG_FILE, SearchCatalog
from tfmm.index import INDEX_KINDS, Index, TermFilter, index_for, options_of
from tfmm.index.options import check_name
from tfmm.index.tables import STORAGES
from tfmm.tasks.base import Export
from tfmm.tasks.retrieval.agreement import agreement
from tfmm.tasks.retrieval.blend import Blend
from tfmm.tasks.retrieval.config import IndexConfig
from tfmm.tasks.retrieval.settings import ExportSettings
from tfmm.tasks.retrieval.signatures import Servable
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.tasks.search.examples import search_bias
from tfmm.tasks.search.signatures import search_of

#: Kinds of index whose candidates `weights` may shrink; others have a storage of their own.
_EXACT = ("auto", "brute_force")

SEARCH_USE = (
    "Finding items of this catalogue by words, by pictures or by sounds, as far as it has "
    "signatures for them, and finding items like an item. Ranking only: a score has no unit and "
    "does not compare between models."
)
INTENDED_USE = (
    "Recommending items of this catalogue to this shop's users, to shoppers without an account "
    "by what they looked at, and finding items like an item. Ranking only: a score has no unit "
    "and does not compare between models."
)
LIMITS = (
    (
        "Items and users that were not in the exported tables are unknown: an unknown user "
        "gets the answer to an empty history, an unknown item is ignored. `tfmm index` takes "
        "in new ones; what came after training is served by content and history alone."
    ),
    (
        "It repeats what its events show, their gaps and their prejudices included; what was "
        "shown more was bought more."
    ),
    (
        "Filters know the category and tags features of the catalogue as of the export; stock "
        "that changes by the minute belongs into `exclude`."
    ),
    (
        "The metrics below were measured in training, on the split named in the configuration; "
        "they do not hold for other shops."
    ),
)


def export_of(
    task: Any, model: TwoTower | Blend, settings: ExportSettings, learned: np.ndarray
) -> Export:
    """The export of a finished model.

    Args:
        task: of retrieval, over the tables that are served.
        model: knows the rows of its users.
        settings: what the export fixes.
        learned: float32 `[N, D]`, the item tower's vectors in the order of the task's items.
    """
    vectors = _vectors(task, model, learned)
    servable = _servable(task, model, vectors, settings)
    data, events = task.data, task.data.shop.events
    card: dict[str, Any] = {
        "intended_use": SEARCH_USE if events is None else INTENDED_USE,
        "limits": list(LIMITS),
        "data": {
            "items": len(data.items),
            "users": len(data.users),
            "events": len(data.events.user),
            "distinct user-item pairs": len(task.interactions),
        },
        "export": _plain(settings),
    }
    card["index"], told = _index_told(task.config.index, settings, servable)

    def notes(size: int) -> list[str]:
        return told

    if settings.weights != "float32":
        index = index_for("brute_force", k=settings.k)
        exact = dataclasses.replace(settings, weights="float32", index=index)
        reference = _servable(task, model, vectors, exact)
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


def servable_of(run: Any, **settings: Any) -> Servable:
    """The servable of a run, with histories that hold all of its events.

    Args:
        run: a `tfmm.training.Run` of a retrieval model.
        **settings: fields of `ExportSettings`; the run's own by default.
    """
    task, model = run.task, run.model
    vectors = _vectors(task, model, model.learned.item_vectors())
    return _servable(task, model, vectors, task.settings(run.config, settings))


@dataclass(frozen=True)
class _Vectors:
    """What a run serves: candidates, users, and what stands for items in histories, if apart."""

    items: np.ndarray
    users: np.ndarray
    history: np.ndarray | None


def _vectors(task: Any, model: TwoTower | Blend, learned: np.ndarray) -> _Vectors:
    """The model's vectors, of which `learned` are the item tower's."""
    items = model.join(learned)
    users = model.user_vectors(task.interactions, items=items)
    return _Vectors(items, users, model.history_vectors(items))


def _servable(
    task: Any, model: TwoTower | Blend, vectors: _Vectors, settings: ExportSettings
) -> Servable:
    data, index = task.data, settings.index
    if not isinstance(index, Index):
        index = _index(task.config.index, settings, len(vectors.items))
    elif settings.weights != "float32":
        raise ValueError(
            f"`weights` {settings.weights!r} asks for an exact index of its own; leave it out, or "
            f"leave out `index`, which is a {type(index).__name__} with its own way of storing."
        )
    sizes = dataclasses.asdict(dataclasses.replace(settings, index=None))
    del sizes["index"]
    learned, width = model.learned, vectors.items.shape[1]
    own = vectors.items[:, : learned.item_tower.dim]
    return Servable(
        data.items.ids,
        vectors.items,
        user_ids=data.users.ids,
        user_vectors=vectors.users,
        seen_offsets=task.interactions.offsets,
        seen_rows=task.interactions.item,
        session=None if data.shop.events is None else model.session_module(),
        history_vectors=vectors.history,
        filters=TermFilter.from_catalog(data.items),
        index=index,
        search=search_of(learned, _texts(data.items, learned), width),
        search_bias=search_bias(task.config, own, learned.hubs),
        **sizes,
    )


def _search_catalog(task: Any) -> SearchCatalog | None:
    """What clients search by keywords; None for items without any text."""
    items = task.data.items
    texts = any(isinstance(column, TextColumn) for column in items.features.values())
    return SearchCatalog.from_shop(items) if texts else None


def _texts(items: Catalog, model: TwoTower) -> list[str]:
    """Some texts of the catalogue that it can be searched by."""
    columns = [items.features[name] for name in model.queries.columns] if model.queries else []
    return [str(text) for c in columns if isinstance(c, TextColumn) for text in c.values[:8]]


def _index(config: IndexConfig, settings: ExportSettings, n_candidates: int) -> Index:
    """The index that the settings ask for, and else the run."""
    kind, weights = settings.index or config.kind, settings.weights
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


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _index_told(
    config: IndexConfig, settings: ExportSettings, servable: Servable
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


def _plain(settings: ExportSettings) -> dict[str, Any]:
    """The settings as JSON values."""
    index = settings.index
    named = index if isinstance(index, str) or index is None else type(index).__name__
    return {**dataclasses.asdict(dataclasses.replace(settings, index=None)), "index": named}
