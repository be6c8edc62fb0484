"""What a ranker reads: parts, drawn items, rates and histories, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.tasks.ranking.shops import chosen, rated
from tfmm.tasks.config import RunFileError


def by_hand(builder, rows, key, before):
    """Clicks and examples under a key, of what came strictly before or of all that was learned."""
    shown, sources = builder.shown, np.sort(builder.parts.train)
    brand = builder.data.items.features["brand"].codes
    found = []
    for row in rows:
        told = shown.time[sources] < shown.time[row] if before else np.ones(len(sources), bool)
        same = shown.item[sources] == shown.item[row]
        if key == "user x brand":
            mine = brand[shown.item[row]]
            same = (shown.user[sources] == shown.user[row]) & (brand[shown.item[sources]] == mine)
            same &= mine >= 0
        at = sources[told & same]
        found.append((shown.labels[at, 0].sum(), len(at)))
    return np.array(found)


@pytest.mark.parametrize("key", ["item", "user x brand"])
@pytest.mark.parametrize("before", [True, False])
def test_rates_count_what_was_known(ranking_shop, builder_of, key, before):
    builder = builder_of(ranking_shop, rates={"of": [key], "smoothing": 5.0})
    rates = builder.rates(np.sort(builder.parts.train))
    rows = builder.parts.train[::37] if before else builder.parts.test[:20]
    wanted = by_hand(builder, rows, key, before)
    mean = builder.shown.labels[builder.parts.train, 0].mean()
    share = (wanted[:, 0] + 5 * mean) / (wanted[:, 1] + 5)
    odds = np.log(share / (1 - share)) - np.log(mean / (1 - mean))
    found = rates.of(rows, before=before)
    np.testing.assert_allclose(found[:, 0], odds, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[:, -1], np.log1p(wanted[:, 1]), rtol=1e-5)


def test_without_times_rates_never_know_their_own_label(ranking_shop, builder_of):
    one = builder_of(ranking_shop, split={"by": "random"}, rates={"of": ["item"]})
    sources = np.sort(one.parts.train)
    before = one.rates(sources).of(sources, before=True)
    at = int(sources[3])
    one.shown.labels[at] = 1 - one.shown.labels[at]
    after = one.rates(sources).of(sources, before=True)
    # That of all moves by as little as one label of a thousand does.
    np.testing.assert_allclose(after[3], before[3], atol=0.01)
    assert np.abs(after - before).max() > 0.01


def test_histories_are_what_came_before(ranking_shop, builder_of):
    builder = builder_of(ranking_shop, network="din", history={"size": 4})
    sources = np.sort(builder.parts.train)
    histories, shown = builder.histories(sources), builder.shown
    rows = builder.parts.test[:30]
    ends = histories.ends(shown.user[rows], shown.time[rows])
    found = histories.latest(tf.constant(shown.user[rows]), tf.constant(ends))
    for row, items, times in zip(rows, found["history"], found["history_time"], strict=True):
        mine = sources[(shown.user[sources] == shown.user[row]) & (shown.labels[sources, 0] > 0)]
        mine = mine[shown.time[mine] < shown.time[row]][-4:]
        np.testing.assert_array_equal(items[items >= 0], shown.item[mine])
        np.testing.assert_array_equal(times[items >= 0], shown.time[mine])


def test_without_times_a_history_leaves_out_its_own_event(ranking_shop, builder_of):
    builder = builder_of(
        rated(ranking_shop), network={"blocks": ["history", "deep"]}, split={"by": "random"}
    )
    sources = np.sort(builder.parts.train)
    histories, shown = builder.histories(sources), builder.shown
    rows = sources[:60]
    key = tf.constant([1, 2], tf.int64)
    user, event = tf.constant(shown.user[rows]), tf.constant(rows)
    found = histories.others(user, event, key)["history"].numpy()
    for row, items in zip(rows, found, strict=True):
        others = shown.item[sources[(shown.user[sources] == shown.user[row]) & (sources != row)]]
        assert sorted(items[items >= 0]) == sorted(others)


def test_drawn_items_are_none_that_the_shopper_chose(ranking_shop, builder_of):
    builder = builder_of(
        chosen(ranking_shop), negatives={"each": 3, "draws": 2, "by": "popularity"}
    )
    shown = builder.shown
    assert len(shown) == shown.events * 7
    own = set(zip(shown.user[: shown.events], shown.item[: shown.events], strict=True))
    drawn = zip(shown.user[shown.events :], shown.item[shown.events :], strict=True)
    label = shown.labels[shown.events :, 0]
    assert not any(pair in own for pair, said in zip(drawn, label, strict=True) if said == 0)
    rows = shown.drawn(np.array([4, 9]), 1)
    assert shown.event[rows].tolist() == [4, 4, 4, 9, 9, 9]
    assert (shown.time[rows] == shown.time[[4, 4, 4, 9, 9, 9]]).all()


def test_parts_by_a_column_may_have_several_values(ranking_shop, builder_of):
    builder = builder_of(
        ranking_shop,
        ("part",),
        split={"by": "column", "column": "part", "valid": ["b"], "test": "c"},
    )
    assert builder.parts.counts() == {"train": 1000, "valid": 200, "test": 300}
    # The test is later than all that is learned from, so that what comes later is left out.
    assert builder.ordered
    assert not builder_of(
        ranking_shop,
        ("part",),
        split={"by": "column", "column": "part", "valid": 0.2, "test": "a"},
    ).ordered


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"labels": {"klick": {}}}, "did you mean 'click'"),
        ({"labels": {"click": {"after": "rating"}}}, "`labels.click.after` must name another"),
        ({"labels": {"click": {"loss": "ordinal"}, "chosen": {}}}, "drawn items say nothing"),
        ({"rates": {"of": ["user x brnd"]}}, "did you mean 'brand'"),
        ({"history": {"label": "stars"}}, "`history.label` must be one of the labels"),
        ({"network": "dcnn"}, "did you mean 'dcn'"),
        ({"network": {"blocks": ["target_attention"]}}, "name one that reads features"),
        ({"network": {"blocks": ["mixture_of_experts", "deep"]}}, "must be the last block"),
        ({"split": {"by": "column", "column": "part", "test": "z"}}, "never says"),
        ({"split": {"by": "time", "valid": 0.1, "test": "2024-01-01"}}, "both be shares"),
    ],
)
def test_what_cannot_be_is_refused(ranking_shop, builder_of, sections, says):
    builder = builder_of(ranking_shop, ("part",), **sections)

    def checked():
        builder.check()
        return builder.parts

    with pytest.raises(RunFileError) as caught:
        checked()
    assert says in str(caught.value).replace("Did", "did")


def test_what_is_known_only_afterwards_is_told_and_may_be_marked(ranking_shop, builder_of):
    context = {"seconds": {"kind": "number", "column": "buy"}, **ranking_shop["events"]["context"]}
    shop = {**ranking_shop, "events": {**ranking_shop["events"], "context": context}}
    (said,) = builder_of(shop).suspects
    assert said.startswith("`context.seconds` tells buy almost alone (AUC 1.000)")
    context["seconds"]["after"] = True
    builder = builder_of(shop)
    assert builder.suspects == []
    assert "seconds" not in builder.context.features


def test_ids_and_categories_are_embedded_where_there_are_enough_examples(ranking_shop, builder_of):
    builder = builder_of(ranking_shop)
    # A thousand examples of 60 users, 40 items and 3 brands.
    assert [builder.has_ids(name) for name in ("users", "items", "context")] == [True, False, False]
    assert set(builder.chosen("items")) == {"title", "brand", "tags", "price"}
    few = builder_of(ranking_shop, split={"by": "time", "valid": 0.1, "test": 0.85})
    assert set(few.chosen("items")) == {"title", "tags", "price"}
    assert builder_of(ranking_shop, items={"id": True}).has_ids("items")
