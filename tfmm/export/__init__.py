"""From a trained run to a versioned SavedModel that TensorFlow Serving serves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfmm.export.errors import ExportError
from tfmm.export.servable import Servable
from tfmm.export.versions import list_versions, write_version
from tfmm.retrieval import INDEX_KINDS, TermFilter, index_for, options_of
from tfmm.retrieval.options import check_name

if TYPE_CHECKING:
    from tfmm.training import Run

__all__ = [
    "ExportError",
    "Servable",
    "export_model",
    "list_versions",
    "servable_of",
    "write_version",
]


def export_model(
    run: str | Path | Run,
    models_dir: str | Path,
    name: str | None = None,
    k: int | None = None,
    exclude_seen: bool = True,
    exclude_size: int = 64,
    allow_size: int = 16,
    history_size: int | None = None,
    index: str | None = None,
) -> Path:
    """Exports a run as the next version of a model: `models_dir/name/version/`.

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
        index: the kind of index, see `tfmm.retrieval.index_for`; the run's `index.kind` if None.

    Returns:
        The version's folder.

    Raises:
        ExportError: a step failed; the message names it.
        ValueError: sizes below 1, or a model whose vectors cannot be served.

    Example:

    ```python
    version = tfmm.export_model("runs/hm", "models", k=50)      # models/hm/1
    ```
    """
    if isinstance(run, (str, Path)):
        from tfmm.training import load_run

        loaded = load_run(run)
    else:
        loaded = run
    servable = servable_of(
        loaded,
        k=k,
        exclude_seen=exclude_seen,
        exclude_size=exclude_size,
        allow_size=allow_size,
        history_size=history_size,
        index=index,
    )
    data = loaded.data
    card = {
        "data": {
            "items": len(data.items),
            "users": len(data.users),
            "events": len(data.events.user),
            "distinct user-item pairs": len(loaded.interactions),
        },
        "metrics": loaded.metrics,
        "config": loaded.config.to_dict(),
    }
    return write_version(servable, models_dir, name or loaded.config.name, card)


def servable_of(
    run: Run,
    k: int | None = None,
    exclude_seen: bool = True,
    exclude_size: int = 64,
    allow_size: int = 16,
    history_size: int | None = None,
    index: str | None = None,
) -> Servable:
    """The servable of a run, with histories that hold all of its events.

    Arguments as for `export_model`.
    """
    data, model, config = run.data, run.model, run.config.index
    k = config.k if k is None else k
    kind, options = config.kind, {"recall": config.recall, "storage": config.storage}
    if index is not None and index != kind:
        # What the run says of its own kind holds for another one as far as that one knows it.
        kind = check_name("index", index, ["auto", *INDEX_KINDS])
        options = {name: options[name] for name in options if name in options_of(kind)}
    item_vectors = model.item_vectors()
    return Servable(
        data.items.ids,
        item_vectors,
        user_ids=data.users.ids,
        user_vectors=model.user_vectors(run.interactions, items=item_vectors),
        seen_offsets=run.interactions.offsets,
        seen_rows=run.interactions.item,
        session=model.session_module(),
        filters=TermFilter.from_catalog(data.items),
        index=index_for(kind, k=k, n_candidates=len(item_vectors), **options),
        k=k,
        exclude_size=exclude_size,
        allow_size=allow_size,
        history_size=run.config.users.history_size if history_size is None else history_size,
        exclude_seen=exclude_seen,
    )
