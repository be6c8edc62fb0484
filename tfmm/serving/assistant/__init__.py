"""A shopping assistant over a served model; see `docs/guides/assistant.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.serving.assistant.assistant import Answer, Assistant, Shown
    from tfmm.serving.assistant.known.faq import Faq
    from tfmm.serving.assistant.known.reviews import Reviews
    from tfmm.serving.assistant.state import State, StateError

__all__ = ["Answer", "Assistant", "Faq", "Reviews", "Shown", "State", "StateError"]

lazy_package(
    __name__,
    {
        "Answer": "tfmm.serving.assistant.assistant",
        "Assistant": "tfmm.serving.assistant.assistant",
        "Faq": "tfmm.serving.assistant.known.faq",
        "Reviews": "tfmm.serving.assistant.known.reviews",
        "Shown": "tfmm.serving.assistant.assistant",
        "State": "tfmm.serving.assistant.state",
        "StateError": "tfmm.serving.assistant.state",
    },
)
