"""What products must be and must not be, as it grows over the turns of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Filters:
    """Conditions on products; a product meets them all.

    Attributes:
        wanted: by feature, values: any of them for a category, all of them for tags.
        refused: by feature, values that it must not have.
        without: words that its text must not hold.
        ranges: by number feature, the range, both ends in it, None where it is open.
    """

    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    ranges: Mapping[str, Bounds] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.wanted or self.refused or self.without or self.ranges)

    @property
    def terms(self) -> list[str]:
        """`feature=value` of what is wanted, as servers take them."""
        return [f"{name}={value}" for name, values in self.wanted.items() for value in values]

    def changed(self, other: Filters) -> Filters:
        """These with another's conditions, which replace those of the same feature.

        A value that is wanted now is refused no longer, and the other way round.
        """
        wanted = {**_minus(self.wanted, other.refused), **other.wanted}
        refused = _minus(self.refused, other.wanted)
        for name, values in other.refused.items():
            refused[name] = tuple(dict.fromkeys([*refused.get(name, ()), *values]))
        without = tuple(dict.fromkeys([*self.without, *other.without]))
        return Filters(wanted, refused, without, {**self.ranges, **other.ranges})

    def dropping(self, features: Sequence[str]) -> Filters:
        """These without any condition on some features."""
        return replace(
            self,
            wanted={name: found for name, found in self.wanted.items() if name not in features},
            refused={name: found for name, found in self.refused.items() if name not in features},
            ranges={name: bounds for name, bounds in self.ranges.items() if name not in features},
        )

    def adding(self, feature: str, values: Sequence[str]) -> Filters:
        """These with further values of a feature."""
        both = tuple(dict.fromkeys([*self.wanted.get(feature, ()), *values]))
        return replace(self, wanted={**self.wanted, feature: both})

    def to_json(self) -> dict[str, Any]:
        """Plain data, without what is empty."""
        told = {
            "wanted": {name: list(values) for name, values in self.wanted.items()},
            "refused": {name: list(values) for name, values in self.refused.items()},
            "without": list(self.without),
            "ranges": {name: list(bounds) for name, bounds in self.ranges.items()},
        }
        return {name: value for name, value in told.items() if value}

    @classmethod
    def from_json(cls, told: Any) -> Self:
        """Of what `to_json` gave. Raises ValueError for anything else."""
        try:
            ranges = {str(name): _bounds(pair) for name, pair in told.get("ranges", {}).items()}
            return cls(
                _values(told.get("wanted", {})),
                _values(told.get("refused", {})),
                _texts(told.get("without", ())),
                ranges,
            )
        except (AttributeError, TypeError) as error:
            raise ValueError(f"filters: expected what to_json gives, got {told!r:.200}") from error


def _minus(
    values: Mapping[str, tuple[str, ...]], others: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    left = {
        name: tuple(value for value in found if value not in others.get(name, ()))
        for name, found in values.items()
    }
    return {name: found for name, found in left.items() if found}


def _texts(values: Any) -> tuple[str, ...]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise TypeError("expected a list of strings")
    return tuple(values)


def _values(told: Any) -> dict[str, tuple[str, ...]]:
    return {str(name): _texts(values) for name, values in told.items()}


def _bounds(pair: Any) -> Bounds:
    low, high = (None if end is None else float(end) for end in pair)
    return low, high
