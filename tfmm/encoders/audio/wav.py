"""WAV files to waveforms, with standard TensorFlow ops only, so that a SavedModel takes bytes."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import tensorflow as tf

from tfmm.data.media.audio import EXTENSIBLE, RATES, SAMPLES, UNKNOWN_SIZE

#: Up to this share of the lower of the two rates' bands, resampling leaves frequencies as they are.
PASS = 0.9
#: Sound past the end that resampling still looks at, in seconds, and silence after that.
MARGIN = 0.5


def read_wavs(files: tf.Tensor, rate: int, seconds: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Waveforms of WAV files, mixed to mono, at one rate and of one length.

    Reads PCM of 8, 16, 24 and 32 bits and 32-bit floating point, WAVE_FORMAT_EXTENSIBLE included,
    of any number of channels, at 8 to 192 kHz. Chunks other than `fmt ` and `data` are skipped.

    Args:
        files: string `[n]`, the bytes of each file; "" stands for a missing one.
        rate: samples a second of the waveforms, in Hz.
        seconds: their length: what is longer is cut at its end, what is shorter is followed by
            silence.

    Returns:
        Waveforms float32 `[n, S]` of -1 to 1, S = rate · seconds, and how many samples of each are
        sound, int32 `[n]`.

    Raises:
        tf.errors.InvalidArgumentError: a file is no such WAV, or is cut short; says what came and
            what was expected.
    """
    return _reader(rate, seconds)(files)


