"""Which row names the columns, where a report's title stands above it."""

from __future__ import annotations

import pytest

from tests.data.tables.test_archives import write_workbook
from tfmm.data.shop_file.specs import FormatSpec
from tfmm.data.tables import read_table
from tfmm.data.tables.header import header_row

ASKED = {"sku": "items.id", "название": "items.features.название"}
GIVEN = [("a,1", "шляпа"), ("b", "шарф, серый")]
ABOVE = {
    "a title": "Umsatzbericht 2024\n",
    "a title and blank lines": "Umsatzbericht 2024\n\n  \nStand: 01.02.2024\n\n",
    "comments": "# ---------\n# Analytics, all pages, 2024\n# 20230101-20230131\n# ---------\n\n",
    "padded by Excel": "Rapport,,\nDate,2024-01-31,\n,,\n",
    "a quoted title of two lines": '"Bericht\nvon allem"\n\n',
    "more rows than the sample's": "x\n" * 25,
}


def csv(above, mark=","):
    rows = [("sku", "x", "название"), *((i, "1", n) for i, n in GIVEN)]
    quoted = [mark.join(f'"{c}"' if mark in c else c for c in row) for row in rows]
    return above.replace(",", mark) + "\n".join(quoted) + "\n"


@pytest.mark.parametrize("mark", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1251"])
@pytest.mark.parametrize("kind", ABOVE)
def test_lines_above_the_names_are_left_out_and_said(tmp_path, kind, encoding, mark):
    path = tmp_path / "t.csv"
    path.write_bytes(csv(ABOVE[kind], mark).encode(encoding))
    for asked in (ASKED, None):
        read = read_table(path, asked)
        table = read.table.select(list(ASKED))
        assert list(zip(*(c.to_pylist() for c in table.columns), strict=True)) == GIVEN
        assert read.bad == []
        lines = ABOVE[kind].count("\n")
        assert any(f"{lines} lines above the columns' names are" in note for note in read.notes)


def test_what_is_asked_for_decides_where_the_shape_does_not(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("für,Januar,2024\nsku,n,название\na,1,x\n", encoding="utf-8")
    assert read_table(path, ASKED).table.to_pydict() == {"sku": ["a"], "название": ["x"]}
    given = read_table(path, ASKED, format=FormatSpec(skip=1))
    assert given.table.to_pydict() == {"sku": ["a"], "название": ["x"]}
    assert given.notes == []


@pytest.mark.parametrize(
    "text",
    [
        "sku,название\na,x\nb,y\n",
        ",название\na,x\nb,y\n",  # an index without a name
        "sku,n\na,x,\nb,y,\n",  # a comma too many in every row
        "sku,название,,\na,x,1,2\nb,y,1,2\n",
        "sku\na\nb\n",
    ],
)
def test_the_first_line_is_the_header_of_other_tables(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    read = read_table(path, None)
    assert not any("above" in note for note in read.notes)
    assert header_row([line.split(",") for line in text.splitlines()]) == 0


def test_workbooks_have_titles_too(tmp_path):
    rows = [("Rapport des ventes", ""), ("", ""), ("sku", "название"), *GIVEN]
    path = write_workbook(tmp_path / "店.xlsx", {"Blatt": rows, "Zweites": [("a", "b"), (1, 2)]})
    read = read_table(path, ASKED)
    assert list(zip(*(c.to_pylist() for c in read.table.columns), strict=True)) == GIVEN
    assert "1 rows above the columns' names are left out, the first 'Rapport des ventes'" in (
        read.notes
    )
    assert read_table(path, ASKED, format=FormatSpec(skip=1)).table.equals(read.table)
