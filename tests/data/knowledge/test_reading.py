import numpy as np
import pytest

from tests.data.conftest import ShopFolder
from tfmm.data import CheckError, Shop, ShopFileError

HEADER = "sku,relation,value\n"


def told(data):
    """The triples by name: rows of the catalogue go by the items' ids."""
    known = data.knowledge
    names = np.concatenate([data.items.ids, known.entities])
    columns = (names[known.head], known.relations[known.relation], names[known.tail])
    return set(zip(*columns, strict=True))


@pytest.fixture
def shop(tmp_path):
    shop = ShopFolder(tmp_path)
    shop.features()
    shop.write("items.csv", "id\n001\n002\n帽子/1\n")
    shop.mapping["knowledge"] = {
        "table": "triples.csv",
        "head": "sku",
        "relation": "relation",
        "tail": "value",
    }
    return shop


def test_heads_and_tails_that_are_ids_are_items_and_others_are_entities(shop):
    rows = ["001,品牌/🎩,Ácme", " 002 ,品牌/🎩,Ácme", "001,goes with,帽子/1", "Ácme,based in,京都"]
    shop.write("triples.csv", HEADER + "\n".join(rows) + "\n")
    data = shop.load()
    assert told(data) == {
        ("001", "品牌/🎩", "Ácme"),
        ("002", "品牌/🎩", "Ácme"),
        ("001", "goes with", "帽子/1"),
        ("Ácme", "based in", "京都"),
    }
    assert data.knowledge.head.dtype == data.knowledge.relation.dtype == np.int32
    assert data.report.counts["knowledge"] == {
        "triples": 4,
        "relations": 3,
        "items": 3,
        "entities": 2,
    }
    assert data.report.counts["rows"]["knowledge"] == 4
    (finding,) = data.report.findings
    assert (finding.check, finding.policy) == ("unknown_heads", "keep")
    assert finding.examples == ("row 4: 'Ácme', 'based in', '京都'",)


def test_a_relation_keeps_the_form_that_it_is_written_in(shop):
    shop.write("triples.csv", HEADER + "001,1.0,x\n002,2.0,x\n")
    assert shop.load().knowledge.relations.tolist() == ["1.0", "2.0"]


def test_what_is_wrong_is_counted_and_the_rest_stays(shop):
    rows = ["001,is,red", "001,is,red", "002,is,", "NaN,is,red", "001,like,001", "404,is,blue"]
    shop.write("triples.csv", HEADER + "\n".join(rows) + "\n")
    data = shop.load(policies={"unknown_heads": "drop"})
    found = {finding.check: finding.count for finding in data.report.findings}
    assert found == {
        "empty_triples": 2,
        "duplicate_triples": 1,
        "looped_triples": 1,
        "unknown_heads": 1,
    }
    assert told(data) == {("001", "is", "red")}
    assert data.knowledge.entities.tolist() == ["red"]
    with pytest.raises(CheckError, match=r"unknown_heads in knowledge: 1 .*'404', 'is', 'blue'"):
        shop.load(policies={"unknown_heads": "raise"})


def test_a_link_joins_items_with_the_names_that_triples_have_for_them(shop):
    # The entity 001 is no item: ids and entities are two sets of names.
    shop.write("triples.csv", HEADER + "q1,is,red\nq2,like,q1\n001,is,red\n")
    links = "item,entity\n001,q1\n002,q1\n帽子/1,q2\n帽子/1,q2\n404,q3\n,q4\n002,unheard of\n"
    shop.write("links.csv", links)
    link = {"table": "links.csv", "item": "item", "entity": "entity"}
    shop.mapping["knowledge"]["link"] = link
    data = shop.load()
    names = [*data.items.ids, *(f"<{name}>" for name in data.knowledge.entities)]
    known = data.knowledge
    found = {
        (names[h], known.relations[r], names[t])
        for h, r, t in zip(known.head, known.relation, known.tail, strict=True)
    }
    assert found == {
        ("001", "is", "<red>"),
        ("002", "is", "<red>"),
        ("帽子/1", "like", "001"),
        ("帽子/1", "like", "002"),
        ("<001>", "is", "<red>"),
    }
    counts = {finding.check: finding.count for finding in data.report.findings}
    assert counts == {"bad_ids": 1, "unknown_links": 1, "unknown_heads": 1}
    assert data.shop.knowledge == Shop.from_dict(data.shop.to_dict()).knowledge


