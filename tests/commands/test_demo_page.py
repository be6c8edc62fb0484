"""The page and the picture of recommended products, from made-up recommendations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tfmm.commands.demo.page import write_page, write_picture
from tfmm.evaluation.html.shelves import Card, Section, Shelf, Table


@pytest.fixture
def section(tmp_path: Path) -> Section:
    Image.new("RGB", (40, 60), (200, 30, 30)).save(tmp_path / "a.jpg")
    red = Card("Red <dress>", tmp_path / "a.jpg", note="0.91", badge="new")
    empty = Card("No picture", None)
    return Section("For shoppers", "Text.", "saw", "gets", [Shelf("s1", [empty], [red, empty])])


def test_page_needs_no_other_file_and_escapes_titles(section, tmp_path):
    table = Table(["Recall@20", "warm"], [["tfmm", "0.30"], ["EASE", "0.20"]], best={1: 0})
    file = write_page(tmp_path / "new" / "page.html", "The shop", "Intro & more", [section], table)
    page = file.read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 1
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "http:" not in page
    assert "https:" not in page
    assert "Red &lt;dress&gt;" in page
    assert "<dress>" not in page
    assert "Intro &amp; more" in page
    assert '<td class="best">0.30</td>' in page
    assert "<td>0.20</td>" in page
    assert "$" not in page


def test_picture_shows_the_products(section, tmp_path):
    file = write_picture(tmp_path / "new" / "page.png", "The shop", section)
    with Image.open(file) as image:
        assert image.format == "PNG"
        assert image.width > 800
        colours = image.convert("RGB").getcolors(maxcolors=1 << 20)
    assert sum(n for n, (r, g, b) in colours if r > 180 and g < 60 and b < 60) > 1000


def test_missing_picture_is_named(tmp_path):
    shelf = Shelf("s1", [], [Card("x", tmp_path / "gone.jpg")])
    lost = Section("a", "b", "c", "d", [shelf])
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg"):
        write_page(tmp_path / "page.html", "t", "i", [lost])
