"""Simple models of labels: what they learn from, and how they are tuned."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from tfmm.baselines import classes

TEXTS = ["red wool hat", "red hat", "blue coat", "blue wool coat", "羊毛帽子", "羊毛大衣"] * 6
CODES = np.array([0, 0, 1, 1, 0, 1] * 6)
HAS = np.eye(2, dtype=bool)[CODES]
TRAIN, VALID, TEST = np.arange(18), np.arange(18, 24), np.arange(24, 36)
PARTS = (TRAIN, VALID, np.arange(24))


def accuracy(found: np.ndarray, has: np.ndarray) -> float:
    return float((found.argmax(axis=1) == has.argmax(axis=1)).mean())


def test_majority_is_the_share_of_each_label() -> None:
    np.testing.assert_allclose(classes.majority(HAS, np.arange(5)), [0.6, 0.4])


def test_words_and_characters_are_read_in_any_language_and_learned_from_training_alone() -> None:
    inputs = classes.text_inputs([*TEXTS[:-1], "unseen"], TRAIN)
    assert inputs.shape[0] == 36
    assert inputs[-1].nnz < inputs[0].nnz
    found, strength = classes.tuned(
        classes.regression, classes.STRENGTHS, inputs, HAS, PARTS, TEST, accuracy, False
    )
    assert strength in classes.STRENGTHS
    assert accuracy(found[:-1], HAS[TEST][:-1]) == 1
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_texts_without_a_word_are_no_error() -> None:
    assert classes.text_inputs(["", " ", "?"], np.arange(2)).shape[0] == 3


@pytest.mark.parametrize(
    ("make", "values"),
    [(classes.regression, classes.STRENGTHS), (classes.neighbours, classes.NEIGHBOURS)],
)
def test_vectors_are_learned_from(make, values) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(36, 8)).astype(np.float32) * 100
    vectors[:, 3] += 400 * CODES
    inputs = classes.scaled(vectors, TRAIN)
    np.testing.assert_allclose(inputs[TRAIN].std(axis=0), 1, rtol=1e-4)
    found, _ = classes.tuned(make, values, inputs, HAS, PARTS, TEST, accuracy, False)
    assert accuracy(found, HAS[TEST]) > 0.9


def test_the_value_is_that_which_is_best_on_validation() -> None:
    """Each value is a model that always answers it; validation and test differ in what is right."""
    has = HAS.copy()
    has[VALID], has[TEST] = [False, True], [True, False]
    found, value = classes.tuned(
        lambda value, several: DummyClassifier(strategy="constant", constant=value),
        (0, 1),
        np.ones((36, 1)),
        has,
        PARTS,
        TEST,
        accuracy,
        False,
    )
    assert value == 1
    assert accuracy(found, has[TEST]) == 0


def test_several_labels_among_them_one_that_every_item_has_and_one_that_none_has() -> None:
    has = np.concatenate([HAS, np.ones((36, 1), bool), np.zeros((36, 1), bool)], axis=1)
    inputs = classes.text_inputs(TEXTS, TRAIN)
    found, _ = classes.tuned(
        classes.regression,
        (10.0,),
        inputs,
        has,
        PARTS,
        TEST,
        lambda given, truth: float(((given > 0.5) == truth).mean()),
        True,
    )
    np.testing.assert_array_equal(found[:, 2:], np.tile([1, 0], (12, 1)))
    assert ((found > 0.5) == has[TEST]).all()


def test_a_single_label_in_training_is_the_answer() -> None:
    inputs = np.ones((36, 2))
    found, _ = classes.tuned(
        classes.regression,
        (1.0,),
        inputs,
        np.eye(2, dtype=bool)[np.zeros(36, int)],
        PARTS,
        TEST,
        accuracy,
        False,
    )
    np.testing.assert_array_equal(found, np.tile([1, 0], (12, 1)))
