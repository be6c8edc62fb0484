"""Makes the explainer of a finished model over a shop's tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.reasons.attribution import Attribution
from tfmm.tasks.retrieval.reasons.explainer import Explainer, Modalities
from tfmm.tasks.retrieval.reasons.facts import Facts
from tfmm.tasks.retrieval.two_tower import TwoTower


def explainer_of(
    task: Any, model: TwoTower | Blend, learned: np.ndarray, priors: np.ndarray
) -> Explainer | None:
    """What explains a model's recommendations; None for one that reads no history.

    Args:
        task: of retrieval, over the tables that are served.
        model: knows the rows of its users.
        learned: float32 `[N, D]`, the item tower's vectors.
        priors: float32 `[N, P]`, the items' priors.
    """
    tower = model.learned.user_tower
    if tower.history == "none" and model.linear is None:
        return None
    return Explainer(
        Attribution(tower, model.linear, model.priors),
        task.pairs,
        priors,
        Facts(task.data, model.learned.knowledge_shares),
        model.learned.user_lengths(task.pairs, learned),
        _modalities(model.learned, len(task.data.items)),
    )


def _modalities(learned: TwoTower, n_items: int) -> Modalities | None:
    names = tuple(learned.items.columns)
    if not names or learned.item_tower.rows != n_items:
        return None
    return Modalities(names, learned.item_modality_weights())
