"""Reviews, from a tiny shop to answers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.encoders.presets import write_bert
from tests.tasks.contract import TaskContract, answers
from tests.tasks.reviews.shop import run_of, write_reviews
from tfmm.training import RunFileError, load_run, train


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return write_reviews(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def run(shop, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    return train(run_of(shop), out, say=lambda _: None)


def asked(run, name="review", **inputs):
    made = run.task.signatures(run, run.task.settings(run.config, {}))
    (one,) = [signature for signature in made.signatures if signature.name == name]
    given = {key: tf.constant(value, one.inputs[key].dtype) for key, value in inputs.items()}
    return {key: value.numpy() for key, value in one.traced()(**given).items()}


class TestContract(TaskContract):
    simplest = ("accuracy", "majority")


def test_it_learns_feelings_terms_and_polarities(run):
    model = run.metrics["model"]
    assert model["accuracy"] > 0.85
    assert model["term_f1"] > 0.9
    assert model["polarity_accuracy"] > 0.85
    assert model["category_f1"] > 0.8
    baselines = run.metrics["baselines"]
    assert baselines["majority"]["polarity_accuracy"] < 0.7
    assert set(baselines["svm"]) >= {"accuracy", "polarity_accuracy", "term_f1"}


def test_one_sentence_may_praise_one_thing_and_blame_another(run):
    texts = ["the battery is great, but the staff is awful", "电池很差，服务员很好", ""]
    found = asked(run, text=texts)
    terms = [[word.decode() for word in row if word] for row in found["term"]]
    assert terms == [["battery", "staff"], ["电池", "服务员"], []]
    said = [[word.decode() for word in row if word] for row in found["term_polarity"]]
    assert said[0] == ["positive", "negative"]
    assert [len(row) for row in said] == [2, 2, 0]
    for row, text in enumerate(texts):
        for slot, word in enumerate(terms[row]):
            start, end = found["term_start"][row, slot], found["term_end"][row, slot]
            assert text[start:end] == word
    assert found["term"].shape == (3, 16)
    assert (found["term_start"][2] == -1).all()
    np.testing.assert_allclose(found["sentiment_probability"].sum(axis=1), 1, rtol=1e-5)


def test_given_terms_are_judged_wherever_they_stand(run):
    start, end = (np.full((1, 16), -1, np.int32) for _ in range(2))
    start[0, :2], end[0, :2] = (4, 30), (11, 35)
    text = "the battery is great, but the staff is awful"
    assert text[30:35] == "staff"
    found = asked(run, "review_terms", text=[text], start=start, end=end)
    assert [word.decode() for word in found["polarity"][0][:3]] == ["positive", "negative", ""]


def test_hostile_texts_are_answered(run):
    texts = ["x" * 100_000, "\u202e\u200f<script>'; DROP TABLE", "\x00\x01\x02 battery is great"]
    found = asked(run, text=texts)
    assert np.isfinite(found["sentiment_probability"]).all()
    assert b"battery" in found["term"][2]


def test_the_network_and_its_linear_part_are_both_measured(run):
    assert set(run.metrics["network"]) == set(run.metrics["model"])
    assert run.metrics["mix"]["sentiment"]["temperature"] > 0


def test_the_report_says_each_part(run):
    said = (run.path / "report.md").read_text("utf-8")
    for title in ("How a review feels", "The polarity of given terms", "Terms that are found"):
        assert title in said


def test_stars_alone_are_enough(shop, tmp_path):
    value = run_of(shop)
    value["shop"] = {
        "root": str(shop.parent),
        "reviews": {"table": "reviews.csv", "text": "text", "rating": "stars"},
    }
    del value["sentiment"]
    value["text"] = {"encoder": {"name": "subwords", "buckets": 500}, "dim": 8, "ngrams": 0}
    value["train"]["epochs"] = 2
    run = train(value, tmp_path / "run", say=lambda _: None)
    assert run.metrics["labels"]["sentiment"] == ["1", "5"]
    assert set(asked(run, text=["好"])) == {"sentiment", "sentiment_probability"}
    assert list(answers(load_run(tmp_path / "run"))) == ["serving_default", "review"]


def test_a_pretrained_transformer_finds_terms(shop, tmp_path, tmp_path_factory):
    preset = write_bert(tmp_path_factory.mktemp("bert"))
    value = run_of(shop)
    encoder = {"name": "bert", "preset": preset, "train": "all", "learning_rate": 0.003}
    value["text"] = {"encoder": encoder, "dim": 8, "buckets": 256}
    value["train"] |= {"epochs": 2}
    run = train(value, tmp_path / "run", say=lambda _: None)
    found = asked(run, text=["the battery is great"])
    assert found["term"].shape == (1, 16)
    assert run.metrics["model"]["term_recall"] >= 0


def test_what_cannot_be_learned_is_said(shop, tmp_path):
    value = run_of(shop)
    with pytest.raises(RunFileError, match=r"`text.encoder` must be one that knows its tokens"):
        train({**value, "text": {"encoder": {"name": "hub", "handle": "x"}}}, tmp_path / "a")
    with pytest.raises(RunFileError, match=r"`evaluate.baselines` must be some of majority, svm"):
        train({**value, "evaluate": {"baselines": ["svn"]}}, tmp_path / "b")
    bare = {"root": str(shop.parent), "reviews": {"table": "reviews.csv", "text": "text"}}
    with pytest.raises(RunFileError, match="No review says anything to learn"):
        train({**value, "shop": bare}, tmp_path / "c")
