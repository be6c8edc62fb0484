"""Scripted dialogues over gRPC: how many are held as expected, turn by turn."""

from __future__ import annotations

import pytest

from tests.serving.assistant.dialogues import Dialogue, Talk, dialogues, fashion_dialogues

HELD = [one for half in ("tuning", "held_out") for one in dialogues(half)]


def test_the_corpus_is_as_large_and_varied_as_it_says():
    fashion = [one for half in ("tuning", "held_out") for one in fashion_dialogues(half)]
    assert len([one for one in HELD if one.file.startswith("en_")]) == 44
    assert len([one for one in HELD if one.file.startswith("zh_")]) == 44
    assert len(fashion) == 8
    assert len(dialogues("held_out")) == 28
    assert all(3 <= len(one.turns) <= 8 for one in HELD)
    turns = [turn for one in HELD for turn in one.turns]
    assert sum("image" in turn for turn in turns) == 8
    assert sum("speak" in turn for turn in turns) == 2


@pytest.mark.parametrize("dialogue", dialogues("tuning"), ids=lambda one: f"{one.file}: {one.name}")
def test_what_was_tuned_on_goes_as_scripted(talk: Talk, dialogue: Dialogue):
    if dialogue.spoken:
        pytest.skip("spoken turns need a recogniser: benchmarks/assistant.py")
    faults = [(turn, answer.text, found) for turn, answer, found in talk.hold(dialogue) if found]
    assert faults == []
