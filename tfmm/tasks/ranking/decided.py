"""What training decided by the tables that it met, kept with the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tfmm.tasks.ranking.reading.labels import Label


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What the tables decide where a run file leaves it open.

    A shop grows past any threshold: a run that is loaded reads these as they were in training, so
    that its network is the one whose weights were saved.

    Attributes:
        labels: what is told, with the bounds and steps of their values.
        encoders: of users, items and the context, by feature.
        ids: whether users, items and the context have embeddings of their own.
        rates: what labels are counted under, each of one or two pairs of source and feature.
        ordered: whether an example reads what came before it alone.
        values: the mean and the deviation of the numbers in histories; None where there are none.
    """

    labels: tuple[Label, ...]
    encoders: Mapping[str, Mapping[str, Any]]
    ids: Mapping[str, bool]
    rates: tuple[tuple[tuple[str, str], ...], ...]
    ordered: bool
    values: tuple[float, float] | None

    def state(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "labels": [dataclasses.asdict(label) for label in self.labels],
            "encoders": {name: dict(chosen) for name, chosen in self.encoders.items()},
            "ids": dict(self.ids),
            "rates": [[list(one) for one in key] for key in self.rates],
            "ordered": self.ordered,
            "values": None if self.values is None else list(self.values),
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Decided:
        """What `state` gave."""
        return cls(
            labels=tuple(Label(**{**one, "steps": tuple(one["steps"])}) for one in state["labels"]),
            encoders=state["encoders"],
            ids=state["ids"],
            rates=tuple(tuple((one[0], one[1]) for one in key) for key in state["rates"]),
            ordered=state["ordered"],
            values=None if state["values"] is None else tuple(state["values"]),
        )
