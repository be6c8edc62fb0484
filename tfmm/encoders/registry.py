"""Encoders by kind and name, as a run config calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import tensorflow as tf

from tfmm.config.names import unknown
from tfmm.encoders.base import Encoder
from tfmm.encoders.configured import config_names

E = TypeVar("E", bound=type[Encoder])

DEFAULTS = {
    "text": "bag",
    "image": "cnn",
    "audio": "cnn",
    "video": "frames",
    "category": "embedding",
    "tags": "embedding",
    "number": "piecewise",
    "vector": "projection",
}

_ENCODERS: dict[str, dict[str, type[Encoder]]] = {}


def register(name: str, *, kind: str) -> Callable[[E], E]:
    """Class decorator that puts an encoder under `name` among those that read `kind`.

    ```python
    @register("colours", kind="image")
    class Colours(Encoder): ...
    ```

    Raises:
        ValueError: another class has that name already.
    """

    def add(cls: E) -> E:
        known = _ENCODERS.setdefault(kind, {})
        taken = known.get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ValueError(
                f"An encoder named {name!r} for kind {kind!r} exists already ({taken.__module__}."
                f"{taken.__qualname__}). Register {cls.__qualname__} under another name."
            )
        cls.kind, cls.registered = kind, name
        known[name] = cls
        return tf.keras.utils.register_keras_serializable(package="tfmm")(cls)

    return add


def kinds() -> list[str]:
    """The column kinds that have encoders, sorted."""
    return sorted(_ENCODERS)


def names(kind: str) -> list[str]:
    """The names of the encoders that read `kind`, sorted.

    Raises:
        ValueError: no encoder reads that kind.
    """
    return sorted(_of_kind(kind))


def describe() -> list[tuple[str, str, str]]:
    """Every encoder as kind, name and one line of what it does, sorted."""
    return [
        (kind, name, (cls.__doc__ or "").strip().splitlines()[0])
        for kind in kinds()
        for name, cls in sorted(_of_kind(kind).items())
    ]


def default(kind: str) -> str:
    """The name of the encoder that a feature of `kind` gets when the run config names none.

    Raises:
        ValueError: no encoder reads that kind.
    """
    _of_kind(kind)
    return DEFAULTS.get(kind, names(kind)[0])


def encoder_class(kind: str, name: str | None = None) -> type[Encoder]:
    """The class registered as `name` for `kind`; the kind's default without a name.

    Raises:
        ValueError: no such kind or name; the message has the nearest and all that there are.
    """
    name = default(kind) if name is None else name
    known = _of_kind(kind)
    if name not in known:
        raise ValueError(unknown(f"encoder for kind {kind!r}", name, known))
    return known[name]


def encoder(kind: str, name: str | None = None, **config: Any) -> Encoder:
    """Makes the encoder registered as `name` for `kind`; the kind's default without a name.

    ```python
    titles = encoder("text", "lstm", dim=64, max_tokens=32)
    ```

    Args:
        kind: the kind of column to read.
        name: one of `names(kind)`.
        **config: the encoder's constructor arguments; `layer_name` becomes Keras's `name`.

    Raises:
        ValueError: unknown kind, name or argument; the message has the nearest that exists.
    """
    cls = encoder_class(kind, name)
    layer_name = config.pop("layer_name", None)
    known = config_names(cls)
    for key in config:
        if key not in known:
            raise ValueError(
                unknown(f"argument of encoder {cls.registered!r} ({kind})", key, known)
            )
    return cls(name=layer_name, **config)


def _of_kind(kind: str) -> dict[str, type[Encoder]]:
    if kind not in _ENCODERS:
        raise ValueError(unknown("column kind with encoders", kind, _ENCODERS))
    return _ENCODERS[kind]
