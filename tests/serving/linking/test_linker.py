"""Words are linked to the catalogue's values, numbers and shown products."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import numpy as np
import pytest

from tfmm.data.catalog import Catalog
from tfmm.data.columns import CategoryColumn, NumberColumn, TagsColumn, TextColumn
from tfmm.serving.linking import Linker
from tfmm.serving.linking.folded import LIMIT, fold

VALUES = {
    "colour": {"Red": 4, "Navy": 2, "Black": 9, "Grey": 1},
    "brand": {"Adidas": 3, "Tommy Hilfiger": 9, "花花公子": 3, "Café Ôlé": 1, "H&M": 2},
    "size": {"S": 1, "M": 2, "XL": 3, "38": 2},
    "type": {"T-shirts": 3, "Dresses": 5, "Jeans": 4, "Shirts": 9, "连衣裙": 3},
    "tags": {"black": 2, "winter": 3},
}
LINKER = Linker(VALUES, ["price", "rating"], words=["sandals", "walk"])


@pytest.mark.parametrize(
    ("text", "terms", "refused"),
    [
        ("RED dresses", ["colour=Red", "type=Dresses"], []),
        ("a black or navy dress", ["colour=Black", "colour=Navy", "type=Dresses"], []),
        ("ａｄｉｄａｓ t-shirt", ["brand=Adidas", "type=T-shirts"], []),
        ("something from cafe ole 🙂", ["brand=Café Ôlé"], []),
        ("H&M jeans", ["brand=H&M", "type=Jeans"], []),
        # Other words for a value.
        ("a gray one", ["colour=Grey"], []),
        ("红色的连衣裙", ["colour=Red", "type=连衣裙"], []),
        ("花花公子 加大码", ["brand=花花公子", "size=XL"], []),
        ("a small crimson shirt", ["size=S", "colour=Red", "type=Shirts"], []),
        # Slips of the pen.
        ("addidas shoes", ["brand=Adidas"], []),
        ("tomy hilfigr jeasn", ["brand=Tommy Hilfiger", "type=Jeans"], []),
        ("i walk in sandals and short skirts", [], []),
        # One letter and digits mean a size only where they are meant as one.
        ("size M please", ["size=M"], []),
        ("I'm sure, in s", ["size=S"], []),
        ("do you have 38", [], []),
        ("size 38", ["size=38"], []),
        ("what's m", [], []),
        # Taken back.
        ("not red", [], ["colour=Red"]),
        ("a dress, not in red or black", ["type=Dresses"], ["colour=Red", "colour=Black"]),
        ("not red but black", ["colour=Black"], ["colour=Red"]),
        ("not red, black", ["colour=Black"], ["colour=Red"]),
        ("I don't want a black dress", ["type=Dresses"], ["colour=Black"]),
        ("anything but black", [], ["colour=Black"]),
        ("no, the black one", ["colour=Black"], []),
        ("I don't like red. Black is fine", ["colour=Black"], ["colour=Red"]),
        ("不要红色和黑色的连衣裙", ["type=连衣裙"], ["colour=Red", "colour=Black"]),
        ("没有红色的，要黑色", ["colour=Black"], ["colour=Red"]),
        ("", [], []),
    ],
)
def test_values_are_found_wanted_or_taken_back(text, terms, refused):
    found = LINKER.link(text)
    assert (list(found.terms), list(found.refused)) == (terms, refused)


@pytest.mark.parametrize(
    ("text", "feature", "low", "high"),
    [
        ("under 50", "price", None, 50),
        ("cheaper than $40.50", "price", None, 40.5),
        ("50 块以下", "price", None, 50),
        ("不超过两百五十元", "price", None, 250),
        ("between 20 and 30", "price", 20, 30),
        ("€1,200-1,500", "price", 1200, 1500),
        ("三十到五十块", "price", 30, 50),
        ("at least thirty dollars", "price", 30, None),
        ("100 以上", "price", 100, None),
        ("around $100", "price", 80, 120),
        ("a hundred and twenty dollars", "price", 120, 120),
        ("rated, with a rating above 4", "rating", 4, None),
    ],
)
def test_numbers_become_ranges(text, feature, low, high):
    (found,) = LINKER.link(text).ranges
    assert (found.feature, found.low, found.high) == (
        feature,
        low if low is None else pytest.approx(low),
        high if high is None else pytest.approx(high),
    )
    assert 0 < found.confidence <= 1


@pytest.mark.parametrize("text", ["at 8:45", "XR-500", "two shirts", "on 12", "8-10 years", "一件"])
def test_numbers_of_something_else_are_no_range(text):
    assert not LINKER.link(text).ranges


def test_places_and_ways_are_told():
    assert [one.place for one in LINKER.link("compare the second one and the last").places] == [
        1,
        -1,
    ]
    assert [one.place for one in LINKER.link("第三个怎么样，2nd 呢").places] == [2, 1]
    assert [one.place for one in LINKER.link("第0个 for a second time").places] == []
    assert [one.way for one in LINKER.link("cheaper? 贵一点的").ways] == ["lower", "higher"]
    assert LINKER.link("cheaper").ways[0].feature == "price"
    assert not LINKER.link("cheaper than $20").ways
    assert not Linker(VALUES).link("cheaper").ways


def test_spans_are_of_the_text_as_written():
    text = "‏ﬁne: ＡＤＩＤＡＳ, 不要红色 under €50"
    found = LINKER.link(text)
    assert [text[link.start : link.end] for link in found.links] == ["ＡＤＩＤＡＳ", "红色"]
    assert [text[one.start : one.end] for one in found.ranges] == ["under €50"]


def test_sure_things_are_surer():
    sure, other, slip = (LINKER.link(t).links[0].confidence for t in ("grey", "gray", "addidas"))
    assert sure == 1.0 > other > slip > 0.5


def test_a_value_of_two_features_goes_by_what_stands_beside_it():
    link = LINKER.link("black").links[0]
    assert (link.term, link.others) == ("colour=Black", (("tags", "black"),))
    assert LINKER.link("tags black").links[0].term == "tags=black"


def test_a_catalogue_gives_all_that_linking_needs():
    titles = np.array(["walking sandal", "walking boot", ""], object)
    brands = np.array(["Sandel", "Vert/Été 🎽"], object)
    tags = np.array(["冬季"], object)
    items = Catalog(
        np.array(["a", "b", "c"], object),
        {
            "title": TextColumn(titles),
            "brand": CategoryColumn(np.array([0, 1, -1], np.int32), brands),
            "tags": TagsColumn(np.zeros(1, np.int32), np.array([0, 1, 1, 1]), tags),
            "Preis": NumberColumn(np.array([1, 2, np.nan], np.float32)),
        },
    )
    linker = Linker.from_catalog(items, synonyms={"Sandel": ["sndl"], "冬季": ["frosty"]})
    assert linker.price == "Preis"
    found = linker.link("sndl vert/été 冬季 frosty, walkin below 5")
    assert found.terms == ("brand=Sandel", "brand=Vert/Été 🎽", "tags=冬季")
    assert found.ranges[0].feature == "Preis"


def test_a_price_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match=r"price must be one of .*rating.*got 'cost'"):
        Linker({}, ["rating"], price="cost")
    with pytest.raises(ValueError, match="none"):
        Linker({}, price="cost")


def _syllables(chance, count):
    parts = ["ba", "ko", "ri", "ten", "mu", "sha", "lo", "vi", "ne", "gra", "pol", "ez", "um"]
    return "".join(chance.choices(parts, k=count))


def test_twenty_thousand_values_are_searched_in_milliseconds():
    chance = random.Random(1)
    names = {f"{_syllables(chance, 3)} {_syllables(chance, 3)}" for _ in range(20_000)}
    linker = Linker({"brand": dict.fromkeys(names, 1)}, ["price"])
    spent, right = [], 0
    for name in chance.sample(sorted(names), 100):
        place = chance.randrange(1, len(name))
        text = f"the nicest {name[:place]}{name[place + 1 :]} sandals under 50 for grandmother"
        start = time.process_time()
        found = linker.link(text)
        spent.append(time.process_time() - start)
        right += f"brand={name}" in found.terms
    assert np.median(spent) < 0.005
    assert right > 90


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "\u202e" * 100_000,
        "red " * 25_000,
        "1" * 100_000,
        "1," * 50_000,
        "不要" * 50_000,
        "a hundred and " * 7_000,
        "'" * 100_000,
        "\ud800 red",
        "'; DROP TABLE items; -- <script>red</script>",
    ],
)
def test_hostile_words_are_answered_in_bounded_time(text):
    start = time.process_time()
    found = LINKER.link(text)
    assert time.process_time() - start < 1
    assert all(0 <= link.start < link.end <= min(len(text), LIMIT) for link in found.links)


def test_what_is_behind_the_limit_is_left_out():
    assert not LINKER.link(" " * LIMIT + "red").links
    assert len(fold("é" * 3 * LIMIT).text) == LIMIT


def test_linking_needs_no_tensorflow():
    code = "import tfmm.serving.linking, sys; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
