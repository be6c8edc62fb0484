"""Speech to words in the client, which then asks `search_text`: the same on any server.

`SphinxRecognizer` needs no network and knows a catalogue's own words; `HubRecognizer` runs
keras-hub's Whisper and Moonshine, and alone needs TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfmm.serving.voice.recognizer import Recognizer
from tfmm.serving.voice.sphinx_recognizer import SphinxRecognizer

if TYPE_CHECKING:
    from tfmm.serving.voice.hub_recognizer import HubRecognizer

__all__ = ["HubRecognizer", "Recognizer", "SphinxRecognizer"]


def __getattr__(name: str) -> Any:
    if name == "HubRecognizer":
        from tfmm.serving.voice.hub_recognizer import HubRecognizer

        return HubRecognizer
    raise AttributeError(f"module 'tfmm.serving.voice' has no attribute {name!r}")
