"""Parts, classes and batches of rows of text."""

import numpy as np
import pytest

from tfmm.tasks.config import RunFileError
from tfmm.tasks.texts.batches import text_batches, text_blocks
from tfmm.tasks.texts.classes import classes_of
from tfmm.tasks.texts.parts import TextSplitConfig, text_parts


def texts(*values):
    return np.array([*values, None], object)[:-1]


def test_equal_texts_are_of_one_part():
    said = texts(
        *[
            f"{word}{' ' * (n % 3)}很{'A' if n % 2 else 'a'}"
            for n in range(3)
            for word in "abcdefghij"
        ]
    )
    parts = text_parts(said, texts(*[""] * 30), TextSplitConfig(valid=0.2, test=0.3))
    of = {}
    for name in ("train", "valid", "test"):
        for row in getattr(parts, name):
            of.setdefault(" ".join(said[row].lower().split()), set()).add(name)
    assert parts.counts() != {"train": 30}
    assert sum(parts.counts().values()) == 30
    assert all(len(names) == 1 for names in of.values())


def test_given_parts_are_taken_and_a_missing_validation_is_drawn_from_training():
    said = texts(*(f"text {n}" for n in range(22)))
    given = texts(*["train"] * 20, "test", "")
    parts = text_parts(said, given, TextSplitConfig(valid=0.1))
    assert parts.test.tolist() == [20]
    assert len(parts.valid) == 2
    assert sorted([*parts.train, *parts.valid]) == list(range(20))
    with pytest.raises(RunFileError, match="says `test` of no text"):
        text_parts(said, texts(*["train"] * 22), TextSplitConfig())


def test_a_part_that_is_left_empty_is_an_error():
    with pytest.raises(RunFileError, match="part is empty, of 2 texts"):
        text_parts(texts("a", "b"), texts("", ""), TextSplitConfig())


def test_classes_are_sorted_as_people_would():
    found = classes_of(["10", "2", "", "2", "宽", "10", "10"], min_count=2)
    assert found.names == ("2", "10")
    assert found.codes.tolist() == [1, 0, -1, 0, -1, 1, 1]
    assert found.rare == 1
    assert classes_of(["b", "c"], names=["a", "b"]).codes.tolist() == [1, -1]


ROWS = np.arange(2, 50)
LENGTHS = np.random.default_rng(0).integers(1, 30, 50)
IDS = np.where(np.arange(30) < LENGTHS[:, None], np.arange(50)[:, None] + 1, 0).astype(np.int32)
LABELS = np.arange(50, dtype=np.int32)


def epochs(first_epoch=0, count=1):
    made = text_batches(
        ROWS, {"ids": IDS}, {"label": LABELS}, LENGTHS, batch_size=7, first_epoch=first_epoch
    )
    return [[{k: v.numpy() for k, v in batch.items()} for batch in made] for _ in range(count)]


def test_an_epoch_has_every_text_once_cut_to_its_batch():
    (batches,) = epochs()
    assert sorted(np.concatenate([batch["rows"] for batch in batches])) == ROWS.tolist()
    for batch in batches:
        np.testing.assert_array_equal(batch["label"], batch["rows"])
        assert batch["ids"].shape[1] == LENGTHS[batch["rows"]].max()
        np.testing.assert_array_equal((batch["ids"] > 0).sum(axis=1), LENGTHS[batch["rows"]])
    padded = sum(batch["ids"].size for batch in batches)
    assert padded < 1.4 * LENGTHS[ROWS].sum()


def test_epochs_differ_and_a_resumed_one_is_the_same():
    one, two = epochs(count=2)
    (again,) = epochs(first_epoch=1)
    orders = [[batch["rows"].tolist() for batch in epoch] for epoch in (one, two, again)]
    assert orders[0] != orders[1]
    assert orders[1] == orders[2]


def test_blocks_have_every_text_once():
    found = np.zeros(len(ROWS), int)
    for places, block in text_blocks(ROWS, {"ids": IDS}, LENGTHS, batch_size=7):
        found[places] = block["ids"][:, 0]
    np.testing.assert_array_equal(found, ROWS + 1)


def test_no_texts_are_refused():
    with pytest.raises(ValueError, match="no texts"):
        text_batches(ROWS[:0], {"ids": IDS}, {}, LENGTHS, batch_size=7)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        text_batches(ROWS, {"ids": IDS}, {}, LENGTHS, batch_size=0)
