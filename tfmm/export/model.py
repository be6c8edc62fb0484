"""Exporting a run: its vectors, index and settings as the next version of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmm.data.columns import TextColumn
from tfmm.data.search_catalog import SearchCatalog
from tfmm.export.agreement import agreement
from tfmm.export.card import SEARCH_USE
from tfmm.export.search import search_of
from tfmm.export.servable import Servable
from tfmm.export.vector_file import remember_vectors
from tfmm.export.versions import write_version
from tfmm.retrieval import INDEX_KINDS, Index, TermFilter, index_for, options_of
from tfmm.retrieval.options import check_name
from tfmm.retrieval.tables import STORAGES
from tfmm.training.config import IndexConfig
from tfmm.training.run import Run, load_run

#: Kinds of index whose candidates `weights` may shrink; others have a storage of their own.
_EXACT = ("auto", "brute_force")


@dataclass(frozen=True)
class ExportSettings:
    """What an export fixes; written to the model card, and kept by `refresh_index`."""

    k: int
    """Items in an answer."""
    exclude_seen: bool = True
    """Whether users' own items are left out of their recommendations."""
    exclude_size: int = 64
    """Ids that a request may exclude."""
    allow_size: int = 16
    """Filter terms that a request may hold."""
    history_size: int = 50
    """Ids that a session's history may hold."""
    weights: str = "float32"
    """How the tables of vectors are stored: float32, bfloat16 or int8."""
    index: str | None = None
    """The kind of index; the run's if None."""


