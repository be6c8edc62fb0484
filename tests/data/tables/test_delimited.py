"""Delimited tables in the dialects that shops export."""

import bz2
import codecs
import gzip
import time

import pytest

from tfmm.data.progress import Bar
from tfmm.data.shop_file.specs import FormatSpec, ShopFileError
from tfmm.data.tables import TableError, read_table
from tfmm.data.tables import file as module

ASKED = {"sku": "items.id", "name": "items.features.name"}
NAMES = {
    "cp1252": "Fauteuil d'été à 5 €",
    "gb18030": "红色连衣裙 夏季新款",
    "shift_jis": "赤いドレス 新品 表示",
    "cp1251": "Красное платье",
    "cp1250": "Żółta sukienka, łąka",
    "utf-8": "Möller 椅子",
}


def rows_of(read):
    return [tuple(row.values()) for row in read.table.to_pylist()]


def write(path, text, encoding="utf-8", mark=b""):
    path.write_bytes(mark + text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", NAMES)
@pytest.mark.parametrize("rows", [2, 400])
def test_encoding_is_found_and_said(tmp_path, encoding, rows):
    name = NAMES[encoding]
    lines = ["sku;name", *(f"p{i};{name} {i}" for i in range(rows))]
    path = write(tmp_path / "t.csv", "\n".join(lines) + "\n", encoding)
    read = read_table(path, ASKED)
    assert rows_of(read) == [(f"p{i}", f"{name} {i}") for i in range(rows)]
    said = {"shift_jis": "cp932"}.get(encoding, encoding)
    assert any("semicolon" in note for note in read.notes)
    assert encoding == "utf-8" or any(
        note.startswith(f"encoding {said}, by its letters: ") for note in read.notes
    )


@pytest.mark.parametrize(
    ("encoding", "mark", "said"),
    [
        ("utf-8", codecs.BOM_UTF8, None),
        ("utf-16-le", codecs.BOM_UTF16_LE, "encoding utf-16, by its mark"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "encoding utf-16, by its mark"),
        ("utf-16-le", b"", "encoding utf-16-le, by its zeros"),
    ],
)
@pytest.mark.parametrize("ending", [".txt", ".csv", ".tsv"])
def test_excels_unicode_text_is_read(tmp_path, encoding, mark, said, ending):
    path = write(tmp_path / f"t{ending}", "sku\tname\r\np0\tMöller\r\n", encoding, mark)
    read = read_table(path, ASKED)
    assert rows_of(read) == [("p0", "Möller")]
    assert said is None or said in read.notes


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt", ".csv.gz"])
def test_delimiter_is_found_whatever_the_ending(tmp_path, delimiter, ending):
    lines = [("sku", "price", "name"), ("p0", '"1,5"', "A; b, c|d"), ("p1", "2", '"two\nlines"')]
    other = '"A; b, c|d"'
    text = "\n".join(delimiter.join(line) for line in lines).replace("A; b, c|d", other) + "\n"
    path = tmp_path / f"t{ending}"
    path.write_bytes(gzip.compress(text.encode()) if ending.endswith(".gz") else text.encode())
    read = read_table(path, ASKED)
    assert rows_of(read) == [("p0", "A; b, c|d"), ("p1", "two\nlines")]
    assert read.bad == []


def test_the_usual_dialect_says_nothing(tmp_path):
    read = read_table(write(tmp_path / "t.csv", "sku,name\np0,a\n"), ASKED)
    assert (rows_of(read), read.notes) == ([("p0", "a")], [])


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("sku,name\np0,'a, b'\np1,'c, d'\n", ("p0", "a, b")),
        ("'sku','name'\n'p0','a'\n'p1','b'\n", ("p0", "a")),
        ('sku\tname\np0\t"5 inch\np1\t"6 inch\np2\t7\n', ("p0", '"5 inch')),
        ('sku,name\np0,"say \\"hi\\", you"\np1,"b"\n', ("p0", 'say "hi", you')),
        ("sep=;\nsku;name\np0;a, b\n", ("p0", "a, b")),
    ],
)
def test_quotes_are_found(tmp_path, text, row):
    read = read_table(write(tmp_path / "t.csv", text), ASKED)
    assert rows_of(read)[0] == row
    assert read.bad == []
    assert read.notes


def test_what_the_shop_file_gives_goes_first(tmp_path):
    path = write(tmp_path / "t.csv", "sku;name\np0;łąka\n", "cp1250")
    given = FormatSpec(delimiter=";", encoding="cp1250")
    assert rows_of(read_table(path, ASKED, format=given)) == [("p0", "łąka")]
    odd = write(tmp_path / "t.dat", "sku:name\np0:a\n")
    assert rows_of(read_table(odd, ASKED, format=FormatSpec(delimiter=":"))) == [("p0", "a")]


@pytest.mark.parametrize("given", [None, "utf-8"])
def test_a_byte_of_another_encoding_is_named_with_its_line(tmp_path, given):
    lines = [b"sku,name", "p0,Möller".encode(), *(b"p%d,a" % i for i in range(200_000))]
    lines[150_000] = b"p,\xe9t\xe9"
    (tmp_path / "t.csv").write_bytes(b"\n".join(lines))
    with pytest.raises(TableError, match=r"t\.csv: line 150001 holds the byte 0xe9, .* not utf-8"):
        read_table(tmp_path / "t.csv", ASKED, format=FormatSpec(encoding=given))


