"""What a layer's configuration is: the arguments of its constructor."""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

import tensorflow as tf


class Configured(tf.keras.layers.Layer):
    """A layer that keeps each argument of its constructor as an attribute of that name."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        for name in config_names(type(self)):
            value = getattr(self, name)
            config[name] = list(value) if isinstance(value, (list, tuple)) else value
        return config


def config_names(layer: type) -> list[str]:
    """The constructor arguments that are a layer's configuration, those of its bases included."""
    found: dict[str, None] = {}
    for cls in layer.__mro__[: layer.__mro__.index(tf.keras.layers.Layer)]:
        if "__init__" in vars(cls):
            for parameter in list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]:
                if parameter.kind is not parameter.VAR_KEYWORD and parameter.name != "name":
                    found[parameter.name] = None
    return list(found)


def no_config(layer: tf.keras.layers.Layer, reason: str) -> NoReturn:
    """Says that a layer has no `get_config`, and why.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        f"{type(layer).__name__} {layer.name!r} has no configuration that makes it anew: {reason}"
    )
