"""Conversations are kept, restored and told."""

from __future__ import annotations

import json

import pytest

from tfmm.serving.assistant import Assistant, State, StateError
from tfmm.serving.assistant.filters import Filters

PICTURE = "00004.jpg"


def test_a_conversation_goes_on_where_it_was_saved(
    assistant: Assistant, served, client, talk, tmp_path
):
    assistant.say("something blue", image=talk.images / PICTURE)
    assistant.say("between 20 and 60")
    assistant.say("tell me about the second")
    file = assistant.state.save(tmp_path / "新" / "state.json")
    other = Assistant(client, served.catalog, state=State.load(file))
    assert other.state == assistant.state
    for said in ("not patterned", "more like the second", "cheaper", "compare them"):
        one, two = assistant.say(said), other.say(said)
        assert (one.text, one.products, one.state) == (two.text, two.products, two.state)
    assert [path.name for path in file.parent.iterdir()] == ["state.json"]


def test_every_turn_can_be_read(assistant: Assistant):
    assistant.say("red dresses under 60")
    assistant.say("not the patterned ones")
    first, second = assistant.trace
    told = first.to_json()
    assert json.loads(json.dumps(told)) == told
    assert told["understood"]["wants"] == {"colour": ["red"], "type": ["Dresses"]}
    assert told["understood"]["ranges"] == {"price": [None, 60.0]}
    assert told["weighed"]["search"] > told["weighed"]["unknown"]
    assert told["decision"]["intent"] == "search"
    assert told["decision"]["products"] == list(assistant.trace[0].decision.products)
    assert "wants" in str(first)
    assert second.to_json()["decision"]["filters"]["without"] == ["patterned"]
    assert 0 < second.seconds < 5


def test_starting_over_keeps_the_shopper_alone(client, served):
    assistant = Assistant(client, served.catalog, shopper="s0003")
    assistant.say("red dresses")
    assistant.say("tell me about the first")
    assistant.say("start over")
    assert assistant.state == State(shopper="s0003", language="en", turn=3)


def test_a_file_that_holds_no_state_is_refused(tmp_path):
    (tmp_path / "no.json").write_text("{")
    with pytest.raises(StateError, match="holds no JSON"):
        State.load(tmp_path / "no.json")
    with pytest.raises(FileNotFoundError):
        State.load(tmp_path / "gone.json")


def test_filters_replace_take_back_and_drop():
    red = Filters({"colour": ("red",)}, ranges={"price": (None, 50.0)})
    assert red.changed(Filters({"colour": ("blue",)})).wanted == {"colour": ("blue",)}
    refused = red.changed(Filters(refused={"colour": ("red",)}))
    assert (refused.wanted, refused.refused) == ({}, {"colour": ("red",)})
    assert refused.changed(Filters({"colour": ("red",)})).refused == {}
    assert red.dropping(["price"]).ranges == {}
    assert Filters.from_json(refused.to_json()) == refused
    assert not Filters()
