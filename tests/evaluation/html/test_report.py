"""A report as a page: what strangers wrote is text in it, and nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.browser import resized
from tfmm.commands import main as cli
from tfmm.evaluation.html.kept import keep_shelves, kept_shelves
from tfmm.evaluation.html.report import report_page
from tfmm.evaluation.html.shelves import Card, Shelf
from tfmm.evaluation.html.shelves import Section as Products
from tfmm.evaluation.report import MODEL, Section, escaped, picture, table, write_report

NAMES = [
    "<script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 1'>",
    "[here](http://evil.example/a) ![](http://evil.example/b.png)",
    "<http://evil.example> http://evil.example",
    "**bold** __bold__ `code` ~~gone~~ &lt; &amp;",
    "a|b \\| c \\\\ $title ${style}",
    "# 红色 帽子/é 😀",
    "[x]: http://evil.example",
]


class Read(HTMLParser):
    """Elements by tag, and the text of each row's first cell."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.firsts: list[str] = []
        self.cell = -1
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.cell = 0
        elif tag in ("td", "th"):
            self.cell += 1
            if self.cell == 1:
                self.firsts.append("")

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.cell == 1:
            self.cell = 2

    def handle_data(self, data):
        if self.cell == 1:
            self.firsts[-1] += data


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run that has a report, with names that break pages."""
    folder = tmp_path / "运行 é" / "a & b"
    (folder / "plots").mkdir(parents=True)
    Image.new("RGB", (1400, 500), (30, 160, 40)).save(folder / "plots" / "wide.png")
    rows = [[name, 0.1 * place, 2.0 - place] for place, name in enumerate(NAMES)]
    rows.append([MODEL, 0.05, None])
    text = f"By {escaped(NAMES[0])} and {escaped(NAMES[2])}."
    sections = [
        Section("In short", [text]),
        Section(
            "Labels",
            [
                table(["", "recall", "loss"], rows, higher=[1], lower=[2]),
                table(["asked by", MODEL], [["words", MODEL]]),
                picture(folder / "plots" / "wide.png", "A wide plot"),
                picture(folder / "plots" / "gone.png", "A lost plot"),
            ],
        ),
    ]
    write_report(folder / "report.md", sections, {"seconds": {"load": 1.0}})
    (folder / "config.yaml").write_text(yaml.safe_dump({"name": "<b>店</b>"}))
    (folder / "metrics.json").write_text("{}")
    return folder


def test_what_strangers_wrote_is_text(run):
    page = report_page(run).read_text("utf-8")
    read = Read(page)
    assert read.firsts[1 : len(NAMES) + 1] == NAMES
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"script", "iframe", "object", "form", "base", "b", "code", "del"}
    addresses = [
        value
        for _, attributes in read.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data")
    ]
    assert addresses
    assert all(re.match(r"data:image/png;base64,|data:,$|#s[0-9]$", str(a)) for a in addresses)
    assert "&lt;b&gt;店&lt;/b&gt;" in page
    assert not [name for _, found in read.elements for name in found if name.startswith("on")]
    assert not [name for _, found in read.elements for name in found if name == "style"]


def test_the_policy_lets_the_page_own_styles_and_nothing_else(run):
    page = report_page(run).read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_the_best_of_a_column_is_marked_and_plots_are_inside(run):
    page = report_page(run).read_text("utf-8")
    assert re.findall(r'<td class="best"><strong>(.*?)</strong>', page) == ["0.7000", "-5.00"]
    # A word that is bold is no best, wherever it stands.
    assert "<td><strong>model</strong></td>" in page
    assert "<th><strong>model</strong></th>" in page
    assert page.count('<figure class="plot wide"') == 1
    assert "[A lost plot: there is no plots/gone.png]" in page
    assert '<div id="s1"><section class="short"><h2>In short</h2>' in page


def test_a_plot_that_points_out_of_the_folder_is_not_taken(run):
    (run.parent / "secret.png").write_bytes((run / "plots" / "wide.png").read_bytes())
    (run / "plots" / "wide.png").unlink()
    (run / "plots" / "wide.png").symlink_to(run.parent / "secret.png")
    with (run / "report.md").open("a", encoding="utf-8") as report:
        report.write("\n![up](plots/../../secret.png)\n\n![abs](/etc/passwd)\n")
    assert "data:image" not in report_page(run).read_text("utf-8")


def test_a_backtest_has_a_page_too(run):
    (run / "config.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"neither config\.yaml nor backtest\.yaml"):
        report_page(run)
    given = {"every": "7d", "run": {"name": "shop"}}
    (run / "backtest.yaml").write_text(yaml.safe_dump(given))
    with pytest.raises(FileNotFoundError, match=r"for want of backtest\.json.*tfmm backtest"):
        report_page(run)
    (run / "backtest.json").write_text("{}")
    page = report_page(run, run / "neu" / "页.html")
    assert page == run / "neu" / "页.html"
    assert "windows of 7d" in page.read_text("utf-8")


def test_an_unfinished_run_is_told(run, capsys):
    (run / "metrics.json").unlink()
    assert cli.main(["report", str(run)]) == 1
    said = capsys.readouterr().err
    assert "holds no report yet, for want of metrics.json" in said
    assert "Traceback" not in said


def test_the_command_writes_the_page_without_tensorflow(run):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from tfmm.commands.main import main\n"
            f"code = main(['report', {str(run)!r}, '--no-open'])\n"
            "print(code, 'tensorflow' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"wrote {run / 'report.html'}", "0 False"]
    assert done.stderr == ""


@pytest.mark.slow
def test_a_browser_shows_it_without_a_complaint_or_a_request(run, driver):
    address = report_page(run).resolve().as_uri()
    for width in (1280, 390):
        resized(driver, width, 844)
        driver.get(address)
        wide = driver.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width
        loaded = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        assert [name for name in driver.execute_script(loaded) if name[:5] != "data:"] == []
        drawn = "return [...document.images].every((image) => image.naturalWidth > 0)"
        assert driver.execute_script(drawn)
        look = "return getComputedStyle(document.querySelector('td.best')).fontWeight"
        assert driver.execute_script(look) == "650"
    assert driver.execute_script("return window.broken") is None
    assert driver.get_log("browser") == []


def test_kept_products_come_after_the_words_with_small_pictures(run):
    big = run.parent / "большой 图.png"
    Image.new("RGBA", (900, 600), (255, 0, 0, 128)).save(big)
    (run.parent / "broken.jpg").write_bytes(b"no picture")
    cards = [
        Card(NAMES[0], big, "0.91", "new"),
        Card("b", run.parent / "broken.jpg"),
        Card("c", None),
    ]
    section = Products("Similar <i>items</i>", "Text.", "item", "like it", [])
    shelf = Shelf("帽/子", cards[:1], cards)
    keep_shelves(run / "plots", [replace(section, shelves=[shelf])])
    (kept,) = kept_shelves(run / "plots")
    assert [card.title for card in kept.shelves[0].answer] == [NAMES[0], "b", "c"]
    assert [card.picture is not None for card in kept.shelves[0].answer] == [True, False, False]
    with Image.open(kept.shelves[0].given[0].picture) as small:
        assert small.size == (224, 149)
    page = report_page(run).read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 2
    assert page.index("In short") < page.index("Similar &lt;i&gt;items") < page.index("Labels</h2>")
    assert "<script" not in page
    told = (run / "plots" / "shelves.json").read_text("utf-8").replace("item_0.jpg", "../x.jpg")
    (run / "plots" / "shelves.json").write_text(told, "utf-8")
    (run / "x.jpg").write_bytes((run / "plots" / "item_0.jpg").read_bytes())
    assert "data:image/jpeg" not in report_page(run).read_text("utf-8")
