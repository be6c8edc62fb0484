"""WAV files to waveforms in TensorFlow ops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

from tests.media import FLOAT, PCM, chunk, tone, wav
from tfmm.encoders.audio.wav import read_wavs
from tfmm.export import check_stock

RATE = 16_000


def read(*files: bytes, seconds: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    waveforms, counts = read_wavs(tf.constant(files), RATE, seconds)
    return waveforms.numpy(), counts.numpy()


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize(
    ("bits", "coding", "error"),
    [(8, PCM, 2**-7), (16, PCM, 2**-15), (24, PCM, 1e-6), (32, PCM, 1e-6), (32, FLOAT, 1e-6)],
)
def test_every_form_of_sample_is_read(
    bits: int, coding: int, error: float, extensible: bool
) -> None:
    samples = tone(440, 0.5)
    samples[0], samples[1] = -1.0, 1 - 2.0**-7
    waveforms, counts = read(wav(samples, RATE, bits, coding, extensible=extensible))
    assert counts.tolist() == [8_000]
    np.testing.assert_allclose(waveforms[0], samples, atol=error)


def test_channels_are_mixed_to_one() -> None:
    left, right = tone(440, 0.5), tone(300, 0.5)
    waveforms, _ = read(wav(np.stack([left, right], axis=1)), wav(np.stack([left, -left], axis=1)))
    np.testing.assert_allclose(waveforms[0], (left + right) / 2, atol=1e-4)
    np.testing.assert_allclose(waveforms[1], 0, atol=1e-4)


def test_files_of_many_forms_share_a_batch() -> None:
    files = [wav(tone(440, 0.2)), b"", wav(tone(440, 2.0, 44_100), 44_100, 24), wav(tone(440, 0.5))]
    waveforms, counts = read(*files)
    assert waveforms.shape == (4, 8_000)
    assert counts.tolist() == [3_200, 0, 8_000, 8_000]
    assert not waveforms[0, 3_200:].any()
    assert not waveforms[1].any()
    # Where a tone sets in at once, the two rates differ.
    np.testing.assert_allclose(waveforms[2, 10:], waveforms[3, 10:], atol=1e-3)


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_345, 22_050, 32_000, 44_100, 48_000, 96_000])
def test_resampling_agrees_with_scipy(rate: int) -> None:
    seconds, shared = 1.5, min(rate, RATE)
    time = np.arange(round(rate * 1.3)) / rate
    pitches = np.array([110, 440.5, 1234, 0.4 * shared])
    sound = np.sin(2 * np.pi * pitches[:, None] * time + pitches[:, None]).sum(0)
    sound *= 0.2 * np.hanning(len(time))
    waveforms, counts = read(wav(sound, rate, 32, FLOAT), seconds=seconds)
    up, down = RATE // np.gcd(RATE, rate), rate // np.gcd(RATE, rate)
    most = max(up, down)
    long = signal.firwin(2 * 64 * most + 1, 0.95 / most, window=("kaiser", 12))
    for window, error in ((long, 1e-5), (("kaiser", 5.0), 2e-3)):
        expected = signal.resample_poly(sound, up, down, window=window)
        assert counts[0] == len(expected)
        np.testing.assert_allclose(waveforms[0, : counts[0]], expected, atol=error)


def test_resampling_leaves_out_what_the_lower_rate_cannot_hold() -> None:
    waveforms, _ = read(wav(tone(9_000, 1.0, 48_000), 48_000))
    # Near the cut at the beginning, which is no sine, some of it remains.
    assert np.abs(waveforms[0, 200:-200]).max() < 1e-3


def test_sound_past_the_end_plays_no_part() -> None:
    start = tone(440, 1.0, 44_100)
    files = [wav(np.concatenate([start, tone(pitch, 3.0, 44_100)]), 44_100) for pitch in (50, 900)]
    waveforms, _ = read(*files)
    np.testing.assert_array_equal(waveforms[0], waveforms[1])


def test_values_that_are_no_numbers_are_silence() -> None:
    samples = tone(440, 0.5)
    samples[[3, 4, 5]] = np.nan, np.inf, 1e30
    waveforms, _ = read(wav(samples, RATE, 32, FLOAT))
    np.testing.assert_allclose(waveforms[0, 3:6], [0, 0, 1], atol=1e-5)


def test_other_chunks_and_an_unknown_length_are_read_past() -> None:
    data = wav(tone(440, 0.2), before=chunk(b"LIST", b"odd"))
    at = data.index(b"data") + 4
    waveforms, counts = read(data + chunk(b"id3 ", b"x"), data[:at] + b"\xff" * 4 + data[at + 4 :])
    assert counts.tolist() == [3_200, 3_200]
    np.testing.assert_array_equal(waveforms[0], waveforms[1])


GOOD = wav(tone(440, 0.1))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"fLaC and more", "expected the bytes of a WAV file, got 13 of another"),
        (b"RIFF", "expected the bytes of a WAV file, got 4 of another"),
        (GOOD[:12], "lacks the chunk `data`"),
        (GOOD[:12] + chunk(b"data", b"12"), "lacks the chunk `fmt ` before `data`"),
        (GOOD[:-2], "cut short: 3200 bytes of sound expected, 3198 there"),
        (GOOD[:20] + b"\x07" + GOOD[21:], "of coding 7 and 16 bits, expected PCM"),
        (wav(tone(440, 0.1), 4_000), "has 4000 samples a second, expected 8000 to 192000"),
        (GOOD[:22] + b"\0\0" + GOOD[24:], "has no channel"),
    ],
)
def test_what_is_no_such_wav_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        read(GOOD, data)


def test_bytes_cut_anywhere_are_refused_and_never_crash() -> None:
    data = wav(tone(440, 0.01), extensible=True)
    for length in range(1, len(data)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="WAV"):
            read(data[:length], seconds=0.1)


def test_the_stock_server_has_the_ops(tmp_path: Path) -> None:
    module = tf.Module()
    spec = tf.TensorSpec([None], tf.string, name="audio")
    module.read = tf.function(
        lambda x: dict(zip(("waveform", "count"), read_wavs(x, RATE, 0.5), strict=True)),
        input_signature=[spec],
    )
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"read": module.read})
    (verdict,) = check_stock(tmp_path / "1")
    assert verdict.ok, verdict
