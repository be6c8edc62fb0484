"""Servable: what each signature answers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.export.shops import (
    ITEMS,
    KINDS,
    USERS,
    D,
    MeanSession,
    N,
    U,
    arrays,
    ids,
    small_servable,
)
from tfmm.index import LOWEST_SCORE, TermFilter
from tfmm.tasks.retrieval.signatures import Servable

NONE = {"exclude": ids(width=4), "allow": ids(width=3)}


@pytest.fixture(scope="module")
def servable() -> Servable:
    return small_servable()


def rows(answer: dict[str, tf.Tensor], i: int = 0) -> list[int]:
    return [ITEMS.index(item.decode()) for item in answer["item_id"].numpy()[i] if item]


def ranked(scores: np.ndarray, *left_out: int, k: int = 10) -> list[int]:
    return [r for r in np.argsort(-scores, kind="stable") if r not in left_out][:k]


def seen_by(user: int) -> list[int]:
    given = arrays()
    return given["seen_rows"][
        given["seen_offsets"][user] : given["seen_offsets"][user + 1]
    ].tolist()


def test_users_get_their_best_unseen_items(servable: Servable) -> None:
    given = arrays()
    answer = servable.serving_default(tf.constant(USERS))
    assert answer["item_id"].shape == (U, 10)
    assert answer["score"].dtype == tf.float32
    for user in range(U):
        scores = given["item_vectors"] @ given["user_vectors"][user]
        assert rows(answer, user) == ranked(scores, *seen_by(user))
        np.testing.assert_allclose(
            answer["score"][user], scores[rows(answer, user)], rtol=1e-4, atol=1e-5
        )


def test_seen_items_come_back_when_asked_for() -> None:
    given = arrays()
    answer = small_servable(exclude_seen=False).serving_default(tf.constant([USERS[4]]))
    assert rows(answer) == ranked(given["item_vectors"] @ given["user_vectors"][4])


def test_recommend_excludes_and_filters(servable: Servable) -> None:
    scores = arrays()["item_vectors"] @ arrays()["user_vectors"][4]
    best = ranked(scores, *seen_by(4))
    answer = servable.recommend(
        tf.constant([USERS[4]]),
        ids(ITEMS[best[0]], "nobody knows", ITEMS[best[2]], width=4),
        ids("kind=hat", "kind=bag", width=3),
    )
    shoes = [r for r in range(N) if KINDS[r % 3] == "shoe"]
    assert rows(answer) == ranked(scores, best[0], best[2], *seen_by(4), *shoes)


def test_recommend_without_conditions_is_the_default(servable: Servable) -> None:
    answer = servable.recommend(tf.constant([USERS[3]]), **NONE)
    default = servable.serving_default(tf.constant([USERS[3]]))
    np.testing.assert_array_equal(answer["item_id"], default["item_id"])


def test_unknown_user_gets_the_answer_of_an_empty_session(servable: Servable) -> None:
    unknown = servable.recommend(tf.constant(["who"]), **NONE)
    session = servable.recommend_session(ids(width=5), **NONE)
    lost = servable.recommend_session(ids("no", "such", "items", width=5), **NONE)
    np.testing.assert_array_equal(unknown["item_id"], session["item_id"])
    np.testing.assert_array_equal(lost["item_id"], session["item_id"])
    np.testing.assert_allclose(unknown["score"], session["score"], rtol=1e-5)
    np.testing.assert_allclose(
        servable.embed_user(tf.constant(["who"]))["embedding"][0], np.linspace(-1, 1, D), rtol=1e-6
    )


def test_session_leaves_its_history_out(servable: Servable) -> None:
    vectors = arrays()["item_vectors"]
    answer = servable.recommend_session(ids(ITEMS[7], ITEMS[2], width=5), **NONE)
    assert rows(answer) == ranked(vectors @ vectors[[7, 2]].mean(axis=0), 7, 2)


def test_session_sees_known_items_first_in_order_and_once() -> None:
    asked = []

    class Spy(MeanSession):
        def __call__(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
            tf.py_function(lambda *heard: asked.append(heard), [history, mask], [])
            return super().__call__(history, mask)

    servable = small_servable(session=Spy())
    servable.recommend_session(ids(ITEMS[7], "", ITEMS[2], "what", ITEMS[7], width=5), **NONE)
    history, mask = asked[-1]
    assert mask.numpy().tolist() == [[True, True, False, False, False]]
    np.testing.assert_allclose(history[0, :2], arrays()["item_vectors"][[7, 2]])
    assert not history[0, 2:].numpy().any()


def test_session_reads_history_vectors_where_they_are_apart() -> None:
    given = arrays()
    table = np.random.default_rng(9).normal(size=(N, 2 * D)).astype("f")

    class Half(MeanSession):
        def __call__(self, history: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
            return super().__call__(history[:, :, D:], mask)

    apart = small_servable(history_vectors=table, session=Half())
    answer = apart.recommend_session(ids(ITEMS[7], "what", ITEMS[2], width=5), **NONE)
    assert rows(answer) == ranked(given["item_vectors"] @ table[[7, 2], D:].mean(axis=0), 7, 2)
    none = apart.recommend_session(ids(width=5), **NONE)
    np.testing.assert_array_equal(
        none["item_id"], small_servable().recommend_session(ids(width=5), **NONE)["item_id"]
    )
    assert apart.table_bytes == small_servable().table_bytes + table.nbytes
    with pytest.raises(ValueError, match=r"`history_vectors` should be \(30, 12\).*\(29, 12\)"):
        small_servable(history_vectors=table[1:], session=Half())


def test_similar_items_ranks_by_cosine_without_the_item(servable: Servable) -> None:
    vectors = arrays()["item_vectors"]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    answer = servable.similar_items(
        tf.constant([ITEMS[5], "no such item"]),
        tf.repeat(ids(ITEMS[9], width=4), 2, axis=0),
        tf.repeat(NONE["allow"], 2, axis=0),
    )
    assert rows(answer) == ranked(unit @ unit[5], 5, 9)
    np.testing.assert_allclose(answer["score"][0], (unit @ unit[5])[rows(answer)], atol=1e-5)
    assert set(answer["item_id"].numpy()[1]) == {b""}
    assert set(answer["score"].numpy()[1]) == {np.float32(LOWEST_SCORE)}


def test_fewer_than_k_pads(servable: Servable) -> None:
    answer = servable.recommend(
        tf.constant(["x"]), ids(ITEMS[0], width=4), ids("kind=hat", width=3)
    )
    assert len(rows(answer)) == 9  # ten hats, one of them excluded
    assert answer["item_id"].numpy()[0, 9] == b""
    assert answer["score"].numpy()[0, 9] == LOWEST_SCORE
    nothing = servable.recommend(tf.constant(["x"]), ids(width=4), ids("size=9", width=3))
    assert rows(nothing) == []
    wide = small_servable(k=40).serving_default(tf.constant(["x"]))
    assert wide["item_id"].shape == (1, 40)
    assert len(rows(wide)) == N


def test_embeddings(servable: Servable) -> None:
    found = servable.embed_item(tf.constant([ITEMS[3], "no such item"]))["embedding"]
    np.testing.assert_allclose(found[0], arrays()["item_vectors"][3])
    assert not found[1].numpy().any()
    users = servable.embed_user(tf.constant(USERS))["embedding"]
    np.testing.assert_allclose(users, arrays()["user_vectors"])


def test_empty_batches(servable: Servable) -> None:
    for signature in servable.signatures():
        inputs = signature.samples(1)
        empty = {key: tf.constant(value[:0], tf.string) for key, value in inputs.items()}
        for value in signature.function(**empty).values():
            assert value.shape[0] == 0


def test_signatures_are_those_of_the_design(servable: Servable) -> None:
    found = {
        name: (
            {s.name: s.shape.as_list() for s in tf.nest.flatten(f.structured_input_signature)},
            {key: spec.shape.as_list() for key, spec in f.structured_outputs.items()},
        )
        for name, f in ((s.name, s.traced()) for s in servable.signatures())
    }
    asked, best = {"exclude": [None, 4], "allow": [None, 3]}, [None, 10]
    items, vector = {"item_id": best, "score": best}, {"embedding": [None, D]}
    assert found == {
        "serving_default": ({"user_id": [None]}, items),
        "recommend": ({"user_id": [None], **asked}, items),
        "recommend_session": ({"history": [None, 5], **asked}, items),
        "similar_items": ({"item_id": [None], **asked}, items),
        "embed_user": ({"user_id": [None]}, vector),
        "embed_item": ({"item_id": [None]}, vector),
    }


def test_only_what_a_session_reads_is_saved() -> None:
    session = MeanSession()
    session.every_user = tf.Variable(tf.zeros([1000, D]))
    shapes = [variable.shape.as_list() for variable in small_servable(session=session).variables]
    assert [D] in shapes
    assert [1000, D] not in shapes


def test_a_shop_without_users() -> None:
    servable = small_servable(
        user_ids=[],
        user_vectors=np.zeros((0, D), "f"),
        seen_offsets=np.zeros(1, np.int64),
        seen_rows=np.zeros(0, np.int32),
    )
    answer = servable.serving_default(tf.constant(["anyone", ""]))
    assert len(rows(answer)) == 10
    np.testing.assert_array_equal(answer["item_id"][0], answer["item_id"][1])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"item_ids": [*ITEMS[:-1], "0000"]}, ValueError, "item_ids.*more than once: '0000'"),
        ({"item_ids": [*ITEMS[:-1], "a\nb"]}, ValueError, r"row 29: 'a\\nb'"),
        ({"item_ids": [*ITEMS[:-1], ""]}, ValueError, "1 of `item_ids` are empty"),
        ({"item_ids": list(range(N))}, TypeError, r"must be strings.*row 0 is 0 \(int\)"),
        ({"item_ids": ITEMS[:-1]}, ValueError, r"`item_vectors` should be \(29, 6\)"),
        ({"user_vectors": np.zeros((U, 5), "f")}, ValueError, r"`user_vectors` .*\(12, 5\)"),
        ({"user_vectors": np.full((U, D), np.nan, "f")}, ValueError, "12 of 12 rows"),
        ({"filters": TermFilter({}, 4)}, ValueError, "filters' items"),
        ({"seen_rows": np.full(20, 99, np.int32)}, ValueError, "seen_offsets"),
        ({"seen_rows": np.full(21, 99, np.int32)}, ValueError, r"lie in \[0, 30\)"),
        ({"k": 0}, ValueError, "`k` must be at least 1"),
        ({"session": lambda h, m: tf.reduce_mean(h, axis=1)[:, :2]}, ValueError, "all False"),
        ({"session": lambda h, m: h[:, 0] / 0.0}, ValueError, "all False"),
    ],
)
def test_what_cannot_be_served_is_refused(changes, error, message) -> None:
    with pytest.raises(error, match=message):
        small_servable(**changes)