def test_ascii_that_turns_to_another_encoding_late_is_read(tmp_path):
    lines = [b"sku,name", *(b"p%d,a" % i for i in range(200_000))]
    lines[60_001] = "p,été".encode("cp1252")
    (tmp_path / "t.csv").write_bytes(b"\n".join(lines))
    read = read_table(tmp_path / "t.csv", ASKED)
    assert rows_of(read)[60_000] == ("p", "été")
    assert "encoding cp1252, by its letters: été" in read.notes


def test_finding_the_dialect_of_a_large_table_takes_no_time(tmp_path):
    from tfmm.data.tables.dialect import find_dialect
    from tfmm.data.tables.encoding import find_encoding, sample
    from tfmm.data.tables.file import TableFile

    path = tmp_path / "t.csv"
    path.write_bytes(b"sku;name\n" + "p1;Fauteuil d'été\n".encode("cp1252") * 500_000)
    began = time.perf_counter()
    file = TableFile(path, "t.csv", "the shop")
    data = sample(file)
    assert find_encoding(file, data) == "cp1252"
    assert find_dialect(file, data.decode("cp1252"), ASKED).delimiter == ";"
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "header", [" sku , name ", "SKU,Name", "\ufeffsku,NAME", "s\u200bku,\xa0name"]
)
def test_spaces_and_case_of_names_are_forgiven_and_said(tmp_path, header):
    read = read_table(write(tmp_path / "t.csv", f"{header}\np0,a\n"), ASKED)
    assert rows_of(read) == [("p0", "a")]
    assert read.table.column_names == ["sku", "name"]
    assert any("is read for 'name'" in note for note in read.notes)


def test_names_are_quoted_where_none_fits(tmp_path):
    path = write(tmp_path / "t.csv", " Code , Title \np0,a\n")
    with pytest.raises(ShopFileError, match=r"no column 'sku'; Its columns: ' Code ', ' Title '"):
        read_table(path, {"sku": "items.id"})
    path = write(tmp_path / "t.csv", "SKU,Sku\np0,a\n")
    with pytest.raises(TableError, match=r"several columns named 'sku': 'SKU', 'Sku'"):
        read_table(path, {"sku": "items.id"})
    exact = write(tmp_path / "t.csv", "SKU,sku\np0,a\n")
    assert rows_of(read_table(exact, {"sku": "items.id"})) == [("a",)]


@pytest.mark.parametrize("data", [b"", b"\n\n", codecs.BOM_UTF8])
def test_an_empty_table_says_so(tmp_path, data):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(TableError, match=r"cannot read t\.csv: it is empty"):
        read_table(tmp_path / "t.csv", ASKED)


def test_bytes_that_are_no_text_say_so(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x02\x03")
    with pytest.raises(TableError, match=r"cannot read t\.csv: it holds zero bytes"):
        read_table(tmp_path / "t.csv", ASKED)


def test_spaces_before_quotes_are_part_of_the_dialect(tmp_path):
    path = write(tmp_path / "t.csv", 'sku, name\np0, "a, b"\np1, c\np2, "d\ne"\np3, x, y\n')
    read = read_table(path, ASKED)
    assert rows_of(read) == [("p0", "a, b"), ("p1", "c"), ("p2", "d\ne")]
    assert read.bad == ["3 cells for 2 columns: 'p3,x,y'"]
    assert "delimiter comma, spaces before quotes" in read.notes


def test_utf8_with_a_few_other_bytes_is_not_read_as_another_encoding(tmp_path):
    lines = [b"sku,name", *(f"p{n},Möller".encode() for n in range(20)), b"p,\xe9t\xe9"]
    (tmp_path / "t.csv").write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(TableError, match=r"line 22 holds the byte 0xe9, which is not utf-8"):
        read_table(tmp_path / "t.csv", ASKED)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "gb18030", "utf-8"])
def test_large_tables_are_read_whole(tmp_path, encoding):
    name = "椅子" if encoding == "gb18030" else "été"
    text = "sku;name\n" + "".join(f"p{n};{name} {n}\n" for n in range(60_000))
    read = read_table(write(tmp_path / "t.csv", text, encoding), ASKED)
    assert read.table.num_rows == 60_000
    assert rows_of(read)[59_999] == ("p59999", f"{name} 59999")


def test_a_byte_that_the_given_encoding_lacks_is_named(tmp_path):
    lines = [b"sku,name", *(b"p%d,a" % n for n in range(9)), b"p9,\x81"]
    (tmp_path / "t.csv").write_bytes(b"\n".join(lines))
    with pytest.raises(TableError, match=r"line 11 holds the byte 0x81, which is not cp1252"):
        read_table(tmp_path / "t.csv", ASKED, format=FormatSpec(encoding="cp1252"))


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.bz2"])
def test_a_large_table_is_read_the_same_with_a_bar(tmp_path, monkeypatch, ending):
    opener = {".csv": open, ".csv.gz": gzip.open, ".csv.bz2": bz2.open}[ending]
    path = tmp_path / f"商品{ending}"
    with opener(path, "wb") as file:
        file.write(b"id,name\n" + "".join(f"{i},帽 {i}\n" for i in range(5000)).encode())
    plain = read_table(path, None).table
    counted: list[int] = []

    class Counting(Bar):
        def advance(self, steps=1):
            super().advance(steps)
            counted.append(self.done)

    monkeypatch.setattr(module, "_LARGE", 0)
    monkeypatch.setattr(module, "_MB", 1)
    monkeypatch.setattr(module, "Bar", Counting)
    assert read_table(path, None).table.equals(plain)
    assert counted[-1] == path.stat().st_size
    assert plain.num_rows == 5000
