import pyarrow as pa
import pytest

from tfmm.data.cells.ids import look_alikes, tidy_ids


@pytest.mark.parametrize(
    ("ids", "tidy"),
    [
        ([" a", "b ", "\tc", "\xa0d\u200b", "\ufeffe"], ["a", "b", "c", "d", "e"]),
        (["e\u0301"], ["é"]),
        (["e\u0301", "é", "a\u0308"], ["e\u0301", "é", "ä"]),
        (["17.0", "18.00", "-1.0", "nan", "", None], ["17", "18", "-1", "nan", "", None]),
        ([" 17.0", "18.0 "], ["17", "18"]),
        (["17.0", "18"], ["17.0", "18"]),
        (["17.0", "17.5"], ["17.0", "17.5"]),
        (["007.0", "17.0"], ["007.0", "17.0"]),
        (["a b", "A", "007", "a\nb", "a\x00"], ["a b", "A", "007", "a\nb", "a\x00"]),
    ],
)
def test_ids_are_put_right_only_where_nothing_is_lost(ids, tidy):
    assert tidy_ids(pa.array(ids, pa.string())).ids.to_pylist() == tidy


def test_what_was_put_right_is_said():
    said = tidy_ids(pa.array([" 17.0", "18.0"])).said
    assert said == [
        ("ids had spaces around them or letters in parts", 1, ["' 17.0' is '17.0'"]),
        ("ids are whole numbers", 2, ["'17.0' is '17'", "'18.0' is '18'"]),
    ]
    assert tidy_ids(pa.array(["17", "a"])).said == []


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("SKU-1", "sku-1", "upper and lower case"),
        ("17", "017", "zeros"),
        ("17.0", "17", r"ends in .0"),
        ("\u0410-1", "A-1", "character 1 is cyrillic capital letter a (U+0410), not latin"),
        ("a–1", "a-1", "character 2 is en dash (U+2013), not hyphen-minus (U+002D)"),
        ("a\u200b1", "a1", "character 2 is zero width space (U+200B), not digit one"),
        ("a 1", "a1", "character 2 is space"),
        ("ａ1", "a1", "character 1 is fullwidth latin small letter a"),
    ],
)
def test_look_alikes_are_shown_with_their_difference(one, other, told):
    for count, shown in (
        look_alikes(pa.array([one]), pa.array(["x", other])),
        look_alikes(pa.array(["x", other, one])),
    ):
        assert (count, len(shown)) == (1, 1)
        assert told in shown[0]


def test_ids_that_merely_differ_do_not_look_alike():
    ids = ["1", "2", "10", "a1", "a2", "al", "a_1", "0", "", "红", "é", "e"]
    assert look_alikes(pa.array(ids)) == (0, [])


def events(shop, *items):
    lines = [f"u{row},{item},2020-01-0{row + 1}\n" for row, item in enumerate(items)]
    shop.write("events.csv", "user,item,when\n" + "".join(lines))


HEADER = "id,title,colour,price,tags\n"


@pytest.mark.parametrize(
    ("catalogue", "bought", "known"),
    [
        (["17", "18"], ["17.0", "18.0"], 2),
        (["17.0", "18.0"], ["17", "18"], 2),
        (["17.0", "18.0"], ["17.0", "18.0"], 2),
        (["17.0", "18.0"], ["17.0", "x"], 1),
        (["1.0", "1.5"], ["1.0", "1.0"], 2),
        (["1", "1.5"], ["1", " 1.5"], 2),
        (["1.0", "1.5", "2"], ["1.0", "2.0"], 2),
        (["e\u0301", "é"], ["e\u0301", "e\u0301"], 2),
    ],
)
def test_ids_of_both_tables_meet(shop, catalogue, bought, known):
    shop.write("items.csv", HEADER + "".join(f"{item},t,c,1,g\n" for item in catalogue))
    events(shop, *bought)
    assert len(shop.load().events) == known


def test_ids_that_a_catalogue_tells_apart_are_not_mixed_up(shop):
    shop.write("items.csv", HEADER + "é,t,c,1,g\ne\u0301,t,c,1,g\n")
    events(shop, "e\u0301", "é", "e\u0301")
    data = shop.load()
    assert data.events.item.tolist() == [1, 0, 1]
    (note,) = data.report.notes
    assert "character 1 is latin small letter e (U+0065), not" in note.examples[0]


def test_ids_that_become_one_are_counted_as_repeats(shop):
    shop.write("items.csv", HEADER + "001,t,c,1,g\n 001 ,t,c,1,g\n002,t,c,1,g\n")
    report = shop.load().report
    assert [(finding.check, finding.count) for finding in report.findings] == [
        ("duplicate_items", 1)
    ]


def test_unknown_ids_that_look_like_known_ones_are_told(shop):
    shop.write("items.csv", HEADER + "SKU-1,t,c,1,g\nSKU-2,t,c,1,g\n")
    events(shop, "SKU-1", "sku-2")
    report = shop.load().report
    (note,) = [note for note in report.notes if note.examples]
    assert note.examples == ("'sku-2' looks like 'SKU-2': upper and lower case differ",)
    assert report.found("unknown_items") == 1


def test_pictures_are_named_by_the_tidy_id(shop):
    from PIL import Image

    shop.features(photo={"kind": "image", "path": "{id}.png"})
    shop.write("items.csv", "id\n17.0\n18.0\n")
    for name in ("17", "18"):
        Image.new("RGB", (4, 4)).save(shop.folder / f"{name}.png")
    events(shop, "17", "18")
    assert shop.load().items.features["photo"].present.all()
