"""The assistant on both protocols, with less of a model, with reviews and with a trained one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from tests.serving.assistant.dialogues import FAQ, dialogues
from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import CategoryColumn, NumberColumn, TextColumn
from tfmm.serving import Assistant, Client, Server
from tfmm.serving.assistant import Reviews
from tfmm.serving.assistant.known.reviews import Aspect, ReviewsError

SAID = ["red dresses", "cheaper", "not patterned", "similar to the first", "recommend me a hat"]


def test_rest_answers_as_grpc_does(served, client):
    with Client(served.server.rest_address, "shop", transport="rest") as rest:
        one, other = Assistant(client, served.catalog), Assistant(rest, served.catalog)
        for said in SAID:
            left, right = one.say(said), other.say(said)
            assert (left.text, left.products) == (right.text, right.products)


def test_recommendations_are_for_the_shopper_and_after_the_session(served, client):
    known = Assistant(client, served.catalog, shopper="s0003")
    first = [product.id for product in known.say("what do you recommend?").products]
    assert first == client.recommend("s0003").item_id[: len(first)]
    visitor = Assistant(client, served.catalog)
    visitor.say("red dresses")
    visitor.say("tell me about the second")
    spoken = visitor.state.focus
    answer = visitor.say("any suggestions?")
    expected = client.recommend_session([spoken])
    assert [product.id for product in answer.products] == expected.item_id[: len(answer.products)]
    assert "After what you looked at" in answer.text


def test_reviews_are_told_with_the_sentence_that_they_come_from(served, client):
    dress = Assistant(client, served.catalog).say("red dresses").products[0].id
    reviews = Reviews(
        {
            dress: [
                Aspect("fabric", 7, 1, "The fabric is wonderfully soft.", "It pills."),
                Aspect("size", 1, 4, "Fits.", "Runs very small."),
            ]
        }
    )
    assistant = Assistant(client, served.catalog, reviews=reviews)
    assistant.say("red dresses")
    told = assistant.say("what do people say about the first?")
    assert told.decision.intent == "ask"
    assert "“The fabric is wonderfully soft.”" in told.text
    assert "“Runs very small.”" in told.text
    assert "fabric" not in assistant.say("is it any good, what about the size?").text
    assert "Nobody has reviewed" in assistant.say("reviews of the second").text


def test_questions_are_answered_by_a_sentence_of_the_products_text():
    ids = np.array(["帽/1", "b"], object)
    about = "Made in Peru. Water runs off it, so rain is no problem."
    catalog = SearchCatalog.from_shop(
        Catalog(
            ids,
            {
                "title": TextColumn(np.array(["Rain hat", "Sun hat"], object)),
                "about": TextColumn(np.array([about, ""], object)),
                "kind": CategoryColumn(np.zeros(2, np.int32), np.array(["hat"], object)),
                "price": NumberColumn(np.array([20.0, np.nan], np.float32)),
            },
        )
    )

    class Nothing:
        """A model without a signature that finds products: words alone find."""

        def metadata(self):
            return type("Metadata", (), {"signatures": {}})()

    assistant = Assistant(Nothing(), catalog)  # type: ignore[arg-type]
    assert {product.id for product in assistant.say("hats").products} == {*ids}
    rain, sun = ("first", "second") if assistant.state.shown[0] == "帽/1" else ("second", "first")
    told = assistant.say(f"can I wear the {rain} in the rain?")
    assert "“Water runs off it, so rain is no problem.”" in told.text
    assert assistant.say(f"how much is the {rain}?").text == "Price of Rain hat: 20."
    assert "do not know the Price of Sun hat" in assistant.say(f"how much is the {sun}?").text
    assert [product.id for product in assistant.say("under 30").products] == ["帽/1"]


def test_the_table_of_reviews_is_read(tmp_path):
    rows = [
        {"item": "帽/1", "aspect": "", "pros": 9, "cons": 1, "praise": [], "blame": []},
        {"item": "帽/1", "aspect": "brim", "pros": 1, "cons": 2, "praise": [], "blame": ["Flops."]},
        {"item": "帽/1", "aspect": "felt", "pros": 6, "cons": 0, "praise": ["So\x1b soft."]},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "pros.parquet")
    felt, brim = Reviews.load(tmp_path / "pros.parquet").of("帽/1")
    assert felt == Aspect("felt", 6, 0, "So soft.", "")
    assert (brim.name, brim.said_against) == ("brim", "Flops.")
    pq.write_table(pa.table({"item": ["a"]}), tmp_path / "other.parquet")
    with pytest.raises(ReviewsError, match="expected the Parquet file of `tfmm reviews`"):
        Reviews.load(tmp_path / "other.parquet")


class Understands(tf.Module):
    """Takes "surprise" for a wish for recommendations, and "moon" for nothing it knows."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def understand(self, text):
        service = tf.strings.regex_full_match(text, ".*surprise.*")
        count = tf.shape(text)[0]
        sure = tf.where(service, 0.95, 0.2)
        strange = tf.strings.regex_full_match(text, ".*moon.*")
        slot = tf.strings.regex_full_match(text, ".*rot.*")
        return {
            "intents": tf.tile(tf.constant([["recommend", "search"]]), [count, 1]),
            "probabilities": tf.stack([sure, 1 - sure], 1),
            "in_scope": tf.where(strange, 0.1, 0.9),
            "slot_names": tf.where(slot, "colour", "")[:, None],
            "slot_values": tf.where(slot, "red", "")[:, None],
            "slot_starts": tf.where(slot, 0, -1)[:, None],
            "slot_ends": tf.where(slot, 3, -1)[:, None],
        }


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> Client:
    folder = tmp_path_factory.mktemp("reader")
    module = Understands()
    tf.saved_model.save(
        module, str(folder / "talk" / "1"), signatures={"understand": module.understand}
    )
    with (
        Server(folder, grpc_port=0, rest_port=0) as server,
        Client(server.grpc_address, "talk") as c,
    ):
        yield c


