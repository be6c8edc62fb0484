"""Paths between items, on tables small enough to see them."""

from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from tfmm.data.columns import CategoryColumn
from tfmm.data.knowledge.triples import Knowledge
from tfmm.tasks.retrieval.reasons.facts import Facts

IDS = np.array(["a", "b/é", "中", "🎩", "e"], object)
#: Items 0, 1 and 2 have colours, of which 红 is rarer than all others are.
COLOURS = CategoryColumn(np.array([0, 0, 1, 1, 1], np.int32), np.array(["红", "blue"], object))


def facts(knowledge=None, features=None):
    items = SimpleNamespace(ids=IDS, features=features or {}, __len__=lambda self: 5)
    catalog = type("Items", (), {"__len__": lambda self: 5, **vars(items)})()
    data = SimpleNamespace(items=catalog, knowledge=knowledge or Knowledge.none())
    return Facts(data, lambda edges: edges.prior)


def asked(made, item, *others):
    relation, value = made.common(tf.constant([item]), tf.constant([others]))
    found = zip(relation.numpy()[0], value.numpy()[0], strict=True)
    return [(one.decode(), other.decode()) for one, other in found]


def known(head, relation, tail, entities=("雷德利/Scott", "1982")):
    names = np.array(["director", "年份", "next to"], object)
    return Knowledge(
        5,
        np.array(entities, object),
        names,
        *(np.array(one, np.int32) for one in (head, relation, tail)),
    )


def test_items_share_values_of_features():
    made = facts(features={"colour": COLOURS})
    assert asked(made, 0, 1, 2, -1) == [("colour", "红"), ("", ""), ("", "")]
    assert asked(made, -1, 1) == [("", "")]


def test_items_share_entities_and_the_heaviest_path_is_named():
    # All were made in 1982, and two of them by one director.
    triples = known([0, 1, 2, 3, 0, 1], [1, 1, 1, 1, 0, 0], [6, 6, 6, 6, 5, 5])
    made = facts(triples)
    assert asked(made, 0, 1, 2) == [("director", "雷德利/Scott"), ("年份", "1982")]


def test_items_that_a_triple_joins_are_a_path_themselves():
    made = facts(known([0], [2], [3], ()))
    assert asked(made, 0, 3, 1) == [("next to", "🎩"), ("", "")]
    assert asked(made, 3, 0) == [("next to", "a")]


def test_shares_choose_among_paths():
    triples = known([0, 1, 0, 1, 2], [1, 1, 0, 0, 0], [6, 6, 5, 5, 5])
    assert asked(facts(triples), 0, 1) == [("年份", "1982")]
    data = SimpleNamespace(
        items=type("Items", (), {"__len__": lambda self: 5, "ids": IDS, "features": {}})(),
        knowledge=triples,
    )
    by_director = Facts(data, lambda edges: np.where(edges.way % 3 == 0, 0.9, 0.1).astype("f"))
    assert asked(by_director, 0, 1) == [("director", "雷德利/Scott")]


def test_nothing_is_shared_where_nothing_is_known():
    assert asked(facts(), 0, 1) == [("", "")]


def test_what_many_share_is_kept_beside_what_is_rare():
    # Twenty entities that two items each have, and a year that all have.
    rare = [(item, 0, 5 + item % 2 * 20 + n) for item in (0, 1, 2, 3) for n in range(20)]
    year = [(item, 1, 45) for item in range(5)]
    names = [f"演员 {n}" for n in range(40)] + ["1982"]
    made = facts(known(*zip(*rare, *year, strict=True), names))
    assert asked(made, 0, 1, 2)[0] == ("年份", "1982")
    assert asked(made, 0, 2)[0][0] == "director"
