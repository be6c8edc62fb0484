import json

import pytest

from tests.data.conftest import ShopFolder
from tfmm.data.texts.queries import Slot, parse_slots


def cell(value):
    return '"' + json.dumps(value, ensure_ascii=False).replace('"', '""') + '"'


@pytest.fixture
def shop(tmp_path):
    shop = ShopFolder(tmp_path)
    shop.mapping.clear()
    shop.mapping["queries"] = {
        "table": "utterances.csv",
        "text": "said",
        "intent": "intent",
        "slots": "slots",
        "part": "part",
    }
    rows = [
        f"红色的裙子,找货,{cell([['colour', 0, 2], ['kind', 3, 5]])},train",
        f"a café for 2 🎩,book,{cell([{'name': 'people', 'start': 11, 'end': 12}])},val",
        "hello,,,",
        ",book,,train",
        f"short,book,{cell([['people', 3, 9]])},test",
        "odd,book,not json,test",
    ]
    shop.write("utterances.csv", "said,intent,slots,part\n" + "\n".join(rows) + "\n")
    return shop


def test_a_shop_may_have_its_queries_alone(shop):
    data = shop.load()
    queries = data.queries
    assert queries.text.tolist() == ["红色的裙子", "a café for 2 🎩", "hello"]
    assert queries.intent.tolist() == ["找货", "book", ""]
    assert queries.slots.tolist() == [
        (Slot("colour", 0, 2), Slot("kind", 3, 5)),
        (Slot("people", 11, 12),),
        (),
    ]
    assert queries.part.tolist() == ["train", "valid", ""]
    assert len(data.items) == len(data.users) == len(data.reviews) == 0
    found = {finding.check: finding.count for finding in data.report.findings}
    assert found == {"missing_texts": 1, "bad_slots": 2}
    assert data.report.counts["queries"] == {"queries": 3, "intents": 2, "slots": 3}


def test_all_but_the_text_may_be_left_out(shop):
    shop.mapping["queries"] = {"table": "utterances.csv", "text": "said"}
    queries = shop.load().queries
    assert len(queries) == 5
    assert set(queries.slots) == {()}
    assert set(queries.intent) == set(queries.part) == {""}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("{", "no JSON"),
        ('{"a": 1}', "no list"),
        ('[["a", 0]]', "is no [name, start, end]"),
        ('[["a", 0, true]]', "is no [name, start, end]"),
        ('[["a", 2, 2]]', "'a' from 2 to 2 is no part of the text"),
        ('[["a", 0, 3], ["b", 2, 4]]', "'a' and 'b' overlap"),
    ],
)
def test_slots_that_cannot_be_say_why(value, wrong):
    assert wrong in parse_slots(value, "four")
