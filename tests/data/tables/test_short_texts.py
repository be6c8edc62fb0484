"""Encodings of tables of a few short words, as shops' first exports are."""

from __future__ import annotations

import pytest

from tfmm.data.tables import read_table

SHORT = [
    ("cp1252", "sku;bezeichnung\n1;Mütze\n2;Gürtel\n3;Hut\n"),
    ("cp1252", "ref;nom\n1;août\n2;mûre\n3;goût\n"),
    ("cp1252", "id;nombre\n1;Señal\n2;camión niño\n"),
    ("cp1252", "id;navn\n1;blå kjole\n2;rød hue\n"),
    ("cp1252", "id;price\n1;€ 5\n2;€ 7\n"),
    ("cp1252", "id;text\n1;“quoted” – dash\n"),
    ("cp1250", "id;nazwa\n1;Żółta łódź\n2;Gęś\n"),
    ("cp1250", "id;název\n1;Žluťoučký kůň\n2;Čepice\n"),
    ("cp1250", "id;név\n1;Gyapjú sapka\n2;Őszi kabát\n3;Tűz\n"),
    ("mac_roman", "ref;libellé\n1;Théière\n2;Bol à café\n"),
    ("mac_roman", "sku;bezeichnung;farbe\n1;Mütze aus Wolle;grün\n2;Gürtel;weiß\n"),
    ("cp1251", "id;n\n1;шарф\n"),
    ("gb18030", "id,名称\n1,帽子\n"),
    ("gb18030", "sku,标题,颜色\nA1,纯棉T恤,白色\nA2,牛仔裤,蓝色\n"),
    ("cp932", "id,商品名\n1,茶碗\n2,急須\n3,湯呑\n"),
    ("cp932", "番号,名前\n1,赤い帽子\n2,ウールのマフラー\n"),
    ("euc_jp", "番号,名前\n1,赤い帽子\n2,ウールのマフラー\n"),
    ("big5", "編號,名稱\n1,紅色帽子\n2,羊毛圍巾\n"),
    ("cp949", "번호,이름\n1,빨간 모자\n2,목도리\n"),
]


@pytest.mark.parametrize(("encoding", "text"), SHORT)
def test_a_few_words_tell_and_are_shown(tmp_path, encoding, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    read = read_table(path, None)
    names, *rows = (line.split(";" if ";" in text else ",") for line in text.splitlines())
    assert read.table.column_names == names
    assert [[*row.values()] for row in read.table.to_pylist()] == rows
    said = next(note for note in read.notes if note.startswith("encoding "))
    words = said.partition(": ")[2].split(", ") if ": " in said else []
    assert all(word in text for word in words)
    assert bool(words) == any(letter.isalpha() and not letter.isascii() for letter in text)
