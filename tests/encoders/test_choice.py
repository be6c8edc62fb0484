"""Encoders as run files choose them."""

import pytest

from tfmm.encoders.choice import make_encoder


def test_the_length_of_vectors_is_the_models_to_say():
    with pytest.raises(
        ValueError, match=r"encoder 'bag' of kind 'text' is given dim=8.*items\.dim"
    ):
        make_encoder("text", {"name": "bag", "dim": 8}, 16)
    assert make_encoder("text", "bag", 16).dim == 16
