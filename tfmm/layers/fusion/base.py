"""What every fusion layer is, and how a run config names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import tensorflow as tf

from tfmm.config.names import unknown
from tfmm.encoders.base import positive, rate
from tfmm.encoders.configured import Configured, config_names

_FUSIONS: dict[str, type[Fusion]] = {}


def fusion(kind: str, dim: int = 64, **config: Any) -> Fusion:
    """Makes the fusion layer registered as `kind`.

    Args:
        kind: one of `names()`: "attention", "concat", "gated", "hybrid", "late" or "weighted".
        dim: length of the vectors that go in and of the one that comes out.
        **config: the layer's constructor arguments.

    Raises:
        ValueError: unknown kind or argument; the message has the nearest that exists.
    """
    cls = fusion_class(kind)
    known = config_names(cls)
    for key in config:
        if key not in known:
            raise ValueError(unknown(f"argument of fusion {kind!r}", key, known))
    return cls(dim, **config)


def fusion_class(kind: str) -> type[Fusion]:
    """The class registered as `kind`.

    Raises:
        ValueError: there is none; the message has the nearest that exists.
    """
    if kind not in _FUSIONS:
        raise ValueError(unknown("fusion", kind, _FUSIONS))
    return _FUSIONS[kind]


def names() -> list[str]:
    """The kinds of fusion there are, sorted."""
    return sorted(_FUSIONS)


def register(kind: str) -> Callable[[type[Fusion]], type[Fusion]]:
    def add(cls: type[Fusion]) -> type[Fusion]:
        cls.kind = kind
        _FUSIONS[kind] = cls
        return tf.keras.utils.register_keras_serializable(package="tfmm")(cls)

    return add


class Fusion(Configured):
    """Base of the fusion layers: masks, modality dropout, and the scale of the modalities.

    A missing modality has no influence on anything, its value included. Modality dropout hides
    whole modalities of an item in training, never all, so that the model learns to do without (cf.
    ModDrop, arXiv:1501.00102). Each modality's vectors pass a layer normalisation
    (arXiv:1607.06450) with a gain and bias of its own, without which weights would say as much
    about the scale of the encoders as about what the model looks at.

    Args:
        dim: length of the vectors that go in and of the one that comes out.
        modality_dropout: share of the modalities that training hides.
        normalize: whether the vectors are normalised before they are fused.
        name: Keras's layer name.
    """

    #: The name it is registered under.
    kind: ClassVar[str] = ""

    def __init__(
        self,
        dim: int = 64,
        *,
        modality_dropout: float = 0.1,
        normalize: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.dim = positive("dim", dim)
        self.modality_dropout = rate("modality_dropout", modality_dropout)
        self.normalize = bool(normalize)

    def build(self, input_shape: Any) -> None:
        shape = tf.TensorShape(input_shape).as_list()
        if len(shape) != 3 or not shape[1] or shape[2] != self.dim:
            raise ValueError(
                f"{type(self).__name__} fuses tokens of shape [n, M, {self.dim}] with M known, but "
                f"got {shape}. Give every encoder dim={self.dim}, or the fusion layer theirs."
            )
        self.modalities = shape[1]
        if self.normalize:
            shape = (self.modalities, self.dim)
            self.gain = self.add_weight(name="gain", shape=shape, initializer="ones")
            self.bias = self.add_weight(name="bias", shape=shape, initializer="zeros")
        self._make()
        super().build(input_shape)

    def call(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Fuses `tokens float [n, M, dim]`, of which those count that `mask bool [n, M]` names.

        Returns:
            The vectors, `[n, dim]`, and the weights of the modalities, `[n, M]`: 0 or more, 0 where
            missing, with sum 1. Where all modalities are missing, both are zeros.
        """
        mask = tf.cast(mask, tf.bool)
        if training and self.modality_dropout:
            mask = drop_modalities(mask, self.modality_dropout)
        if self.normalize:
            # Zeros for missing values first: a NaN there would come back through the gradient.
            # The mask stands between gain and bias: TensorFlow takes `x * gain + bias` of a batch
            # of one for its own layer norm, which wants a vector for the gain, and fails.
            scaled = self.gain * standardise(zeroed(tokens, mask))
            tokens = self.bias + zeroed(scaled, mask)
        vector, weights = self._fuse(zeroed(tokens, mask), mask, training)
        some = tf.reduce_any(mask, axis=1, keepdims=True)
        return tf.where(some, vector, 0.0), zeroed(weights, mask)

    def _make(self) -> None:
        """Makes the variables; `self.modalities` is known."""

    def _fuse(
        self, tokens: tf.Tensor, mask: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Vectors `[n, dim]` and weights `[n, M]` of tokens that are zeros where missing."""
        raise NotImplementedError


def zeroed(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """`values [n, M]` or `[n, M, d]`, zero where `mask [n, M]` is False, NaN or not."""
    if values.shape.rank == 3:
        mask = mask[:, :, None]
    return tf.where(mask, values, tf.zeros_like(values))


def masked_softmax(logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Softmax over axis 1 of `logits [n, M, ...]` where `mask` holds; zeros where it does not."""
    logits = tf.where(mask, logits, logits.dtype.min)
    shift = tf.stop_gradient(tf.reduce_max(logits, axis=1, keepdims=True))
    # Where nothing is there, the shift is the lowest number and every power is exp(0).
    powers = tf.where(mask, tf.exp(logits - shift), 0.0)
    return tf.math.divide_no_nan(powers, tf.reduce_sum(powers, axis=1, keepdims=True))


def standardise(tokens: tf.Tensor) -> tf.Tensor:
    """`tokens [n, M, d]` with mean 0 and deviation 1 over the last axis."""
    mean, variance = tf.nn.moments(tokens, axes=[2], keepdims=True)
    return (tokens - mean) * tf.math.rsqrt(variance + 1e-6)


def drop_modalities(mask: tf.Tensor, share: float) -> tf.Tensor:
    """`mask bool [n, M]` with `share` of its entries hidden, but never the last one of a row."""
    draw = tf.where(mask, tf.random.uniform(tf.shape(mask)), -1.0)
    best = tf.equal(draw, tf.reduce_max(draw, axis=1, keepdims=True))
    return mask & (best | (draw >= share))
