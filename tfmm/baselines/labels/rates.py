"""Rates: how often a user does it, and how often it is done to an item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from tfmm.baselines.labels.base import LabelBaseline, Table


@dataclass(kw_only=True)
class Rates(LabelBaseline):
    """The mean of the label, and how far those of the user and of the item are from it.

    The mean of a user's or an item's labels is taken with some examples more of the mean of all
    (Laplace's smoothing). Of a binary label it is log odds that are added, and their sum made a
    probability again; of a rating the means themselves.

    ```python
    import numpy as np
    from tfmm.baselines.labels import Rates, Table

    codes = np.int32([[0, 0], [0, 1], [1, 0], [1, 1]])
    table = Table(np.zeros((4, 0), np.float32), codes, (), ("user", "video"))
    model = Rates(user="user", item="video", user_strength=1, item_strength=1)
    model.fit(table, np.float32([1, 0, 0, 0])).predict(table)  # the first the most likely
    ```

    Raises:
        ValueError: a strength not above 0; in `fit`, no category of that name.
    """

    name: ClassVar[str] = "rates"
    needs: ClassVar[tuple[str, ...]] = ("user", "item")
    grid: ClassVar[Mapping[str, Sequence[Any]]] = {
        "user_strength": (1.0, 3.0, 10.0, 30.0, 100.0),
        "item_strength": (1.0, 3.0, 10.0, 30.0, 100.0),
    }

    user: str
    """Name of the category that says whose example it is."""

    item: str
    """Name of the category that says of what."""

    user_strength: float = 10.0
    """Examples of the mean that a user is credited with."""

    item_strength: float = 10.0
    """Likewise an item."""

    mean_: float = field(default=0.0, init=False, repr=False)
    offsets_: dict[str, NDArray[np.float64]] = field(default_factory=dict, init=False, repr=False)
    """Of each code what it adds; the last, which -1 is, adds 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("user_strength", "item_strength"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` is {getattr(self, name)}, but must be above 0.")

    def _fit(self, table: Table, value: NDArray[np.float32]) -> None:
        mean = float(value.mean(dtype=np.float64))
        self.mean_ = self._scale(mean)
        for name, strength in ((self.user, self.user_strength), (self.item, self.item_strength)):
            code = self._codes(table, name)
            known = code >= 0
            size = int(code.max(initial=-1)) + 2
            total = np.bincount(code[known], value[known], size) + strength * mean
            self.offsets_[name] = (
                self._scale(total / (np.bincount(code[known], minlength=size) + strength))
                - self.mean_
            )

    def _predict(self, table: Table) -> NDArray[np.floating]:
        said = np.full(len(table), self.mean_)
        for name, offset in self.offsets_.items():
            code = self._codes(table, name)
            said += offset[np.where(code < len(offset) - 1, code, -1)]
        return expit(said) if self.kind == "binary" else said

    def _scale(self, value: Any) -> Any:
        return logit(value) if self.kind == "binary" else value

    def _codes(self, table: Table, name: str) -> NDArray[np.int32]:
        if name not in table.category_names:
            raise ValueError(
                f"There is no category {name!r} in the table, only "
                f"{', '.join(table.category_names) or 'none'}."
            )
        return table.categories[:, table.category_names.index(name)]
