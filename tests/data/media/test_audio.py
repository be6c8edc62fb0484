import io
import struct
import sys
import tracemalloc

import numpy as np
import pytest

from tests.media import FLOAT, chunk, tone, wav
from tfmm.data.media.audio import AudioDecodeError, float_wav, wav_bytes, wav_header, why_corrupt

TONE = tone(440, 0.2)


def header(data):
    return wav_header(io.BytesIO(data))


def written(folder, data, name="a.wav"):
    (folder / name).write_bytes(data)
    return str(folder / name)


@pytest.mark.parametrize(
    ("bits", "coding"), [(8, 1), (16, 1), (24, 1), (32, 1), (32, FLOAT)], ids=str
)
@pytest.mark.parametrize("extensible", [False, True])
def test_headers_of_every_form_are_read(bits, coding, extensible):
    stereo = np.stack([TONE, TONE], axis=1)
    found = header(wav(stereo, 44_100, bits, coding, extensible=extensible))
    assert (found.coding, found.bits, found.channels, found.rate) == (coding, bits, 2, 44_100)
    assert found.size == found.announced == 2 * len(TONE) * bits // 8


def test_other_chunks_are_skipped_over():
    found = header(wav(TONE, before=chunk(b"LIST", b"odd") + chunk(b"junk", b"")))
    assert found.size == 2 * len(TONE)


def test_a_length_that_was_not_known_yet_means_the_rest(tmp_path):
    data = wav(TONE)
    at = data.index(b"data") + 4
    streamed = data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]
    assert header(streamed).size == header(streamed).announced == 2 * len(TONE)
    assert why_corrupt(written(tmp_path, streamed)) == ""


def test_an_uncompressed_wav_keeps_its_samples_up_to_the_end_that_is_heard(tmp_path):
    stereo = np.stack([TONE, -TONE], axis=1)
    path = written(tmp_path, wav(stereo, 22_050, 24) + chunk(b"id3 ", b"x"))
    assert wav_bytes(path, 9.0) == wav(stereo, 22_050, 24)
    found = header(wav_bytes(path, 0.1))
    assert found.size == found.announced == 2_205 * 6
    assert wav_bytes(path, 0.1).endswith(wav(stereo[:2_205], 22_050, 24)[-99:])


def test_of_three_hours_of_sound_only_what_is_heard_is_read(tmp_path):
    data, size = wav(TONE), 3 * 3_600 * 16_000 * 2
    at = data.index(b"data") + 4
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(data[:at] + struct.pack("<I", size))
        file.truncate(at + 4 + size)
    tracemalloc.start()
    assert why_corrupt(str(path)) == ""
    found = header(wav_bytes(path, 5.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.size == found.announced == 5 * 16_000 * 2
    assert peak < 2_000_000


def test_floating_point_wav_holds_its_samples():
    samples = TONE.astype(np.float32)
    data = float_wav(samples, 22_050)
    assert header(data).rate == 22_050
    np.testing.assert_array_equal(np.frombuffer(data[-4 * len(samples) :], "<f4"), samples)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wav(TONE)[:-10], "it is cut short: 6,400 bytes of sound expected, 6,390 there"),
        (wav(TONE)[:30], "the chunk `data` with the sound is missing"),
        (wav(TONE)[:12] + chunk(b"data", b"1234"), "the chunk `fmt ` is missing before the sound"),
        (wav(TONE[:0]), "it holds no sample"),
        (wav(TONE, 4_000), "it has 4,000 samples a second, expected 8,000 to 192,000"),
    ],
    ids=["cut", "head", "no fmt", "empty", "rate"],
)
def test_what_is_wrong_with_a_wav_is_said(tmp_path, data, message):
    path = written(tmp_path, data)
    assert why_corrupt(path) == f"cannot decode {path} as sound: {message}" + (
        " or too short" if "fmt" in message else ""
    )
    with pytest.raises(AudioDecodeError, match=r"cannot decode .*a\.wav as sound"):
        wav_bytes(path, 1.0)


def test_other_formats_without_soundfile_say_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    path = written(tmp_path, b"fLaC" + bytes(99), "a.flac")
    for call in (why_corrupt, lambda path: wav_bytes(path, 1.0)):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfmm\[audio\]', or convert"):
            call(path)


@pytest.mark.parametrize(("form", "coding"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", None)])
def test_other_formats_become_wav(tmp_path, form, coding):
    soundfile = pytest.importorskip("soundfile", reason="needs tfmm[audio]")
    stereo = np.stack([tone(440, 0.5, 44_100)] * 2, axis=1)
    path = str(tmp_path / f"a.{form.lower()}")
    soundfile.write(path, stereo, 44_100, subtype=coding, format=form)
    assert why_corrupt(path) == ""
    data = wav_bytes(path, 0.25)
    found = header(data)
    assert (found.coding, found.channels, found.rate) == (FLOAT, 1, 44_100)
    assert found.size == 4 * 11_025
    samples = np.frombuffer(data[-found.size :], "<f4")
    strongest = np.abs(np.fft.rfft(samples)).argmax() / 0.25
    assert abs(strongest - 440) <= 4


def test_a_compressed_wav_is_decoded_too(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="needs tfmm[audio]")
    path = str(tmp_path / "a.wav")
    soundfile.write(path, tone(440, 0.5), 16_000, subtype="ULAW")
    assert why_corrupt(path) == ""
    assert header(wav_bytes(path, 1.0)).coding == FLOAT


def test_bad_files_of_other_formats_are_refused_by_name(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="needs tfmm[audio]")
    path = str(tmp_path / "a.flac")
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 90_000), 16_000)
    whole = (tmp_path / "a.flac").read_bytes()
    for data in (whole[: len(whole) // 2], b"hello", b"", struct.pack("<99H", *range(99))):
        written(tmp_path, data, "a.flac")
        assert why_corrupt(path).startswith(f"cannot decode {path} as sound: ")


def test_rates_out_of_range_are_refused_in_other_formats_too(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="needs tfmm[audio]")
    path = str(tmp_path / "a.flac")
    soundfile.write(path, TONE, 4_000)
    assert "4,000 samples a second, expected 8,000" in why_corrupt(path)
