"""Examples: events keep their rows, signs, labels and context; pairs are a reading of them."""

import numpy as np
import pytest

from tfmm.data import Shop, ShopFileError
from tfmm.data.events.pairs import Pairs


@pytest.fixture
def rated(shop):
    shop.write(
        "events.csv",
        "user,item,stars,n,cost,click,gerät,when\n"
        "a,001,5,2,9.5,1,電話 📱,2020-01-01\n"
        "a,002,-3,,8,0,,2020-01-02\n"
        "b,001,0,1,x,,web,2020-01-03\n"
        "b,002,4,1,7,1,web,2020-01-04\n"
        "b,002,4,1,7,1,web,2020-01-05\n"
        "c,002,-1,1,7,1,web,2020-01-05\n"
        "b,404,4,1,7,1,web,2020-01-05\n",
    )
    shop.mapping["events"].update(
        rating="stars",
        quantity="n",
        price="cost",
        labels={"geklickt": "click"},
        context={"gerät": {"kind": "category", "column": "gerät"}},
    )
    return shop


def test_every_row_keeps_what_it_says(rated):
    told = rated.load().examples
    assert told.row.tolist() == [0, 1, 2, 3, 4, 5]
    assert told.rating.tolist() == [5, -3, 0, 4, 4, -1]
    np.testing.assert_array_equal(told.quantity, [2, np.nan, 1, 1, 1, 1])
    np.testing.assert_array_equal(told.price, np.float32([9.5, 8, np.nan, 7, 7, 7]))
    np.testing.assert_array_equal(told.labels["geklickt"], [1, 0, np.nan, 1, 1, 1])
    device = told.context["gerät"]
    assert device.vocabulary.tolist() == ["web", "電話 📱"]
    assert device.codes.tolist() == [1, -1, 0, 0, 0, 0]
    assert np.diff(told.time).min() == 0
    assert [values.dtype for values in (told.rating, told.quantity, told.labels["geklickt"])] == [
        np.float32
    ] * 3


def test_pairs_are_a_reading_of_those_that_tell_a_taste(rated):
    data = rated.load()
    assert data.examples.counts.tolist() == [True, False, False, True, True, False]
    assert data.events.weight.tolist() == [5, 4, 4]
    # c has rated, but liked nothing: a shopper without any pair.
    assert data.users.ids.tolist() == ["a", "b", "c"]
    pairs = Pairs.from_events(data.events, 3, 2)
    assert pairs.weight.tolist() == [5, 8]
    assert data.report.counts["examples"] == 6
    assert data.report.counts["events"] == 3
    assert data.report.counts["events_dropped"] == {"disliked": 3, "unknown_items": 1}


def test_below_the_threshold_a_rating_stays_an_example(rated):
    rated.mapping["events"]["threshold"] = 4.5
    data = rated.load()
    assert data.examples.rating.tolist() == [5, -3, 0, 4, 4, -1]
    assert data.events.weight.tolist() == [5]
    assert data.report.found("bad_ratings") == 0  # zero and below are no surprise under it
    assert data.report.counts["events_dropped"] == {"below threshold": 6}


def test_a_missing_rating_is_no_example(rated):
    rated.write("events.csv", (rated.folder / "events.csv").read_text().replace(",5,2,", ",,2,"))
    told = rated.load().examples
    assert told.row.tolist() == [1, 2, 3, 4, 5]
    assert np.isfinite(told.rating).all()


def test_types_stay_beside_their_weights(shop):
    shop.write("events.csv", "user,item,kind\na,001,view\na,002,buy\nb,001,buy\nb,002,seen\n")
    del shop.mapping["events"]["time"]
    shop.mapping["events"].update(type="kind", weights={"view": 1, "buy": 5, "seen": 0})
    told = shop.load().examples
    assert told.type.vocabulary[told.type.codes].tolist() == ["view", "buy", "buy"]
    assert told.weight.tolist() == [1, 5, 5]
    assert (told.rating, told.quantity, told.labels) == (None, None, {})


def test_taking_takes_everything(rated):
    told = rated.load(extra_event_columns=["when"]).examples.take([4, 0])
    assert told.rating.tolist() == [4, 5]
    assert told.row.tolist() == [4, 0]
    assert told.context["gerät"].codes.tolist() == [0, 1]
    assert told.labels["geklickt"].tolist() == [1, 1]
    assert told.extra["when"].tolist() == ["2020-01-05", "2020-01-01"]
    assert told.events().weight.tolist() == [4, 5]


def test_a_check_may_drop_events_for_what_they_say(rated):
    data = rated.load(policies={"nan_numbers": "drop"})
    assert data.examples.row.tolist() == [0, 3, 4, 5]
    findings = {(f.table, f.column): f for f in data.report.findings if f.check == "nan_numbers"}
    assert findings["events", "price"].examples == ("row 3: 'x'",)
    assert findings["events", "quantity"].count == 1


def test_a_shop_round_trips(rated):
    spec = Shop.from_dict(rated.mapping, rated.folder)
    assert Shop.from_dict(spec.to_dict()) == spec
    assert spec.to_dict()["events"]["context"] == {"gerät": {"kind": "category", "column": "gerät"}}


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ({"labels": {"": "click"}}, r"`events\.labels`: '' cannot name a feature"),
        ({"labels": {"click": 3}}, r"`events\.labels\.click` must be string, got 3"),
        ({"labels": ["click"]}, r"`events\.labels` must be a mapping, got"),
        (
            {"context": {"d": {"kind": "colour", "column": "n"}}},
            r"`events\.context\.d\.kind` must be .* got 'colour'",
        ),
        (
            {"context": {"d": {"kind": "image", "path": "{n}.png"}}},
            r"`events`: `context\.d` must be read from",
        ),
        ({"labels": {"c": "clik"}}, r"events\.labels\.c: .*no column 'clik'.*'click'"),
        ({"quantity": "m"}, r"events\.quantity: .*no column 'm'"),
    ],
)
def test_what_events_cannot_say_is_refused(rated, events, message):
    rated.mapping["events"].update(events)
    with pytest.raises(ShopFileError, match=message):
        rated.load()


def test_a_shop_without_events_has_no_examples(shop):
    del shop.mapping["events"]
    data = shop.load()
    assert len(data.examples) == len(data.events) == 0
