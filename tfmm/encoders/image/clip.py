"""The two sides of CLIP, which keras-hub keeps in one backbone, each as a model of its own."""

from __future__ import annotations

from typing import Any


def two_sided(backbone: Any) -> bool:
    """Whether a keras-hub backbone reads pictures and text, and compares them as CLIP does."""
    return hasattr(backbone, "get_vision_embeddings") and hasattr(backbone, "get_text_embeddings")


def text_side(backbone: Any) -> Any:
    """Token ids int32 `[n, T]` to vectors `[n, D]` in the space of `picture_side`.

    The vector is the projected state of the token that ends the text (Radford et al.,
    arXiv:2103.00020).
    """
    import keras

    ids = backbone.text_encoder.input["token_ids"]
    state = backbone.text_pooler(backbone.text_encoder.output, ids)
    return keras.Model({"token_ids": ids}, backbone.text_projection(state))


def picture_side(backbone: Any) -> Any:
    """Scaled pictures float `[n, h, w, 3]` to vectors `[n, D]` in the space of `text_side`."""
    import keras

    pictures = backbone.vision_encoder.input
    pictures = pictures["images"] if isinstance(pictures, dict) else pictures
    state = backbone.vision_pooler(backbone.vision_encoder.output)
    return keras.Model(pictures, backbone.vision_projection(state))
