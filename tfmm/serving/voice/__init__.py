"""Speech to words in the client, which then asks `search_text`: the same on any server.

`SphinxRecognizer` needs no network and knows a catalogue's own words; `HubRecognizer` runs
keras-hub's Whisper and Moonshine.
"""

from tfmm.serving.voice.hub_recognizer import HubRecognizer
from tfmm.serving.voice.recognizer import Recognizer
from tfmm.serving.voice.sphinx_recognizer import SphinxRecognizer

__all__ = ["HubRecognizer", "Recognizer", "SphinxRecognizer"]
