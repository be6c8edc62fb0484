"""What to say of a name that there is not: the nearest that there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: How like a name must be to be offered, from 0 to 1.
_ALIKE = 0.4


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The known name that is most like a name; None where none is."""
    near = difflib.get_close_matches(str(name), sorted(map(str, known)), n=1, cutoff=_ALIKE)
    return near[0] if near else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """ " Did you mean 'title'?" to end a sentence with, or "" where no name is near."""
    near = nearest(name, known)
    return "" if near is None else f" Did you mean {near!r}?"


def hint(name: object, known: Iterable[str]) -> str:
    """A hint to end an error with: the nearest name if one is near, else all that there are."""
    names = sorted(map(str, known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {near!r}?"
    return f"known: {', '.join(names)}" if names else "none are known"


def unknown(what: str, got: object, known: Iterable[str]) -> str:
    """The message for a name that is not among `known`: the nearest one, and all of them."""
    names = sorted(map(str, known))
    return f"Unknown {what}: {got!r}.{did_you_mean(got, names)} There are: {', '.join(names)}."
