"""Encoders by name, and the messages for names that do not exist."""

from __future__ import annotations

import pytest

from tfmm import encoders
from tfmm.encoders import registry


def test_every_kind_has_its_default() -> None:
    defaults = {kind: encoders.default(kind) for kind in encoders.kinds()}
    assert defaults == {
        "text": "bag",
        "image": "cnn",
        "audio": "cnn",
        "video": "frames",
        "category": "embedding",
        "tags": "embedding",
        "number": "piecewise",
        "vector": "projection",
    }
    for kind in encoders.kinds():
        assert encoders.encoder(kind).registered == encoders.default(kind)
        assert encoders.encoder(kind).kind == kind


def test_heavy_are_those_that_cannot_run_over_everything_at_each_step() -> None:
    heavy = {
        name
        for kind in encoders.kinds()
        for name in encoders.names(kind)
        if encoders.encoder_class(kind, name).heavy
    }
    assert heavy == {"cnn", "lstm"}


def test_config_and_layer_name_reach_the_encoder() -> None:
    made = encoders.encoder("text", "bag", dim=12, max_tokens=7, layer_name="titles")
    assert (made.dim, made.max_tokens, made.name) == (12, 7, "titles")


def test_unknown_names_say_the_nearest_and_all() -> None:
    with pytest.raises(
        ValueError,
        match=r"Unknown encoder for kind 'text': 'ltsm'. Did you mean 'lstm'.*bag, bert, .*lstm",
    ):
        encoders.encoder("text", "ltsm")
    with pytest.raises(ValueError, match=r"Unknown column kind with encoders: 'txt'.*'text'"):
        encoders.names("txt")
    with pytest.raises(
        ValueError,
        match=r"Unknown argument of encoder 'lstm' \(text\): 'unit'. Did you mean 'units'",
    ):
        encoders.encoder("text", "lstm", unit=3)


def test_an_encoder_can_join_but_not_take_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    before = encoders.names("image")
    monkeypatch.setitem(registry._ENCODERS, "image", dict(registry._ENCODERS["image"]))

    @encoders.register("colours", kind="image")
    class Colours(encoders.Encoder):
        pass

    assert encoders.names("image") == sorted([*before, "colours"])
    assert isinstance(encoders.encoder("image", "colours", dim=3), Colours)
    with pytest.raises(ValueError, match="named 'colours' for kind 'image' exists already"):

        @encoders.register("colours", kind="image")
        class Others(encoders.Encoder):
            pass
