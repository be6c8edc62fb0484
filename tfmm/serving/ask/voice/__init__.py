"""Speech to words in the client, which then asks `search_text`: the same on any server.

`SphinxRecognizer` needs no network and knows a catalogue's own words; `HubRecognizer` runs
keras-hub's Whisper and Moonshine, and alone needs TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfmm._lazy import lazy_package

if TYPE_CHECKING:
    from tfmm.serving.ask.voice.hub_recognizer import HubRecognizer
    from tfmm.serving.ask.voice.recognizer import Recognizer
    from tfmm.serving.ask.voice.sphinx_recognizer import SphinxRecognizer

__all__ = [
    "HubRecognizer",
    "Recognizer",
    "SphinxRecognizer",
]

lazy_package(
    __name__,
    {
        "HubRecognizer": "tfmm.serving.ask.voice.hub_recognizer",
        "Recognizer": "tfmm.serving.ask.voice.recognizer",
        "SphinxRecognizer": "tfmm.serving.ask.voice.sphinx_recognizer",
    },
)
