"""Workbooks and archives."""

import zipfile
from xml.sax.saxutils import escape

import pytest

from tfmm.data.tables import TableError, as_text, read_table

ASKED = {"sku": "items.id", "name": "items.features.name"}
SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def write_workbook(path, sheets):
    """The least that a workbook is: numbers, and texts in their cells; style 1 is a date."""

    def cell(value):
        if value is None:
            return "<c/>"
        if isinstance(value, tuple):
            return f'<c s="1"><v>{value[0]}</v></c>'
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    def sheet(rows):
        lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        return f'<worksheet xmlns="{SPREADSHEET}"><sheetData>{lines}</sheetData></worksheet>'

    names = "".join(
        f'<sheet name="{name}" sheetId="{i}" r:id="rId{i}"/>' for i, name in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{RELATIONS}/worksheet" Target="worksheets/s{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    with zipfile.ZipFile(path, "w") as book:
        book.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" '
            'ContentType="application/xml"/></Types>',
        )
        book.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{SPREADSHEET}" xmlns:r="{RELATIONS}"><sheets>{names}</sheets>'
            "</workbook>",
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{PACKAGE}/relationships">{links}<Relationship Id="rIdS" '
            f'Type="{RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        )
        book.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{SPREADSHEET}"><cellXfs count="2"><xf numFmtId="0"/>'
            '<xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        for i, rows in enumerate(sheets.values(), 1):
            book.writestr(f"xl/worksheets/s{i}.xml", sheet(rows))
    return path


ROWS = [["SKU ", "name", "when"], [17, "Möller", (45000,)], [None, None, None], [18, None, None]]


def test_workbook_is_a_table(tmp_path):
    path = write_workbook(tmp_path / "t.xlsx", {"Sheet1": ROWS, "Sheet2": []})
    read = read_table(path, {**ASKED, "when": "events.time"})
    assert as_text(read.table.column("sku"), "sku").to_pylist() == ["17", "18"]
    assert read.table.column("name").to_pylist() == ["Möller", None]
    assert as_text(read.table.column("when"), "when").to_pylist()[0].startswith("2023-03-15")
    assert read.notes == ["the column 'SKU ' is read for 'sku'"]


def test_sheet_is_the_one_named_or_the_only_one_that_fits(tmp_path):
    sheets = {"Info": [["about"], ["us"]], "Products": ROWS}
    path = write_workbook(tmp_path / "t.xlsx", sheets)
    for named in (path, tmp_path / "t.xlsx#Products"):
        assert read_table(named, ASKED).table.num_rows == 2
    with pytest.raises(TableError, match=r"no sheet 'Product'; its sheets: 'Info', 'Products'"):
        read_table(tmp_path / "t.xlsx#Product", ASKED)
    write_workbook(path, {**sheets, "Old": ROWS})
    with pytest.raises(TableError, match=r"not clear which sheet .*t\.xlsx#SHEET"):
        read_table(path, ASKED)


def test_what_is_no_workbook_says_so(tmp_path):
    (tmp_path / "t.xlsx").write_bytes(b"sku,name\n")
    with pytest.raises(TableError, match=r"cannot read t\.xlsx: it is no workbook"):
        read_table(tmp_path / "t.xlsx", ASKED)


def test_table_of_a_zip_is_read(tmp_path):
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("export/items.csv", "sku;name\np0;é\n".encode("cp1252"))
        archive.writestr("__MACOSX/export/._items.csv", b"x")
    read = read_table(path, ASKED)
    assert read.table.to_pylist() == [{"sku": "p0", "name": "é"}]
    assert read.notes[0].startswith("encoding cp1252, by its letters: ")
    assert read.notes[1:] == ["delimiter semicolon"]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("orders#1.json", '[{"sku": 1, "name": "a"}]')
    assert read_table(tmp_path / "shop.zip#export/items.csv", ASKED).table.num_rows == 1
    assert read_table(tmp_path / "shop.zip#orders#1.json", ASKED).table.num_rows == 1
    with pytest.raises(TableError, match=r"holds 2 files; say `table: shop\.zip#FILE`"):
        read_table(path, ASKED)
    with pytest.raises(TableError, match=r"no file 'items\.csv'; its files: 'export/items\.csv'"):
        read_table(tmp_path / "shop.zip#items.csv", ASKED)


def test_a_file_may_have_the_mark_of_a_part_in_its_name(tmp_path):
    (tmp_path / "t#1.csv").write_text("sku,name\np0,a\n")
    assert read_table(tmp_path / "t#1.csv", ASKED).table.num_rows == 1
    with pytest.raises(TableError, match="only workbooks and archives have parts, such as 'x'"):
        read_table(tmp_path / "t#1.csv#x", ASKED)


def test_a_zip_writes_nothing_outside_and_is_told_where_broken(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("../../out.csv", "sku,name\np0,a\n")
    assert read_table(tmp_path / "t.zip", ASKED).table.num_rows == 1
    assert not (tmp_path.parent.parent / "out.csv").exists()
    (tmp_path / "t.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(TableError, match=r"cannot read t\.zip: it is a broken"):
        read_table(tmp_path / "t.zip", ASKED)