@lru_cache
def _reader(rate: int, seconds: float) -> Any:
    """`read_wavs` as a function that is traced once."""
    size = round(rate * seconds)

    def read(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cond(
            tf.strings.length(data) > 0,
            lambda: _read(data, rate, seconds),
            lambda: (tf.zeros([size]), tf.constant(0)),
        )

    spec = (tf.TensorSpec([size], tf.float32), tf.TensorSpec([], tf.int32))
    return tf.function(
        lambda files: tf.map_fn(read, files, fn_output_signature=spec),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )


def resample(samples: tf.Tensor, given: tf.Tensor, rate: int, seconds: float) -> tf.Tensor:
    """A waveform at another rate, by band-limited interpolation in the frequency domain.

    The spectrum of the lower rate is kept to 0.9 of its band and falls to nothing at its end as
    half a cosine, which is convolution with a windowed sinc. For sound below 0.8 of the band the
    result is that of `scipy.signal.resample_poly` to 1e-5 of full scale under a filter of 128 zero
    crossings, and to 2e-3 under the short one that it makes itself.

    Args:
        samples: float32 `[m]`.
        given: their rate in Hz, an integer scalar.
        rate: the rate of the result, in Hz.
        seconds: the length of the result; samples more than half a second past it play no part.

    Returns:
        float32 `[rate · seconds]`, with silence where the samples have ended.
    """
    # Whole seconds have whole numbers of samples at either rate, and bins of equal width.
    whole = math.ceil(seconds + 2 * MARGIN)
    many, size = whole * tf.cast(given, tf.int32), whole * rate
    spectrum = tf.signal.rfft(samples[: _heard(given, seconds)], [many])
    shared = tf.minimum(many, size) // 2
    place = tf.range(shared + 1, dtype=tf.float32) / tf.cast(shared, tf.float32)
    fall = tf.clip_by_value((place - PASS) / (1.0 - PASS), 0.0, 1.0)
    weight = tf.where(tf.equal(many, size), tf.ones_like(fall), 0.5 + 0.5 * tf.cos(math.pi * fall))
    kept = spectrum[: shared + 1] * tf.cast(weight, tf.complex64)
    kept = tf.pad(kept, [[0, size // 2 - shared]])
    scale = tf.cast(size, tf.float32) / tf.cast(many, tf.float32)
    return tf.signal.irfft(kept, [size])[: round(rate * seconds)] * scale


def _read(data: tf.Tensor, rate: int, seconds: float) -> tuple[tf.Tensor, tf.Tensor]:
    fmt, start, announced = _chunks(data)
    length = _length(data)
    coding, channels, given, bits = (
        _integer(data, fmt + at, width) for at, width in ((0, 2), (2, 2), (4, 4), (14, 2))
    )
    sub = tf.minimum(fmt + 24, length - 2)
    coding = tf.where(coding == EXTENSIBLE, _integer(data, sub, 2), coding)
    kinds = tf.constant(SAMPLES, tf.int64)
    fits = (kinds[:, 0] == coding) & (kinds[:, 1] == bits)
    announced = tf.where(announced == UNKNOWN_SIZE, length - start, announced)
    checks = [
        _require(
            tf.reduce_any(fits),
            "the WAV holds samples of coding ", coding, " and ", bits, " bits, expected PCM "
            "(coding 1) of 8, 16, 24 or 32 bits or floating point (coding 3) of 32",
        ),
        _require(
            (given >= RATES[0]) & (given <= RATES[1]),
            "the WAV has ", given, f" samples a second, expected {RATES[0]} to {RATES[1]}",
        ),
        _require(channels > 0, "the WAV has no channel, expected one or more"),
        _require(
            start + announced <= length,
            "the WAV is cut short: ", announced, " bytes of sound expected, ", length - start,
            " there",
        ),
    ]  # fmt: skip
    with tf.control_dependencies(checks):
        frame = channels * bits // 8
    # Only what is heard is decoded.
    frames = tf.minimum(announced // frame, _heard(given, seconds))
    raw = tf.strings.substr(data, start, frames * frame)
    flat = tf.switch_case(
        tf.argmax(tf.cast(fits, tf.int32), output_type=tf.int32),
        [lambda decode=decode: decode(raw) for decode in _DECODERS],
    )
    mono = tf.reduce_mean(tf.reshape(flat, tf.stack([frames, channels])), axis=1)
    mono = tf.clip_by_value(tf.where(tf.math.is_finite(mono), mono, tf.zeros_like(mono)), -1.0, 1.0)
    size = round(rate * seconds)
    count = tf.minimum((frames * rate + given - 1) // given, size)
    waveform = tf.ensure_shape(resample(mono, given, rate, seconds), [size])
    # What resampling lets ring on past the end.
    waveform = tf.where(tf.range(size, dtype=tf.int64) < count, waveform, tf.zeros_like(waveform))
    return waveform, tf.cast(count, tf.int32)


def _chunks(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Where the chunk `fmt ` begins, where the sound begins, and its size, int64 scalars."""
    length = _length(data)
    riff = tf.strings.substr(data, 0, 4) == "RIFF"
    wave = tf.strings.substr(data, tf.minimum(length, 8), 4) == "WAVE"
    nowhere = tf.constant(-1, tf.int64)

    def step(at: tf.Tensor, fmt: tf.Tensor, start: tf.Tensor, size: tf.Tensor) -> list[tf.Tensor]:
        name, here = tf.strings.substr(data, at, 4), _integer(data, at + 4, 4)
        # The pad byte of a chunk of odd size may lie past the end.
        following = tf.minimum(at + 8 + here + here % 2, length)
        sound = name == "data"
        return [
            following,
            tf.where(name == "fmt ", at + 8, fmt),
            tf.where(sound, at + 8, start),
            tf.where(sound, here, size),
        ]

    with tf.control_dependencies(
        [_require(riff & wave, "expected the bytes of a WAV file, got ", length, " of another")]
    ):
        first = tf.constant(12, tf.int64)
    _, fmt, start, size = tf.while_loop(
        lambda at, fmt, start, size: (start < 0) & (at + 8 <= length),
        step,
        [first, nowhere, nowhere, tf.zeros([], tf.int64)],
    )
    checks = [
        _require(start >= 0, "the WAV lacks the chunk `data` with its sound"),
        _require((fmt >= 0) & (fmt + 16 <= length), "the WAV lacks the chunk `fmt ` before `data`"),
    ]
    with tf.control_dependencies(checks):
        return tf.identity(fmt), tf.identity(start), tf.identity(size)


def _heard(given: tf.Tensor, seconds: float) -> tf.Tensor:
    """How many samples of a file play a part, int64."""
    return tf.cast(tf.cast(given, tf.float64) * (seconds + MARGIN), tf.int64)


def _length(data: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(data), tf.int64)


def _integer(data: tf.Tensor, at: tf.Tensor, width: int) -> tf.Tensor:
    """The unsigned integer of `width` bytes that begins at `at`, int64."""
    parts = tf.io.decode_raw(tf.strings.substr(data, at, width), tf.uint8)
    places = tf.constant([256**place for place in range(width)], tf.int64)
    return tf.reduce_sum(tf.cast(parts, tf.int64) * places)


def _require(condition: tf.Tensor, *message: str | tf.Tensor) -> tf.Operation:
    parts = [part if isinstance(part, str) else tf.strings.as_string(part) for part in message]
    return tf.debugging.Assert(condition, [tf.strings.join(parts)])


def _pcm24(raw: tf.Tensor) -> tf.Tensor:
    parts = tf.reshape(tf.cast(tf.io.decode_raw(raw, tf.uint8), tf.float32), [-1, 3])
    value = tf.linalg.matvec(parts, tf.constant([1.0, 256.0, 65536.0]))
    return tf.where(value >= 2.0**23, value - 2.0**24, value) / 2.0**23


#: In the order of `SAMPLES`: bytes, a string scalar, to float32 `[samples]`.
_DECODERS = (
    lambda raw: (tf.cast(tf.io.decode_raw(raw, tf.uint8), tf.float32) - 128.0) / 128.0,
    lambda raw: tf.cast(tf.io.decode_raw(raw, tf.int16), tf.float32) / 2.0**15,
    _pcm24,
    lambda raw: tf.cast(tf.io.decode_raw(raw, tf.int32), tf.float32) / 2.0**31,
    lambda raw: tf.io.decode_raw(raw, tf.float32),
)