def test_a_trained_model_says_intents_scope_and_slots(served, client, reader):
    assistant = Assistant(client, served.catalog, understand=reader)
    assert assistant.say("a surprise, please").decision.intent == "recommend"
    assert assistant.trace[-1].message.intents["recommend"] == pytest.approx(0.95)
    assert assistant.say("rot").decision.filters.wanted == {"colour": ("red",)}
    assert assistant.say("patterned moon").decision.intent == "unknown"
    # What phrases are sure of stands.
    assert assistant.say("red dresses by moon light").decision.intent == "search"


def test_a_spoken_turn_needs_a_recogniser(assistant):
    with pytest.raises(ValueError, match="recogniser"):
        assistant.say(audio=b"RIFF")


def test_speech_is_heard_as_its_words(served, client, tmp_path):
    pytest.importorskip("pocketsphinx", reason="needs tfmm[voice]")
    from tfmm.serving.ask.voice import SphinxRecognizer

    sound = Path(__file__).parents[1] / "ask" / "voice" / "green_wool_hat.wav"
    recognizer = SphinxRecognizer.from_catalog(served.catalog, tmp_path / "voice")
    answer = Assistant(client, served.catalog, recognizer=recognizer).say(audio=sound)
    assert answer.decision.intent == "search"
    assert answer.decision.filters.wanted["type"] == ("Hats",)


def test_held_out_dialogues_hold_over_faq_and_shop(talk):
    """The whole held-out half is measured by benchmarks/assistant.py; here, that none fails
    by an error and most go well."""
    told = [
        not faults for d in dialogues("held_out") if not d.spoken for *_, faults in talk.hold(d)
    ]
    assert np.mean(told) > 0.85


def test_a_wrong_table_of_questions_is_told(served, client, tmp_path):
    (tmp_path / "faq.csv").write_text("q,a\nx,y\n")
    with pytest.raises(ValueError, match="no column 'question'; it has q, a"):
        Assistant(client, served.catalog, faq=tmp_path / "faq.csv")
    assert Assistant(client, served.catalog, faq=FAQ).say("refund?").decision.faq == "returns"