def test_two_names_of_one_item_are_not_joined(shop):
    shop.write("triples.csv", HEADER + "q1,same as,q2\nq1,is,red\n")
    shop.write("links.csv", "item,entity\n001,q1\n001,q2\n")
    link = {"table": "links.csv", "item": "item", "entity": "entity"}
    shop.mapping["knowledge"]["link"] = link
    assert told(shop.load()) == {("001", "is", "red")}


def test_what_is_known_of_a_variant_is_known_of_its_product(shop):
    shop.write("items.csv", "id,parent\n001,\n001-L,001\n002,\n")
    shop.mapping["items"]["parent"] = "parent"
    shop.write("triples.csv", HEADER + "001-L,is,red\n001,same as,001-L\n002,like,001-L\n")
    assert told(shop.load()) == {("001", "is", "red"), ("002", "like", "001")}


def test_items_without_a_table_are_those_that_events_have(shop):
    del shop.mapping["items"]
    shop.write("triples.csv", HEADER + "002,like,001\n003,is,red\n")
    assert told(shop.load()) == {("002", "like", "001"), ("003", "is", "red")}


def test_ids_that_a_tool_wrote_as_floats_are_found(shop):
    shop.write("items.csv", "id\n1.0\n2.0\n")
    shop.write("events.csv", "user,item,when\nu1,1,2020-01-01\n")
    shop.write("triples.csv", HEADER + "1.0,like,2\n2,is,red\n")
    assert told(shop.load()) == {("1", "like", "2"), ("2", "is", "red")}


@pytest.mark.parametrize("text", [HEADER, HEADER + ",,\n"])
def test_an_empty_table_is_no_knowledge(shop, text):
    shop.write("triples.csv", text)
    data = shop.load()
    assert len(data.knowledge) == len(data.knowledge.entities) == 0
    assert data.report.counts["knowledge"]["triples"] == 0


def test_a_shop_without_a_table_knows_nothing(shop):
    del shop.mapping["knowledge"]
    data = shop.load()
    assert len(data.knowledge) == 0
    assert "knowledge" not in data.report.counts


def test_a_shop_of_items_alone_may_know_something(shop):
    del shop.mapping["events"]
    shop.write("triples.csv", HEADER + "001,like,002\n")
    assert told(shop.load()) == {("001", "like", "002")}


def test_columns_of_a_table_without_a_line_of_names_are_named(shop):
    shop.write("triples.txt", "001\tis\tred\n002\tis\tblue\n")
    shop.mapping["knowledge"] |= {
        "table": "triples.txt",
        "format": {"header": ["sku", "relation", "value"]},
    }
    assert told(shop.load()) == {("001", "is", "red"), ("002", "is", "blue")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tail": "sku"}, "`head` and `tail` are the same column 'sku'"),
        ({"relation": "sort"}, r"knowledge.relation: triples.csv has no column 'sort'"),
        ({"tale": "value"}, "unknown key `knowledge.tale`.*did you mean"),
        ({"link": {"table": "links.csv", "item": "item"}}, r"knowledge.link.entity"),
        ({"format": {"header": ["a", "a"]}}, "'a' more than once"),
    ],
)
def test_a_table_that_cannot_be_read_as_written_is_refused(shop, change, said):
    shop.write("triples.csv", HEADER + "001,is,red\n")
    shop.mapping["knowledge"] |= change
    with pytest.raises(ShopFileError, match=said):
        shop.load()
