"""The chain of tags against every way there is, and tags against the places of slots."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfmm.tasks.dialogue.chain import Chain
from tfmm.tasks.dialogue.model import packed
from tfmm.tasks.dialogue.spans import spans_of, tags_of

TAGS = 5


@pytest.fixture(scope="module")
def chain():
    chance = np.random.default_rng(3)
    made = Chain(2)
    made.steps.assign(chance.normal(size=(TAGS, TAGS)))
    scores = chance.normal(size=(3, 4, TAGS)).astype(np.float32)
    return made, scores, np.array([4, 2, 0], np.int32)


def ways(steps, scores):
    """The weight of every sequence of tags that there may be, by the definition."""
    found = {}
    for tags in itertools.product(range(TAGS), repeat=len(scores)):
        if any(b in (2, 4) and a not in (b, b - 1) for a, b in itertools.pairwise((0, *tags))):
            continue
        own = sum(scores[at, tag] for at, tag in enumerate(tags))
        found[tags] = own + sum(steps[a, b] for a, b in itertools.pairwise(tags))
    return found


@pytest.mark.parametrize("row", [0, 1])
def test_likelihoods_best_ways_and_probabilities_are_those_of_all_ways(chain, row):
    made, scores, lengths = chain
    n = lengths[row]
    found = ways(made.steps.numpy(), scores[row, :n])
    total = np.logaddexp.reduce(list(found.values()))
    best = max(found, key=found.get)
    tags, sure = made.best(scores, lengths)
    assert tuple(tags[row, :n].numpy()) == best
    assert not tags[row, n:].numpy().any()
    each = [
        sum(np.exp(weight - total) for way, weight in found.items() if way[at] == best[at])
        for at in range(n)
    ]
    np.testing.assert_allclose(sure[row, :n], each, rtol=1e-4)
    given = np.zeros((3, 4), np.int32)
    for way, weight in list(found.items())[::7]:
        given[row, :n] = way
        likely = made.log_likelihood(scores, given, lengths)[row]
        np.testing.assert_allclose(likely, weight - total, rtol=1e-4, atol=1e-4)


def test_a_text_without_tokens_has_no_tags(chain):
    made, scores, lengths = chain
    tags, sure = made.best(scores, lengths)
    assert not tags[2].numpy().any()
    assert not sure[2].numpy().any()
    assert made.log_likelihood(scores, np.zeros((3, 4), np.int32), lengths)[2] == 0


def test_slots_become_tags_and_tags_become_slots():
    start, end = np.array([0, 0, 4, 9, 14, 0]), np.array([0, 3, 8, 13, 17, 0])
    slots = [("time", 4, 13), ("who", 14, 17), ("unknown", 0, 3)]
    tags = tags_of(slots, start, end, {"time": 0, "who": 1})
    assert tags.tolist() == [0, 0, 1, 2, 3, 0]
    sure = tf.constant([[1, 1, 0.9, 0.5, 0.7, 1]], tf.float32)
    found = spans_of(*(tf.constant([row]) for row in (tags,)), sure, *_rows(start, end))
    assert [values.to_list()[0] for values in found[:3]] == [[0, 1], [4, 14], [13, 17]]
    np.testing.assert_allclose(found[3].flat_values, [0.5, 0.7])


def _rows(*values):
    return [tf.constant([value], tf.int32) for value in values]


def test_neighbouring_slots_of_one_name_stay_apart():
    tags = tf.constant([[1, 1, 2, 0], [0, 0, 0, 0]])
    places = tf.constant([[0, 2, 4, 6]] * 2), tf.constant([[1, 3, 5, 7]] * 2)
    slot, start, end, _ = spans_of(tags, tf.ones([2, 4]), *places)
    assert slot.to_list() == [[0, 0], []]
    assert (start.to_list()[0], end.to_list()[0]) == ([0, 2], [1, 5])


def test_what_counts_moves_to_the_front():
    mask = tf.constant([[False, True, False, True], [False] * 4])
    values = tf.constant([[1, 2, 3, 4], [5, 6, 7, 8]])
    moved, deep, lengths = packed(mask, values, tf.stack([values, values], axis=2))
    assert moved.numpy().tolist() == [[2, 4], [0, 0]]
    assert deep[0, :, 1].numpy().tolist() == [2, 4]
    assert lengths.numpy().tolist() == [2, 0]


def test_texts_of_one_token_are_padded_to_two():
    moved, lengths = packed(tf.constant([[True], [False]]), tf.constant([[7], [8]]))
    assert moved.numpy().tolist() == [[7, 0], [0, 0]]
    assert lengths.numpy().tolist() == [1, 0]
