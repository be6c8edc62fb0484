"""Sentences, names of aspects, their synonyms, and the table that they end in."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest

from tfmm.tasks.reviews.opinions.collect import AGAINST, FOR, NEITHER, Opinion
from tfmm.tasks.reviews.opinions.names import aspect_names, mentions
from tfmm.tasks.reviews.opinions.sentences import around, clauses, sentences
from tfmm.tasks.reviews.opinions.synonyms import merged
from tfmm.tasks.reviews.opinions.table import features_of, pros_and_cons, write_table


def test_sentences_end_at_marks_and_know_their_place():
    text = "It is 3.5 cm. Great! 很好！不错\n\nLast"
    pieces = sentences(text)
    assert [one.text for one in pieces] == ["It is 3.5 cm.", "Great!", "很好！", "不错", "Last"]
    assert all(text[one.start :].startswith(one.text) for one in pieces)
    assert around(pieces, text.index("不错")) == "不错"
    assert sentences(" \n ") == []


def test_clauses_end_where_a_text_turns():
    assert [one.text for one in clauses("the fit is great but the fabric is thin, sadly")] == [
        "the fit is great",
        "but the fabric is thin,",
        "sadly",
    ]
    assert [one.text for one in clauses("质量很好但是物流太慢")] == ["质量很好", "但是物流太慢"]
    assert [one.text for one in clauses("1,000 pieces")] == ["1,000 pieces"]


def test_names_are_what_something_is_said_of():
    texts = [
        "The fabric is thin",
        "the soft fabric looks cheap",
        "这个质量很好",
        "，质量太差",
    ]
    assert aspect_names(texts, at_least=2) == ["fabric", "质量"]
    assert aspect_names(["only the thing is bad"] * 3, at_least=1) == []


def test_mentions_are_words_of_their_own():
    assert mentions("Fit: outfit, fit.", ["fit"]) == [("fit", 0), ("fit", 13)]
    assert mentions("这质量质量", ["质量"]) == [("质量", 1), ("质量", 3)]


def alike(*groups):
    """Vectors that are equal within a group and at right angles between them."""

    def vectors(names, contexts):
        of = {name: place for place, group in enumerate(groups) for name in group}
        return np.eye(len(groups))[[of[name] for name in names]]

    return vectors


def test_names_that_mean_the_same_go_under_the_most_frequent():
    names = ["The fabric", "fabric", "material", "Sizes", "size", "size", "fabric"]
    found = merged(names, names, alike(["fabric", "material"], ["size"]), 0.9)
    assert found == {
        "The fabric": "fabric",
        "fabric": "fabric",
        "material": "fabric",
        "Sizes": "size",
        "size": "size",
    }
    assert merged([], [], alike([]), 0.9) == {}


OPINIONS = [
    Opinion(0, "", FOR, 0.9, "Love it."),
    Opinion(0, "fabric", FOR, 0.8, "The fabric is soft and warm."),
    Opinion(0, "fabric", AGAINST, 0.6, "The fabric is a bit thin."),
    Opinion(1, "", AGAINST, 0.7, "No."),
    Opinion(1, "material", AGAINST, 0.95, "This material itches a lot."),
    Opinion(2, "fabric", NEITHER, 0.5, "fabric"),
    Opinion(3, "fabric", FOR, 0.9, "Nobody's fabric, of no item."),
    Opinion(2, "a|b", FOR, 0.9, "a|b works as it should."),
]
UNDER = {"fabric": "fabric", "material": "fabric", "a|b": "a|b"}
ITEM = np.array([1, 1, 0, -1])
IDS = np.array(["帽子/1", "é 2"], object)


def test_a_review_counts_once_for_each_aspect_of_its_product():
    rows = pros_and_cons(OPINIONS, UNDER, ITEM, IDS).to_pylist()
    assert [(row["item"], row["aspect"], row["pros"], row["cons"]) for row in rows] == [
        ("帽子/1", "a|b", 1, 0),
        ("帽子/1", "fabric", 0, 0),
        ("é 2", "", 1, 1),
        ("é 2", "fabric", 1, 1),
    ]
    fabric = rows[-1]
    assert fabric["called"] == ["fabric", "material"]
    assert fabric["blame"] == ["This material itches a lot.", "The fabric is a bit thin."]
    assert fabric["praise"] == ["The fabric is soft and warm."]
    assert fabric["confidence"] == pytest.approx((0.8 + 0.95) / 2)


def test_aspects_that_too_few_speak_of_are_left_out():
    rows = pros_and_cons(OPINIONS, UNDER, ITEM, IDS, at_least=2).to_pylist()
    assert [(row["item"], row["aspect"]) for row in rows] == [("é 2", ""), ("é 2", "fabric")]


def test_features_are_a_row_a_product(tmp_path):
    opinions = [*OPINIONS, Opinion(0, "zip", AGAINST, 0.9, "zip"), Opinion(0, "cut", FOR, 0.9, "")]
    under = UNDER | {"zip": "zip", "cut": "cut"}
    table = features_of(pros_and_cons(opinions, under, ITEM, IDS))
    write_table(table, tmp_path / "new" / "features.parquet")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["features.parquet"]
    assert pq.read_table(tmp_path / "new" / "features.parquet").to_pylist() == [
        {"id": "帽子/1", "praised": "a/b", "blamed": "", "liked": None, "reviews": 0},
        {"id": "é 2", "praised": "cut", "blamed": "zip", "liked": 0.5, "reviews": 2},
    ]
