"""What a run file may say of a fusion, as a type."""

from __future__ import annotations

import functools

from tfmm.encoders.forms import Form, choice_form
from tfmm.layers.fusion.base import fusion_class, names


def fusion_form() -> Form:
    """A name of the registry, or a mapping with its arguments."""
    return _fusion_form(tuple((name, fusion_class(name)) for name in names()))


@functools.cache
def _fusion_form(registered: tuple[tuple[str, type], ...]) -> Form:
    # The same form for the same registry, so that a schema has it once.
    return choice_form("Fusion", {name: [layer] for name, layer in registered})
