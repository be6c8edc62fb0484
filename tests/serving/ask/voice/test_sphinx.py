"""The offline recogniser of a catalogue's words, on recorded synthetic speech."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.media import tone, wav
from tests.serving.search_exports import save_searcher
from tfmm.data import AudioDecodeError
from tfmm.serving import AsyncClient, Client, Server
from tfmm.serving.ask.voice import SphinxRecognizer
from tfmm.serving.ask.voice.recognizer import RATE, speech
from tfmm.serving.ask.voice.sphinx_recognizer import spoken_words

SPEECH = Path(__file__).parent / "green_wool_hat.wav"  # espeak-ng, voice en-us+f3
TITLES = ["Red running shoes", "Blue summer dress", "Black wallet", "Green wool hat 21", "帽子"]


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    pytest.importorskip("pocketsphinx", reason="needs tfmm[voice]")
    folder = tmp_path_factory.mktemp("voice") / "recognizer"
    SphinxRecognizer.from_titles(TITLES, folder)
    return SphinxRecognizer.load(folder)


def test_a_spoken_title_is_heard(recognizer):
    assert recognizer.text(SPEECH) == "green wool hat"
    assert recognizer.text(SPEECH.read_bytes()) == "green wool hat"
    # The same question gets the same answer, whatever was asked before.
    assert [recognizer.text(SPEECH) for _ in range(2)] == ["green wool hat"] * 2
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(recognizer.text, [SPEECH] * 8)) == {"green wool hat"}


def test_silence_is_no_words(recognizer):
    assert recognizer.text(wav(np.zeros(8_000))) == ""


def test_what_the_folder_holds(recognizer, tmp_path):
    made = SphinxRecognizer.from_titles(["Blue wallet", "帽子"], tmp_path / "new" / "voice")
    assert made.text(wav(np.zeros(8_000))) == ""
    about = json.loads((tmp_path / "new" / "voice" / "about.json").read_text())
    assert about == {"words": 2, "by_rule": 0, "left_out": []}
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"voice"}


def test_titles_are_said_in_small_letters_and_numbers():
    assert spoken_words("Crème Men’s T-Shirt & Co, XR-500 帽子") == (
        "creme men's t shirt and co xr 500".split()
    )


def test_sound_is_heard_at_one_rate_from_any_form():
    heard = speech(wav(np.stack([tone(440, 0.5, 44_100)] * 2, axis=1), 44_100, 24))
    assert abs(len(heard) - RATE // 2) <= 1
    assert np.argmax(np.abs(np.fft.rfft(heard))) == pytest.approx(220, abs=1)  # 440 Hz in 0.5 s
    for bits, coding in ((8, 1), (16, 1), (24, 1), (32, 1), (32, 3)):
        again = speech(wav(tone(440, 0.5), RATE, bits, coding))
        np.testing.assert_allclose(again, tone(440, 0.5), atol=0.01)


def test_mistakes_say_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"holds no recogniser: catalog\.arpa is missing"):
        SphinxRecognizer.load(tmp_path)
    with pytest.raises(AudioDecodeError, match="cannot be decoded as sound"):
        speech(b"RIFF")
    pytest.importorskip("pocketsphinx", reason="needs tfmm[voice]")
    with pytest.raises(ValueError, match="hears English only"):
        SphinxRecognizer.from_titles(["帽子"], tmp_path / "voice")
    assert not (tmp_path / "voice").exists()
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfmm\[voice\]'"):
        SphinxRecognizer.from_titles(["hat"], tmp_path / "voice")


class Told:
    """A recogniser that hears what it was told to."""

    def __init__(self, words: str):
        self.words = words

    def text(self, audio) -> str:
        assert audio.startswith(b"RIFF")
        return self.words


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_clients_ask_for_what_was_said(recognizer, transport, tmp_path):
    save_searcher(tmp_path / "shop" / "1")
    with Server(tmp_path, grpc_port=0, rest_port=0) as server:
        address = server.grpc_address if transport == "grpc" else server.rest_address

        async def ask() -> object:
            async with AsyncClient(address, "shop", transport=transport) as client:
                return await client.search(audio=SPEECH, recognizer=recognizer)

        with Client(address, "shop", transport=transport) as client:
            spoken = client.search(audio=SPEECH, recognizer=recognizer)
            assert spoken == client.search(text="green wool hat")
            assert asyncio.run(ask()) == spoken
            both = client.search(audio=[SPEECH, SPEECH], recognizer=Told("blue coat"))
            assert [hits.item_id[0] for hits in both] == ["b1", "b1"]
            with pytest.raises(ValueError, match=r"audio\[0\]: no words were heard"):
                client.search(audio=[SPEECH], recognizer=Told(""))
            with pytest.raises(ValueError, match="a recognizer turns audio into words"):
                client.search(text="hat", recognizer=recognizer)


def test_hybrid_search_and_offline_speech_need_no_tensorflow():
    code = (
        "import sys\n"
        "from tfmm.data import SearchCatalog\n"
        "from tfmm.serving import Client, Hybrid\n"
        "from tfmm.serving.ask.voice import SphinxRecognizer\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
