"""Metrics, the calibrated refusal, and baselines of dialogue."""

from __future__ import annotations

import numpy as np
import pytest

from tfmm.data.texts.queries import Queries, Slot
from tfmm.tasks.base import RowParts
from tfmm.tasks.dialogue import baselines, measure
from tfmm.tasks.dialogue.calibration import probabilities_of, temperature_of
from tfmm.tasks.dialogue.labels import OUT, UNSAID, Labels
from tfmm.tasks.dialogue.scope import ALWAYS, fitted, in_scope


def test_a_slot_counts_where_its_name_and_both_ends_are_right():
    true = [(("time", 0, 3), ("who", 5, 9)), (("time", 2, 4),), ()]
    found = [[("time", 0, 3), ("who", 5, 8)], [], [("who", 0, 1)]]
    said = measure.slot_metrics(found, true)
    assert said["span_precision"] == pytest.approx(1 / 3)
    assert said["span_recall"] == pytest.approx(1 / 3)
    assert said["span_f1"] == pytest.approx(1 / 3)
    rows = {row["slot"]: row for row in measure.each_slot(found, true)}
    assert (rows["time"]["recall"], rows["time"]["spans"]) == (0.5, 2)
    assert rows["who"]["f1"] == 0
    assert measure.slot_metrics([[]], [()])["span_f1"] == 0


def test_intents_count_where_they_are_known():
    said = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.5, 0.5]])
    codes = np.array([0, 0, OUT, UNSAID])
    assert measure.intent_metrics(said, codes)["accuracy"] == 0.5
    assert measure.intent_metrics(said[2:], codes[2:]) == {}


def test_what_is_out_of_scope_is_ranked_and_calibrated():
    codes = np.array([0, 1, 1, OUT, OUT])
    said = np.array([0.9, 0.8, 0.2, 0.3, 0.1])
    found = measure.scope_metrics(said, codes, 0.4)
    assert found["scope_auc"] == pytest.approx(5 / 6)
    assert 0 < found["scope_aupr"] <= 1
    assert measure.scope_metrics(said[:3], codes[:3]) == {}
    perfect = np.array([1.0, 1.0, 1.0, 0.0, 0.0])
    assert measure.scope_metrics(perfect, codes, 0.2)["scope_calibration_error"] < 1e-9


def _logits(chance, count, height):
    logits = chance.normal(size=(count, 6))
    logits[np.arange(count), np.arange(count) % 6] += height
    return logits


def test_a_refusal_means_what_it_says():
    chance = np.random.default_rng(1)
    known, foreign = _logits(chance, 3_000, 4.0), _logits(chance, 600, 1.5)
    codes = np.concatenate([np.arange(3_000) % 6, np.full(600, OUT)])
    logits = np.concatenate([known, foreign])
    half = np.arange(len(codes)) % 2 == 0
    weights = fitted(logits[half], codes[half], share=0.3)
    said = in_scope(logits[~half], weights)
    found = measure.scope_metrics(said, codes[~half], 0.3)
    assert found["scope_auc"] > 0.9
    assert found["scope_calibration_error"] < 0.05
    # The rarer it is expected to be, the less is refused.
    rare = in_scope(logits[~half], fitted(logits[half], codes[half], share=0.01))
    assert (rare > said).mean() > 0.95


def test_without_examples_out_of_scope_every_intent_stands_for_one():
    chance = np.random.default_rng(2)
    known, foreign = _logits(chance, 1_200, 5.0), _logits(chance, 600, 0.0)
    weights = fitted(known, np.arange(1_200) % 6, share=0.5)
    assert weights != ALWAYS
    codes = np.concatenate([np.arange(1_200) % 6, np.full(600, OUT)])
    said = in_scope(np.concatenate([known, foreign]), weights)
    assert measure.scope_metrics(said, codes, 0.5)["scope_auc"] > 0.95
    assert fitted(known[:, :2], np.zeros(1_200, int), share=0.5) == ALWAYS
    assert in_scope(known, ALWAYS).min() > 0.99


def test_the_temperature_is_found():
    chance = np.random.default_rng(3)
    logits = chance.normal(size=(4_000, 5)) * 2
    codes = np.array([chance.choice(5, p=row) for row in probabilities_of(logits)])
    assert temperature_of(logits * 3, codes) == pytest.approx(3, rel=0.1)
    assert temperature_of(logits[:0], codes[:0]) == 1.0


def queries_of(texts, intents=None, slots=None):
    made = np.empty(len(texts), object)
    made[:] = slots or [()] * len(texts)
    blank = np.full(len(texts), "", object)
    given = blank if intents is None else np.array(intents, object)
    return Queries(np.array(texts, object), given, made, blank)


def test_labels_leave_out_what_is_out_of_scope():
    slots = [(Slot("大小", 0, 1),), (), ()]
    queries = queries_of(["a", "b", "c"], ["z", "oos", ""], slots)
    labels = Labels.of(queries, ["oos"])
    assert (labels.intents, labels.slots) == (("z",), ("大小",))
    assert labels.codes(queries, ["oos"]).tolist() == [0, OUT, UNSAID]
    assert Labels.from_dict(labels.to_dict()) == labels


def test_a_dictionary_knows_what_training_had():
    texts = ["a table for two", "two chairs, 六点", "red, not two", "六点 two"]
    slots = [
        (Slot("people", 12, 15),),
        (Slot("time", 12, 14),),
        (),
        (Slot("time", 0, 2), Slot("people", 3, 6)),
    ]
    queries = queries_of(texts, None, slots)
    book = baselines.Dictionary(queries, np.arange(4))
    assert book.find("六点 FOR TWO") == [("time", 0, 2), ("people", 7, 10)]
    # Of four, "two" is a slot twice; were it one once, it would be none.
    assert baselines.Dictionary(queries, np.arange(3)).find("two") == []
    assert book.find("") == []


def test_a_linear_machine_tells_words():
    texts = ["red shirt", "blue coat", "red coat", "blue shirt"] * 5
    codes = np.array([0, 1, 0, 1] * 5)
    parts = RowParts(np.arange(10), np.arange(10, 15), np.arange(15, 20))
    margins, strength = baselines.margins(texts, codes, 3, parts)
    assert (margins.argmax(axis=1) == codes[15:]).all()
    assert strength in baselines.STRENGTHS
    alone = baselines.margins(texts, np.zeros(20, int), 1, parts)[0]
    assert alone.shape == (5, 1)
    np.testing.assert_allclose(baselines.majority(codes, 3, parts), [0.53, 0.47, 0], atol=0.01)
