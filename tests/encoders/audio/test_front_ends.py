"""Log-mel, MFCC and linear prediction beside NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.signal
import tensorflow as tf

from tests.media import tone
from tfmm.encoders.audio.front_ends import FLOOR, FRONT_ENDS, LPC, MFCC, WHITE, FrontEnd, LogMel

RATE, LENGTH, STEP = 16_000, 800, 400


def sounds() -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.1, 8_100)
    quiet = np.pad(tone(440, 0.2), (0, 4_900))
    return np.stack([tone(300, 8_100 / RATE, overtones=8), noise, quiet]).astype(np.float32)


def framed(waveforms: np.ndarray, window: str) -> np.ndarray:
    count = -(-waveforms.shape[1] // STEP)
    padded = np.pad(waveforms, ((0, 0), (0, LENGTH + STEP))).astype(np.float64)
    frames = [padded[:, i * STEP : i * STEP + LENGTH] for i in range(count)]
    return np.stack(frames, axis=1) * scipy.signal.get_window(window, LENGTH)


def mel_bands(bins: int) -> np.ndarray:
    """Triangles between 20 Hz and 8 kHz, evenly spaced in HTK's mel scale, [513, bins]."""

    def mel(hertz: Any) -> Any:
        return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)

    edges = np.linspace(mel(20.0), mel(RATE / 2), bins + 2)
    lines = mel(np.linspace(0, RATE / 2, 513))[:, None]
    rise = (lines - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - lines) / (edges[2:] - edges[1:-1])
    bands = np.maximum(0, np.minimum(rise, fall))
    bands[0] = 0
    return bands


def log_mel(waveforms: np.ndarray, bins: int) -> np.ndarray:
    energy = np.abs(np.fft.rfft(framed(waveforms, "hann"), 1024)) ** 2
    return np.log(energy @ mel_bands(bins) + FLOOR)


def test_log_mel_is_that_of_numpy() -> None:
    found = LogMel(RATE)(sounds())
    assert found.shape == (3, 21, 40)
    np.testing.assert_allclose(found, log_mel(sounds(), 40), rtol=1e-3, atol=2e-2)


def test_mfcc_is_that_of_scipy() -> None:
    expected = scipy.fft.dct(log_mel(sounds(), 40), norm="ortho")[..., :13]
    found = MFCC(RATE, bins=13)(sounds())
    assert found.shape == (3, 21, 13)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=5e-2)


def test_lpc_solves_the_normal_equations() -> None:
    order = 12
    found = LPC(RATE, bins=order)(sounds()).numpy()
    assert found.shape == (3, 21, order + 1)
    for sound, frames in zip(found, framed(sounds(), "hamming"), strict=True):
        for numbers, frame in zip(sound, frames, strict=True):
            lags = np.correlate(frame, frame, "full")[LENGTH - 1 : LENGTH + order]
            lags[0] += WHITE * lags[0] + FLOOR
            expected = scipy.linalg.solve_toeplitz(lags[:-1], lags[1:])
            np.testing.assert_allclose(numbers[:-1], expected, rtol=1e-3, atol=1e-3)
            left = np.log(lags[0] - lags[1:] @ expected)
            np.testing.assert_allclose(numbers[-1], left, rtol=1e-3, atol=1e-3)


def test_lpc_finds_the_filter_that_made_a_sound() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 16_000)
    sound = scipy.signal.lfilter([1.0], [1.0, -1.2, 0.7, -0.2], noise).astype(np.float32)
    found = LPC(RATE, bins=3)(sound[None]).numpy()[0, :-2, :-1].mean(axis=0)
    np.testing.assert_allclose(found, [1.2, -0.7, 0.2], atol=0.05)


def test_a_higher_tone_lies_in_a_higher_band() -> None:
    tones = np.stack([tone(pitch, 0.2) for pitch in (200, 800, 3_200)]).astype(np.float32)
    peaks = LogMel(RATE)(tones).numpy()[:, 2].argmax(axis=1)
    assert peaks[0] + 5 < peaks[1] < peaks[2] - 5


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_silence_and_full_scale_give_finite_frames_of_the_promised_shape(name: str) -> None:
    front = FRONT_ENDS[name](RATE)
    loud = np.sign(tone(50, 0.33))
    found = front(np.stack([np.zeros_like(loud), loud]).astype(np.float32))
    assert found.shape == (2, front.frames(len(loud)), front.width)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 100  # far from what 16 bits hold


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_front_ends_come_back_from_their_config(name: str) -> None:
    front = FRONT_ENDS[name](22_050, window=0.04, hop=0.01, bins=7)
    copy = tf.keras.layers.deserialize(tf.keras.layers.serialize(front))
    assert isinstance(copy, FrontEnd)
    assert copy.get_config() == front.get_config()
    sound = tone(440, 0.1, 22_050)[None].astype(np.float32)
    np.testing.assert_array_equal(copy(sound), front(sound))


def test_the_mask_ends_with_the_sound() -> None:
    mask = LogMel(RATE).mask(tf.constant([0, 1, 400, 401, 1_600]), 4).numpy()
    assert mask.sum(axis=1).tolist() == [0, 1, 1, 2, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogMel(0), "rate must be an integer of 1 or more, but got 0"),
        (lambda: LogMel(RATE, window=0), "window must be seconds, two samples or more at 16,000"),
        (lambda: LogMel(RATE, hop=1e-9), "hop must be seconds"),
        (lambda: MFCC(RATE, bins=41), "bins must be 40 cepstral coefficients at most.*got 41"),
        (lambda: LPC(RATE, bins=800), r"fewer coefficients than a frame has samples \(800\)"),
    ],
)
def test_what_cannot_work_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
