"""JSON as shops and data sets write it."""

import json

import pytest

from tfmm.data.tables import TableError, as_numbers, as_text, read_table

ASKED = {"sku": "items.id", "tags": "items.features.tags", "price": "items.features.price"}
ROWS = [
    {"sku": "p0", "tags": ["a", "b"], "price": 4.99, "more": {"x": 1}},
    {"sku": "p1", "tags": [], "price": 1.299, "more": {"x": None}},
]


def check(read):
    assert read.table.column("sku").to_pylist() == ["p0", "p1"]
    assert read.table.column("tags").to_pylist() == [["a", "b"], []]
    assert as_numbers(read.table.column("price"), "price").tolist() == [4.99, 1.299]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_array_is_a_table(tmp_path, indent, encoding):
    path = tmp_path / "t.json"
    path.write_text(json.dumps(ROWS, indent=indent), encoding=encoding)
    check(read_table(path, ASKED))


def test_json_lines_are_read_whatever_the_ending(tmp_path):
    path = tmp_path / "t.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    check(read_table(path, ASKED))


@pytest.mark.parametrize("indent", [None, 2])
def test_rows_under_one_key_are_the_table(tmp_path, indent):
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"products": ROWS}, indent=indent))
    read = read_table(path, ASKED)
    check(read)
    assert read.notes == ["the rows are those of its 'products'"]


@pytest.mark.parametrize("whole", [False, True])
def test_python_literals_are_read(tmp_path, whole):
    path = tmp_path / "t.json"
    text = repr(ROWS) if whole else "".join(repr(row) + "\n" for row in ROWS)
    path.write_text(text.replace("'p0'", "u'p0'"))
    read = read_table(path, ASKED)
    check(read)
    assert any("literal" in note for note in read.notes)


def test_python_is_never_run(tmp_path):
    path = tmp_path / "t.json"
    made = tmp_path / "run_by_a_table"
    path.write_text(f"{{'sku': __import__('os').mkdir({str(made)!r})}}\n")
    with pytest.raises(TableError, match=r"t\.json: line 1 is not JSON"):
        read_table(path, {"sku": "items.id"})
    assert not made.exists()
    path.write_text("[" * 100_000)
    with pytest.raises(TableError, match="no JSON array"):
        read_table(path, {"sku": "items.id"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"sku": 1}, 2]', "entry 2 of its array is no object"),
        ('[{"sku": 1},', "it is no JSON array"),
        ('{"sku": 1}\n3\n', "line 2 is not a JSON object"),
        ('{"sku": {"a": 1}}\n', "sku.*struct"),
        ('[{"sku": {"a": 1}}]', "entry 1: column 'sku' holds an object"),
    ],
)
def test_broken_json_is_named(tmp_path, text, told):
    path = tmp_path / "t.json"
    path.write_text(text)
    with pytest.raises(TableError, match=told):
        as_text(read_table(path, {"sku": "items.id"}).table.column("sku"), "column 'sku'")


@pytest.mark.parametrize("text", ["", " \n", "[]"])
def test_json_without_rows_says_so(tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(TableError, match=r"cannot read t\.json: it has no rows"):
        read_table(tmp_path / "t.json", {"sku": "items.id"})


def test_nan_is_nothing(tmp_path):
    (tmp_path / "t.json").write_text('[{"sku": "a"}, {"sku": NaN}, {"sku": null}]')
    read = read_table(tmp_path / "t.json", {"sku": "items.id"})
    assert read.table.column("sku").to_pylist() == ["a", None, None]
