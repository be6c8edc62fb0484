"""Why an item is recommended, as a client tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Reason:
    """An item of the history that speaks for a recommendation.

    Attributes:
        item_id: the item.
        share: what of the score is its, of 1; below 0 where it speaks against it by itself.
        drop: by how much the score would fall without it.
        relation, value: what it has in common with the recommended item, such as "brand" and
            "Acme"; "" where nothing is known.
    """

    item_id: str
    share: float
    drop: float
    relation: str = ""
    value: str = ""


@dataclass(frozen=True)
class Explanation:
    """Why an item is recommended to a shopper.

    Attributes:
        reasons: items of the history, that without which the score would fall the most first;
            none where nothing is known of the item or the shopper.
        score: of the recommendation.
        history_share, shopper_share, prior_share: what of the score comes from the history, from
            what is known of the shopper besides, and from how popular the item is now, of 1.
        modalities: how much each modality counts in what the item is made of.
    """

    reasons: list[Reason]
    score: float
    history_share: float
    shopper_share: float
    prior_share: float
    modalities: dict[str, float] = field(default_factory=dict)

    def sentence(self, title: Callable[[str], str] = str) -> str:
        """The first reason in words; that many like it now where there is none.

        ```python
        from tfmm.serving.client import Explanation, Reason

        told = Explanation([Reason("A7", 0.4, 0.1, "brand", "Acme")], 0.3, 0.9, 0.0, 0.1)
        told.sentence({"A7": "Red boots"}.get)  # 'because you looked at Red boots (brand: Acme)'
        ```

        Args:
            title: gives an item's name by its id, such as `SearchCatalog.title`.
        """
        if not self.reasons:
            return "because it is popular now" if self.prior_share > 0 else ""
        first = self.reasons[0]
        shared = f" ({first.relation}: {first.value})" if first.value else ""
        return f"because you looked at {title(first.item_id)}{shared}"

    @classmethod
    def rows(cls, answer: Mapping[str, Any]) -> list[Explanation]:
        """The rows of an answer of the signature `explain`."""
        told = {name: np.asarray(values).tolist() for name, values in answer.items()}
        made = []
        for row, score in enumerate(told["score"]):
            columns = ("item_id", "share", "drop", "relation", "value")
            each = zip(*(told[f"reason_{name}"][row] for name in columns), strict=True)
            weights = {}
            if "modality" in told:
                names, counts = told["modality"][row], told["modality_weight"][row]
                weights = dict(zip(names, counts, strict=True))
            history, shopper, prior = (
                told[f"{name}_share"][row] for name in ("history", "shopper", "prior")
            )
            reasons = [Reason(*one) for one in each if one[0]]
            made.append(cls(reasons, score, history, shopper, prior, weights))
        return made
