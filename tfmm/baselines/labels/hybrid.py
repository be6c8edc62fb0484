"""A hybrid of what users and items did before and what items are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from tfmm.baselines.labels.base import LabelBaseline, Table
from tfmm.baselines.labels.linear import ContentLabels
from tfmm.baselines.labels.rates import Rates
from tfmm.baselines.supervised import Said, Supervised, WeightedSum

_LEAST = 1e-6


@dataclass(kw_only=True)
class HybridLabels(WeightedSum, LabelBaseline):
    """The weighted sum of `Rates` and `ContentLabels`; see `WeightedSum`.

    Of a binary label it is log odds that are summed.

    Raises:
        ValueError: a weight outside of 0 to 1; in `fit`, columns that the table does not have.
    """

    name: ClassVar[str] = "hybrid"
    needs: ClassVar[tuple[str, ...]] = ("user", "item", "columns")

    user: str
    """See `Rates`."""

    item: str
    """See `Rates`."""

    columns: Sequence[str]
    """See `ContentLabels`."""

    parts_: tuple[LabelBaseline, LabelBaseline] | None = field(default=None, init=False, repr=False)

    @classmethod
    def parts(cls, config: Mapping[str, Any]) -> dict[str, tuple[type[Supervised], dict[str, Any]]]:
        kind = {"kind": config.get("kind", cls.kind)}
        rates = {name: config[name] for name in ("user", "item")}
        content = {"columns": config["columns"]}
        return {"collaborative": (Rates, kind | rates), "content": (ContentLabels, kind | content)}

    def weighted(self, table: Table) -> Callable[[float], Said]:
        assert self.parts_ is not None
        ours, other = (part.predict(table).astype(np.float64) for part in self.parts_)
        if self.kind == "binary":
            ours, other = (logit(np.clip(said, _LEAST, 1 - _LEAST)) for said in (ours, other))

        def said(weight: float) -> Said:
            total = weight * ours + (1 - weight) * other
            return (expit(total) if self.kind == "binary" else total).astype(np.float32)

        return said

    def _fit(self, table: Table, value: NDArray[np.float32]) -> None:
        self.parts_ = (
            Rates(kind=self.kind, user=self.user, item=self.item, **self.collaborative),
            ContentLabels(kind=self.kind, columns=self.columns, **self.content),
        )
        for part in self.parts_:
            part.fit(table, value)

    def _predict(self, table: Table) -> NDArray[np.floating]:
        return self.weighted(table)(self.weight)
