"""Metrics of searches, against counting by hand."""

import numpy as np
import pytest
import scipy.sparse as sp

from tfmm.tasks.search.measure import (
    both_ways,
    category_precision,
    same_group,
    search_metrics,
    vector_metrics,
)

RNG = np.random.default_rng(0)


def by_hand(scores, relevant, ks):
    rows = []
    for values, right in zip(scores, relevant, strict=True):
        if right.any():
            order = np.argsort(-values, kind="stable")
            rows.append(right[order])
    out = {"mrr": np.mean([1 / (1 + np.argmax(row)) for row in rows]), "queries": len(rows)}
    for k in ks:
        out[f"recall@{k}"] = np.mean([row[:k].sum() / row.sum() for row in rows])
        out[f"hit@{k}"] = np.mean([row[:k].any() for row in rows])
        out[f"precision@{k}"] = np.mean([row[:k].sum() / k for row in rows])
    return out


def test_metrics_are_those_of_a_full_sort():
    scores, relevant = RNG.normal(size=(20, 50)), RNG.random((20, 50)) < 0.1
    relevant[4] = False
    expected = by_hand(scores, relevant, (1, 5, 10))
    assert search_metrics(scores, relevant) == pytest.approx(expected)
    assert search_metrics(scores, sp.csr_array(relevant)) == pytest.approx(expected)


def test_vectors_give_what_their_scores_give(monkeypatch):
    queries, items, bias = RNG.normal(size=(9, 4)), RNG.normal(size=(30, 4)), RNG.normal(size=30)
    relevant = RNG.random((9, 30)) < 0.2
    monkeypatch.setattr("tfmm.tasks.search.measure._BLOCK", 60)  # two queries at a time
    found = vector_metrics(queries, items, relevant, (3,), bias=bias)
    assert found == pytest.approx(search_metrics(queries @ items.T + bias, relevant, (3,)))


def test_a_model_that_scores_everything_alike_finds_nothing():
    found = search_metrics(np.zeros((5, 100)), np.eye(5, 100))
    assert found["recall@10"] == 0
    assert found["mrr"] == pytest.approx(0.01)


def test_of_equal_scores_only_the_wrong_ones_stand_before():
    scores = np.array([[0.9, 0.5, 0.5, 0.5, 0.1, 0.1]])
    right = np.array([[False, True, False, True, True, False]])
    found = search_metrics(scores, right, (2, 3, 4, 6))
    # Ranks 3 and 4 (after .9 and the wrong .5), and 6.
    assert found["mrr"] == pytest.approx(1 / 3)
    assert [found[f"recall@{k}"] for k in (2, 3, 4, 6)] == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_everything_of_a_group_is_right_both_ways():
    groups = np.array([0, 0, 1, 2])
    texts = np.eye(3)[groups]
    assert same_group(groups, np.array([1, 3])).toarray().tolist() == [[1, 1, 0, 0], [0, 0, 0, 1]]
    found = both_ways(texts, texts, groups, ks=(2,))
    assert found["text_to_picture"]["recall@2"] == found["picture_to_text"]["recall@2"] == 1
    asked = both_ways(texts, texts, groups, np.array([2]), ks=(2,))
    assert asked["text_to_picture"]["queries"] == 1


def test_a_category_is_asked_for_by_its_name():
    items = np.array([[1.0, 0], [0.9, 0], [0, 1.0], [0.5, 0]])
    found = category_precision(
        {"hats": np.array([1.0, 0]), "bags": np.array([0, 1.0])},
        items,
        ["hats", "hats", "bags", "bags"],
        (2,),
    )
    assert found["precision@2"] == pytest.approx((1.0 + 0.5) / 2)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match=r"same shape .* \[2, 3\] and \[3, 2\]"):
        search_metrics(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="NaN"):
        search_metrics(np.full((1, 3), np.nan), np.ones((1, 3)))
    with pytest.raises(ValueError, match="`relevant` is empty"):
        search_metrics(np.zeros((2, 3)), np.zeros((2, 3)))
