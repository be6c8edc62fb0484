"""The dialect of a table, where the shop file says it."""

import pytest

from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.specs import FormatSpec, ShopFileError

EVENTS = {"table": "events.csv", "user": "user", "item": "item"}


def read(**format):
    return Shop.from_dict({"events": {**EVENTS, "format": format}}, "/shop")


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        ({"delimiter": ";"}, FormatSpec(delimiter=";")),
        ({"delimiter": "tab", "quote": "none"}, FormatSpec(delimiter="\t", quote="")),
        ({"delimiter": "\t", "quote": ""}, FormatSpec(delimiter="\t", quote="")),
        ({"encoding": "Shift_JIS", "decimal": ","}, FormatSpec(None, "Shift_JIS", ",")),
    ],
)
def test_dialect_is_read_and_round_trips(given, spec):
    shop = read(**given)
    assert shop.events.format == spec
    assert Shop.from_dict(shop.to_dict()).events == shop.events


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"delimiter": "::"}, "`events.format.delimiter`: '::' cannot part cells"),
        ({"delimiter": "a"}, "'a' cannot part cells"),
        ({"quote": "''"}, "`events.format.quote`: \"''\" cannot enclose cells"),
        ({"delimiter": "'", "quote": "'"}, "`delimiter` and `quote` are the same"),
        ({"encoding": "utf-9"}, "`events.format.encoding`: 'utf-9' is no encoding of text"),
        ({"encoding": "base64"}, "'base64' is no encoding of text"),
        ({"decimal": ";"}, "`events.format.decimal` must be `.` or `,`, got ';'"),
        ({"delimeter": ";"}, "did you mean `events.format.delimiter`"),
    ],
)
def test_wrong_dialect_is_told(given, told):
    with pytest.raises(ShopFileError, match=told):
        read(**given)


def test_a_shop_without_formats_says_nothing_of_them():
    mapping = Shop.from_dict({"events": EVENTS}, "/shop").to_dict()
    assert mapping == {"root": "/shop", "events": EVENTS}
