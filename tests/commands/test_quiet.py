"""What stays off the terminal."""

from __future__ import annotations

import logging
import os
import warnings

import pytest
from PIL import Image

from tfmm.commands.quiet import quiet_tensorflow
from tfmm.data.media.images import decode_image


@pytest.fixture
def as_before(monkeypatch):
    """Puts levels and filters back."""
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"))
    loggers = [logging.getLogger(n) for n in ("tensorflow", "absl", "matplotlib.font_manager")]
    levels, form = [one.level for one in loggers], warnings.formatwarning
    yield
    for one, level in zip(loggers, levels, strict=True):
        one.setLevel(level)
    warnings.formatwarning = form


def test_pillow_says_nothing_of_single_pictures(tmp_path, monkeypatch, as_before):
    palette = Image.new("P", (8, 8))
    palette.putpalette(bytes(range(256)) * 3)
    palette.save(tmp_path / "调色板.png", transparency=bytes([0, 128, 255]))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        decode_image(tmp_path / "调色板.png")
        assert told
        told.clear()
        quiet_tensorflow()
        decode_image(tmp_path / "调色板.png")
        assert not told
