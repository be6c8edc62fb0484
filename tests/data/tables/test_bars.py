"""Reading tables that take long tells a bar how far it has come."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.tables.test_archives import write_workbook
from tfmm.data.progress import Bar
from tfmm.data.tables import file as files
from tfmm.data.tables import read_table
from tfmm.data.tables.typed import parquet

ASKED = {"编号": "items.id", "prix": "items.features.prix"}
ROWS = [(f"货/{n}", n + 0.5) for n in range(5000)]


@pytest.fixture
def told(monkeypatch):
    """What bars were told: description, total and how much was done, at each step."""
    steps = []
    advance = Bar.advance

    def tell(self, count=1):
        advance(self, count)
        steps.append((self.description, self.total, self.done))

    monkeypatch.setattr(Bar, "advance", tell)
    return steps


def is_whole(told, shown):
    """Whether a bar came to its end, in more than one step, under the table's name."""
    assert {description for description, _, _ in told} == {f"reading {shown}"}
    assert len(told) > 1
    assert told[-1][1] == told[-1][2]
    return True


@pytest.mark.parametrize("rows", [None, 4000])
def test_parquet_by_row_groups_and_parts(tmp_path, told, monkeypatch, rows):
    monkeypatch.setattr(parquet, "_STEP", 900)
    folder = tmp_path / "清单"
    folder.mkdir()
    table = pa.table({"编号": [i for i, _ in ROWS], "prix": [p for _, p in ROWS]})
    pq.write_table(table.slice(0, 3000), folder / "a.parquet", row_group_size=500)
    pq.write_table(table.slice(3000), folder / "b.parquet", row_group_size=500)
    read = read_table(folder, ASKED, rows=rows).table
    assert read.equals(table.slice(0, rows))
    if rows is None:
        assert is_whole(told, "清单")
        assert [done for _, _, done in told] == [1000, 2000, 3000, 4000, 5000]


def test_json_lines_array_and_literals(tmp_path, told, monkeypatch):
    monkeypatch.setattr(files, "_LARGE", 0)
    monkeypatch.setattr(files, "_MB", 1)
    rows = [{"编号": i, "prix": p} for i, p in ROWS]
    wanted = {"编号": [i for i, _ in ROWS], "prix": [p for _, p in ROWS]}
    lines = tmp_path / "l.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert read_table(lines, ASKED).table.to_pydict() == wanted
    assert told[-1] == ("reading l.jsonl", lines.stat().st_size, lines.stat().st_size)
    told.clear()
    array = tmp_path / "a.json"
    array.write_text(json.dumps(rows), encoding="utf-8")
    assert read_table(array, ASKED).table.to_pydict() == wanted
    assert is_whole(told, "a.json")
    told.clear()
    literals = tmp_path / "p.json"
    literals.write_text("".join(f"{row!r}\n" for row in rows), encoding="utf-8")
    assert read_table(literals, ASKED).table.to_pydict() == wanted
    assert is_whole(told, "p.json")
    assert ("reading p.json", len(rows) + 1, len(rows) + 1) in told


def test_workbooks(tmp_path, told):
    path = write_workbook(tmp_path / "店.xlsx", {"Blatt": [("编号", "prix"), *ROWS[:50]]})
    read = read_table(path, ASKED).table
    assert read["编号"].to_pylist() == [i for i, _ in ROWS[:50]]
    assert is_whole(told, "店.xlsx")