def export_model(
    run: str | Path | Run,
    models_dir: str | Path,
    name: str | None = None,
    k: int | None = None,
    exclude_seen: bool = True,
    exclude_size: int = 64,
    allow_size: int = 16,
    history_size: int | None = None,
    weights: str = "float32",
    index: str | Index | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Exports a run as the next version of a model: `models_dir/name/version/`.

    A run that is given by its folder keeps its items' vectors there, so that `refresh_index` later
    encodes only what is new.

    Args:
        run: a run, or the folder of one.
        models_dir: the folder that a server serves models from; made if missing.
        name: the model's name; the run's own if None.
        k: items in an answer; the run's `index.k` if None.
        exclude_seen: whether users' own items are left out of their recommendations.
        exclude_size: ids that a request may exclude.
        allow_size: filter terms that a request may hold.
        history_size: ids that a session's history may hold; as many as the run's
            `users.history_size` if None, which is what its user tower was trained on.
        weights: how the tables of vectors are stored: "float32"; "bfloat16", half the size; or
            "int8", a quarter. What that costs in recall is measured, said, and written to the
            model card.
        index: a kind of index, see `tfmm.retrieval.index_for`, or an index with nothing indexed
            yet; the run's `index.kind` if None.
        say: takes lines about `weights`.

    Returns:
        The version's folder.

    Raises:
        ExportError: a step failed; the message names it.
        ValueError: sizes below 1, `weights` that there are not or that the index does not take, or
            a model whose vectors cannot be served.

    Example:

    ```python
    version = tfmm.export_model("runs/hm", "models", k=50)      # models/hm/1
    ```
    """
    loaded = _loaded(run)
    settings = ExportSettings(
        k=loaded.config.index.k if k is None else k,
        exclude_seen=exclude_seen,
        exclude_size=exclude_size,
        allow_size=allow_size,
        history_size=loaded.config.users.history_size if history_size is None else history_size,
        weights=weights,
        index=index if isinstance(index, str) else None,
    )
    item_vectors = loaded.model.item_vectors()
    # A run in memory may have been trained on since its weights were saved.
    if isinstance(run, (str, Path)):
        remember_vectors(loaded, item_vectors)
    return write_run(loaded, item_vectors, models_dir, settings, name=name, index=index, say=say)


def servable_of(
    run: str | Path | Run,
    k: int | None = None,
    exclude_seen: bool = True,
    exclude_size: int = 64,
    allow_size: int = 16,
    history_size: int | None = None,
    weights: str = "float32",
    index: str | Index | None = None,
) -> Servable:
    """The servable of a run, with histories that hold all of its events.

    Arguments as for `export_model`.
    """
    loaded = _loaded(run)
    history = loaded.config.users.history_size if history_size is None else history_size
    k = loaded.config.index.k if k is None else k
    kind = index if isinstance(index, str) else None
    settings = ExportSettings(k, exclude_seen, exclude_size, allow_size, history, weights, kind)
    return _servable(loaded, _vectors(loaded, loaded.model.item_vectors()), settings, index)


def write_run(
    run: Run,
    item_vectors: np.ndarray,
    models_dir: str | Path,
    settings: ExportSettings,
    *,
    name: str | None = None,
    index: str | Index | None = None,
    card: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Writes a run whose item vectors are at hand as the next version of a model.

    Args:
        run: the run; its item tower is not asked.
        item_vectors: float32 `[N, D]` of the learned model, in the order of the run's items.
        models_dir, name, index, say: as for `export_model`.
        settings: what the export fixes.
        card: further parts of the model card.

    Returns:
        The version's folder.
    """
    vectors = _vectors(run, item_vectors)
    servable = _servable(run, vectors, settings, index)
    data = run.data
    full: dict[str, Any] = {
        "data": {
            "items": len(data.items),
            "users": len(data.users),
            "events": len(data.events.user),
            "distinct user-item pairs": len(run.interactions),
        },
        "metrics": run.metrics,
        "config": run.config.to_dict(),
        "export": dataclasses.asdict(settings),
        **(card or {}),
    }
    if data.shop.events is None:
        full.setdefault("intended_use", SEARCH_USE)
    spared = 0
    if settings.weights != "float32":
        exact = dataclasses.replace(settings, weights="float32")
        reference = _servable(run, vectors, exact, index_for("brute_force", k=exact.k))
        kept = agreement(servable, reference)
        spared = reference.table_bytes - servable.table_bytes
        full["weights"] = {
            "stored as": settings.weights,
            **{f"{key} of the float32 answers": v for key, v in kept.items() if "@" in key},
            "asked": ", ".join(f"{v:,} {key}" for key, v in kept.items() if "@" not in key),
            "bytes of the tables": servable.table_bytes,
            "bytes of the tables as float32": reference.table_bytes,
        }
        recall = ", ".join(f"{key} {v:.4f}" for key, v in kept.items() if "@" in key)
        say(f"{settings.weights} against float32, {full['weights']['asked']} asked: {recall}.")
    version = write_version(
        servable, models_dir, name or run.config.name, full, catalog=_search_catalog(run)
    )
    if spared:
        size = sum(file.stat().st_size for file in version.rglob("*") if file.is_file())
        say(f"The version takes {_mb(size)}; as float32 it would take {_mb(size + spared)}.")
    return version


@dataclass(frozen=True)
class _Vectors:
    """What a run serves: candidates, users, and what stands for items in histories, if apart."""

    items: np.ndarray
    users: np.ndarray
    history: np.ndarray | None = None


def _vectors(run: Run, learned: np.ndarray) -> _Vectors:
    """The run's vectors, blended where it has a linear part; `learned` are the item tower's."""
    if run.blend is None:
        return _Vectors(learned, run.model.user_vectors(run.interactions, items=learned))
    items = run.blend.join(learned)
    users = run.blend.user_vectors(run.interactions, items=items)
    return _Vectors(items, users, run.blend.history_vectors(items))


def _servable(
    run: Run,
    vectors: _Vectors,
    settings: ExportSettings,
    index: str | Index | None,
) -> Servable:
    if not isinstance(index, Index):
        index = _index(run.config.index, settings, len(vectors.items))
    elif settings.weights != "float32":
        raise ValueError(
            f"`weights` {settings.weights!r} asks for an exact index of its own; leave it out, or "
            f"leave out `index`, which is a {type(index).__name__} with its own way of storing."
        )
    sizes = dataclasses.asdict(settings)
    del sizes["index"]
    shoppers = run.data.shop.events is not None
    return Servable(
        run.data.items.ids,
        vectors.items,
        user_ids=run.data.users.ids,
        user_vectors=vectors.users,
        seen_offsets=run.interactions.offsets,
        seen_rows=run.interactions.item,
        session=(run.blend or run.model).session_module() if shoppers else None,
        history_vectors=vectors.history,
        filters=TermFilter.from_catalog(run.data.items),
        index=index,
        search=search_of(run.model, _texts(run)),
        search_bias=run.search_bias(vectors.items),
        **sizes,
    )


def _search_catalog(run: Run) -> SearchCatalog | None:
    """What clients search by keywords; None for items without any text."""
    texts = any(isinstance(column, TextColumn) for column in run.data.items.features.values())
    return SearchCatalog.from_shop(run.data.items) if texts else None


def _texts(run: Run) -> list[str]:
    """Some texts of the catalogue that it can be searched by."""
    columns = (
        [run.data.items.features[name] for name in run.model.queries.columns]
        if (run.model.queries)
        else []
    )
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


def _loaded(run: str | Path | Run) -> Run:
    if not isinstance(run, (str, Path)):
        return run
    return load_run(run)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
