"""Waveforms to frames of numbers: log-mel, MFCC and linear prediction, as Keras layers."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import scipy.fft
import tensorflow as tf

from tfmm.encoders.base import positive

#: Added to energies before the logarithm; that of a sine at full scale is in the hundreds.
FLOOR = 1e-6
#: Share of the energy that is added to itself as white noise, 40 dB below, as speech coders do.
WHITE = 1e-4


class FrontEnd(tf.keras.layers.Layer):
    """Base of the front ends: waveforms `[n, S]` to frames `[n, ceil(S / hop), width]`, float32.

    Frame i begins at sample i · hop; past its end a waveform counts as silence. Nothing is learned.

    Args:
        rate: samples a second, in Hz.
        window: length of a frame in seconds.
        hop: from one frame to the next, in seconds.
        bins: how many numbers describe a frame.
        name: Keras's layer name.

    Raises:
        ValueError: for a rate, window, hop or number of bins out of range.
    """

    #: The number of bins where none is given.
    default_bins: ClassVar[int]

    def __init__(
        self,
        rate: int = 16_000,
        *,
        window: float = 0.05,
        hop: float = 0.025,
        bins: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.rate = positive("rate", rate)
        self.window, self.hop = float(window), float(hop)
        for argument, value in (("window", self.window), ("hop", self.hop)):
            if not 2 <= value * rate < math.inf:
                raise ValueError(
                    f"{argument} must be seconds, two samples or more at {rate:,} Hz, but got "
                    f"{value!r}."
                )
        self.bins = positive("bins", self.default_bins if bins is None else bins)
        self.length, self.step = round(self.window * rate), round(self.hop * rate)
        self._check_bins()

    @property
    def width(self) -> int:
        """Numbers in a frame of the result."""
        return self.bins

    def frames(self, samples: int) -> int:
        """How many frames a waveform of so many samples has."""
        return -(-samples // self.step)

    def mask(self, counts: tf.Tensor, frames: int) -> tf.Tensor:
        """Which frames begin within the sound: bool `[n, frames]`.

        Args:
            counts: int32 `[n]`, how many samples of each waveform are sound.
            frames: how many frames there are.
        """
        return tf.range(frames) * self.step < counts[:, None]

    def get_config(self) -> dict[str, Any]:
        config = {key: getattr(self, key) for key in ("rate", "window", "hop", "bins")}
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FrontEnd:
        known = ("rate", "window", "hop", "bins", "name")
        return cls(**{key: config[key] for key in known if key in config})

    def _check_bins(self) -> None:
        pass

    def _frame(self, waveforms: tf.Tensor) -> tf.Tensor:
        return tf.signal.frame(waveforms, self.length, self.step, pad_end=True)


@tf.keras.utils.register_keras_serializable(package="tfmm")
class LogMel(FrontEnd):
    """Logarithms of the energy in `bins` bands of the mel scale (Stevens et al., JASA 8, 1937).

    Hann window; the bands are triangles from 20 Hz to half the rate, in HTK's mel scale.

    Args: those of `FrontEnd`; 40 bins by default.
    """

    default_bins = 40

    def __init__(self, rate: int = 16_000, *, name: str | None = None, **config: Any) -> None:
        super().__init__(rate, name=name, **config)
        self.size = 1 << (self.length - 1).bit_length()
        self.bands = self._bands()
        lines = self.size // 2 + 1
        self.mel = np.asarray(
            tf.signal.linear_to_mel_weight_matrix(self.bands, lines, self.rate, 20.0, self.rate / 2)
        )

    def _bands(self) -> int:
        return self.bins

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        frames = self._frame(inputs) * tf.signal.hann_window(self.length)
        energy = tf.square(tf.abs(tf.signal.rfft(frames, [self.size])))
        return tf.math.log(tf.tensordot(energy, tf.constant(self.mel), 1) + FLOOR)


@tf.keras.utils.register_keras_serializable(package="tfmm")
class MFCC(LogMel):
    """Mel-frequency cepstral coefficients (Davis and Mermelstein, IEEE TASSP 28, 1980).

    The first `bins` numbers of the orthonormal discrete cosine transform (type 2) of 40 log-mel
    bands: the spectrum's coarse shape.

    Args: those of `FrontEnd`; 20 bins by default, 40 at most.
    """

    default_bins = 20

    def _bands(self) -> int:
        return LogMel.default_bins

    def _check_bins(self) -> None:
        if self.bins > LogMel.default_bins:
            raise ValueError(
                f"bins must be {LogMel.default_bins} cepstral coefficients at most, which is how "
                f"many bands there are, but got {self.bins}."
            )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        transform = scipy.fft.dct(np.eye(self.bands), norm="ortho")[:, : self.bins]
        return tf.tensordot(super().call(inputs), tf.constant(transform, tf.float32), 1)


@tf.keras.utils.register_keras_serializable(package="tfmm")
class LPC(FrontEnd):
    """Linear predictive coefficients (Makhoul, "Linear prediction: a tutorial review", 1975).

    The filter that best foretells each sample from the `bins` before it, by the autocorrelation
    method and the Levinson-Durbin recursion, under a Hamming window: a model of the vocal tract or
    an instrument's body. The logarithm of what it leaves unexplained, the excitation's energy, is
    the last number of a frame.

    Args: those of `FrontEnd`; 16 bins by default.
    """

    default_bins = 16

    @property
    def width(self) -> int:
        return self.bins + 1

    def _check_bins(self) -> None:
        if self.bins >= self.length:
            raise ValueError(
                f"bins must be fewer coefficients than a frame has samples ({self.length}), but "
                f"got {self.bins}."
            )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        frames = self._frame(inputs) * tf.signal.hamming_window(self.length)
        # In 64 bits: the recursion subtracts numbers that are nearly equal.
        lags = self.autocorrelation(tf.cast(frames, tf.float64))
        coefficients, left = levinson_durbin(lags)
        found = tf.concat([coefficients, tf.math.log(left)[..., None]], axis=-1)
        return tf.cast(found, tf.float32)

    def autocorrelation(self, frames: tf.Tensor) -> tf.Tensor:
        """Lags 0 to `bins` of frames `[..., length]`, with white noise 40 dB below added."""
        size = 1 << (self.length + self.bins - 1).bit_length()
        power = tf.square(tf.abs(tf.signal.rfft(frames, [size])))
        lags = tf.signal.irfft(tf.cast(power, tf.complex128), [size])[..., : self.bins + 1]
        noise = WHITE * lags[..., :1] + FLOOR
        return tf.concat([lags[..., :1] + noise, lags[..., 1:]], axis=-1)


def levinson_durbin(lags: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Solves the normal equations of linear prediction (Levinson 1947, Durbin 1960).

    Args:
        lags: autocorrelation at lags 0 to p, `[..., p + 1]`.

    Returns:
        Coefficients `[..., p]`, of the latest sample first, and the energy left unexplained
        `[...]`.
    """
    left = lags[..., 0]
    coefficients = lags[..., :0]
    for order in range(1, lags.shape[-1]):
        past = tf.reverse(lags[..., 1:order], axis=[-1])
        reflection = (lags[..., order] - tf.reduce_sum(coefficients * past, -1)) / left
        turned = tf.reverse(coefficients, axis=[-1])
        coefficients = tf.concat(
            [coefficients - reflection[..., None] * turned, reflection[..., None]], axis=-1
        )
        left = left * (1.0 - tf.square(reflection))
    return coefficients, left


FRONT_ENDS: dict[str, type[FrontEnd]] = {"log_mel": LogMel, "mfcc": MFCC, "lpc": LPC}
