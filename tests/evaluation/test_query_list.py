"""Queries with judged items: their file, and the metrics of ranked lists against them."""

from __future__ import annotations

import json
import math

import pytest

from tfmm.evaluation.query_list import QueryListError, read_query_list
from tfmm.evaluation.query_metrics import mean_metrics, query_metrics


def test_metrics_by_hand():
    values = query_metrics(["x", "a", "b", "y"], {"a": 2, "b": 1, "c": 1, "y": 0}, (1, 3))
    ideal = 2 + 1 / math.log2(3) + 1 / 2
    assert values == pytest.approx(
        {
            "recall@1": 0,
            "precision@1": 0,
            "hit@1": 0,
            "hit@3": 1,
            "ndcg@1": 0,
            "recall@3": 2 / 3,
            "precision@3": 2 / 3,
            "ndcg@3": (2 / math.log2(3) + 1 / 2) / ideal,
            "mrr": 1 / 2,
        }
    )


def test_a_perfect_list_scores_one_and_a_short_one_what_it_has():
    perfect = query_metrics(["a", "b"], {"a": 3, "b": 1}, (2, 10))
    assert perfect["ndcg@2"] == perfect["ndcg@10"] == perfect["recall@10"] == perfect["mrr"] == 1
    assert perfect["precision@10"] == 0.2
    assert set(query_metrics([], {"a": 1}).values()) == {0.0}


def test_means_are_over_queries():
    both = [query_metrics(["a"], {"a": 1}, (1,)), query_metrics(["b"], {"a": 1}, (1,))]
    assert mean_metrics(both) == dict.fromkeys(
        ["recall@1", "hit@1", "precision@1", "ndcg@1", "mrr"], 0.5
    )
    with pytest.raises(ValueError, match="no queries"):
        mean_metrics([])
    with pytest.raises(ValueError, match="without relevant items"):
        query_metrics(["a"], {"a": 0})


def test_a_file_gives_relevance_by_id_by_query(tmp_path):
    file = tmp_path / "queries.json"
    file.write_text('\ufeff{"红 shoes": {"a": 2, "b": 0}, "hat": ["c", 7]}', encoding="utf-8")
    assert read_query_list(file) == {
        "红 shoes": {"a": 2.0, "b": 0.0},
        "hat": {"c": 1.0, "7": 1.0},
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "expected an object of queries, .*got list"),
        ("{}", "got an empty one"),
        ('{"a": {"x": 1}, "a": {"y": 1}}', "'a' is there twice"),
        ('{"a": {"x": 1, "x": 2}}', "'x' is there twice"),
        ('{" ": {"x": 1}}', "query ' ' is empty"),
        ('{"a": 3}', "query 'a': expected its relevant ids, .*got int"),
        ('{"a": {"x": "much"}}', "relevance of 'x' must be a number of 0 or more, got 'much'"),
        ('{"a": {"x": -1}}', "got -1"),
        ('{"a": {"x": true}}', "got True"),
        ('{"a": {"x": NaN}}', "got nan"),
        ('{"a": {"x": 0}}', "has no relevant id"),
        ('{"a": []}', "has no relevant id"),
        ("[" * 10_000, "is not JSON"),
    ],
)
def test_what_is_no_list_of_queries_says_why(content, words, tmp_path):
    file = tmp_path / "queries.json"
    file.write_text(content)
    with pytest.raises(QueryListError, match=words):
        read_query_list(file)


def test_a_missing_or_binary_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.json"):
        read_query_list(tmp_path / "no.json")
    (tmp_path / "latin.json").write_bytes(json.dumps({"a": ["b"]}).encode() + b"\xff")
    with pytest.raises(QueryListError, match="is not JSON"):
        read_query_list(tmp_path / "latin.json")
