"""What a retrieval run answers: its vectors, index and settings as a servable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tfmm.index import TermFilter
from tfmm.tasks.base import Export
from tfmm.tasks.items.serve import export_of, index_of
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.left_out import left_out
from tfmm.tasks.retrieval.reasons.build import explainer_of
from tfmm.tasks.retrieval.reasons.explainer import Explainer
from tfmm.tasks.retrieval.settings import ExportSettings
from tfmm.tasks.retrieval.signatures import Servable
from tfmm.tasks.retrieval.two_tower import TwoTower
from tfmm.tasks.search.hubness import search_bias
from tfmm.tasks.search.serve import texts_of
from tfmm.tasks.search.signatures import search_of

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


def retrieval_export(
    task: Any, model: TwoTower | Blend, settings: ExportSettings, learned: np.ndarray
) -> Export:
    """The export of a finished model.

    Args:
        task: of retrieval, over the tables that are served.
        model: knows the rows of its users.
        settings: what the export fixes.
        learned: float32 `[N, D]`, the item tower's vectors in the order of the task's items.
    """
    data, vectors = task.data, _vectors(task, model, learned)
    card: dict[str, Any] = {
        "intended_use": INTENDED_USE,
        "limits": list(LIMITS),
        "data": {
            "items": len(data.items),
            "users": len(data.users),
            "events": len(data.events.user),
            "distinct user-item pairs": len(task.pairs),
        },
    }
    return export_of(task, partial(_servable, task, model, vectors), settings, card)


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
    """What a run serves.

    Attributes:
        items: float32 `[N, W]`, candidates.
        priors: float32 `[N, P]`, what joins their scores, if anything does.
        users: float32 `[U, W + P]`, the priors' weights last.
        history: what stands for items in histories, if that is something else.
        explainer: says why an item is recommended, if that can be said.
    """

    items: np.ndarray
    priors: np.ndarray
    users: np.ndarray
    history: np.ndarray | None
    explainer: Explainer | None


def _vectors(task: Any, model: TwoTower | Blend, learned: np.ndarray) -> _Vectors:
    """The model's vectors, of which `learned` are the item tower's."""
    model = model.as_of(task.pairs)
    items = model.join(learned)
    users = model.user_vectors(task.pairs, items=items)
    width = model.width
    explainer = explainer_of(task, model, learned, items[:, width:])
    history = model.history_vectors(items)
    return _Vectors(items[:, :width], items[:, width:], users, history, explainer)


def _servable(
    task: Any, model: TwoTower | Blend, vectors: _Vectors, settings: ExportSettings
) -> Servable:
    data = task.data
    learned, width = model.learned, vectors.items.shape[1]
    own = vectors.items[:, : learned.item_tower.dim]
    taken = left_out(data, task.pairs, seen=settings.exclude_seen)
    return Servable(
        data.items.ids,
        vectors.items,
        item_priors=vectors.priors,
        variants=data.items.variants,
        user_ids=data.users.ids,
        user_vectors=vectors.users,
        seen_offsets=taken.indptr.astype(np.int64),
        seen_rows=taken.indices.astype(np.int32),
        session=model.session_module(),
        history_vectors=vectors.history,
        explainer=vectors.explainer,
        filters=TermFilter.from_catalog(data.items),
        index=index_of(task.config.index, settings, len(vectors.items)),
        search=search_of(learned, texts_of(data.items, learned), width),
        search_bias=search_bias(task.config, own, learned.hubs),
        **{**settings.but_index(), "exclude_seen": settings.exclude_seen or taken.nnz > 0},
    )
