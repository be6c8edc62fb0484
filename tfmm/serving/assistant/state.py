"""What a conversation remembers between turns, as plain data that can be saved and restored."""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from tfmm.data.files import write_text
from tfmm.serving.assistant.filters import Filters

_FORMAT = 1
#: Products of a conversation that are remembered, and its longest text.
_MOST, _LONGEST = 2_000, 2_000_000
_LISTS = ("shown", "seen", "looked")
_TEXTS = ("language", "shopper", "source", "query", "picture", "reference", "focus")


class StateError(ValueError):
    """What was to be restored is no state of a conversation."""


@dataclass(frozen=True)
class State:
    """A conversation after a turn. It changes by making another.

    ```python
    state = State(shopper="s0003")
    assert State.from_json(state.to_json()) == state
    ```

    Attributes:
        language: of the last turn, such as "en"; "" before the first.
        shopper: the id of whom recommendations are for; "" for a visitor.
        source: what the shown products come from: "search", "similar" or "recommend"; "" for none.
        query: words that were searched besides the filters.
        picture: the searched picture's bytes in base64; "".
        reference: the product that the shown ones are similar to; "".
        focus: the product that was spoken of last; "".
        filters: what the shown products must be.
        shown: the ids of the products of the last list, in its order.
        seen: all that were shown of this list, for what comes next.
        looked: products that were spoken of, oldest first: the session that is recommended after.
        turn: how many turns there were.
    """

    language: str = ""
    shopper: str = ""
    source: str = ""
    query: str = ""
    picture: str = ""
    reference: str = ""
    focus: str = ""
    filters: Filters = field(default_factory=Filters)
    shown: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    looked: tuple[str, ...] = ()
    turn: int = 0

    @property
    def picture_bytes(self) -> bytes | None:
        """The searched picture; None where there was none."""
        return base64.b64decode(self.picture) if self.picture else None

    def forgotten(self) -> State:
        """A conversation that starts over: with its shopper and language, and nothing else."""
        return State(language=self.language, shopper=self.shopper, turn=self.turn)

    def spoken_of(self, items: tuple[str, ...]) -> State:
        """This, with products that were spoken of; the last of them is its focus."""
        if not items:
            return self
        looked = tuple(item for item in self.looked if item not in items) + items
        return replace(self, looked=looked[-_MOST:], focus=items[-1])

    def to_json(self) -> dict[str, Any]:
        """Plain data for `from_json`."""
        told: dict[str, Any] = {"format": _FORMAT, "turn": self.turn}
        told |= {name: getattr(self, name) for name in _TEXTS if getattr(self, name)}
        told |= {name: list(getattr(self, name)) for name in _LISTS if getattr(self, name)}
        return told | ({"filters": self.filters.to_json()} if self.filters else {})

    @classmethod
    def from_json(cls, told: Any) -> Self:
        """The state that `to_json` told.

        Raises:
            StateError: it is something else, or of a format that this version does not read.
        """
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            raise StateError(
                f"this is no state of a conversation: expected what State.to_json gives, of "
                f"format {_FORMAT}, got {told!r:.200}"
            )
        known = {one.name for one in fields(cls)} | {"format"}
        if odd := sorted(set(told) - known, key=str):
            raise StateError(f"a state has no {odd[0]!r:.100}; it has: {', '.join(sorted(known))}.")
        made: dict[str, Any] = {}
        for name in _TEXTS:
            value = told.get(name, "")
            if not isinstance(value, str) or len(value) > _LONGEST:
                raise StateError(f"state, {name}: expected a text, got {value!r:.100}.")
            made[name] = value
        for name in _LISTS:
            value = told.get(name, [])
            fits = isinstance(value, list) and len(value) <= _MOST
            if not fits or not all(isinstance(item, str) and item for item in value):
                raise StateError(f"state, {name}: expected a list of ids, got {value!r:.100}.")
            made[name] = tuple(value)
        turn = told.get("turn", 0)
        if not isinstance(turn, int) or isinstance(turn, bool) or turn < 0:
            raise StateError(f"state, turn: expected a whole number, got {turn!r:.100}.")
        try:
            base64.b64decode(made["picture"], validate=True)
            filters = Filters.from_json(told.get("filters", {}))
        except (ValueError, binascii.Error) as error:
            raise StateError(f"state: {error}") from None
        return cls(**made, turn=turn, filters=filters)

    def save(self, file: str | os.PathLike[str]) -> Path:
        """Writes a JSON file, its folder made, and returns its path."""
        path = Path(file)
        write_text(path, json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n")
        return path

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Reads what `save` wrote.

        Raises:
            OSError: the file cannot be read.
            StateError: it holds something else.
        """
        try:
            told = json.loads(Path(file).read_text(encoding="utf-8"))
        except ValueError as error:
            raise StateError(f"{file} holds no JSON: {error}") from None
        return cls.from_json(told)
