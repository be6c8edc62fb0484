"""The report of a run or a backtest as a page for people who do not read Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

from tfmm.evaluation.html.kept import kept_shelves
from tfmm.evaluation.html.page import data_uri, write_html
from tfmm.evaluation.html.shelves import section_html
from tfmm.evaluation.report import IN_SHORT, PLOTS

#: What says what a folder is of: a run's file and a backtest's.
_RUN, _BACKTEST = "config.yaml", "backtest.yaml"
_NUMBER = re.compile(r"[-+]?[\d,.]+")
_PLOT = re.compile(rf"{PLOTS}/[\w.@-]+\.png")
#: From so many pixels a plot is scrolled on a phone rather than made small, and further.
_WIDE, _WIDER = 1250, 1800


def report_page(folder: str | Path, out: str | Path | None = None) -> Path:
    """Writes the report of a run or a backtest as one HTML file.

    ```python
    page = report_page(run.path)
    assert page == run.path / "report.html"
    ```

    Args:
        folder: of a finished run, or of a backtest.
        out: the file to write; by default `report.html` in the folder.

    Returns:
        The file's path.

    Raises:
        FileNotFoundError: the folder is none of these, or has no report yet.
    """
    folder = Path(folder)
    name, about = _name(folder)
    return folder_page(folder, name, about, folder / "report.html" if out is None else out)


def folder_page(folder: Path, name: str, about: str, out: str | Path) -> Path:
    """Writes what stands in a folder's `report.md`, its plots included, as one HTML file.

    Args:
        folder: with `report.md` and its folder of plots, as `write_report` leaves them.
        name: the page's title, as plain text.
        about: the line below it, likewise.
        out: the file to write.

    Returns:
        The file's path.
    """
    text = (folder / "report.md").read_text(encoding="utf-8")
    return write_html(
        out,
        f"{name}: report",
        f'<div class="report"><header><h1>{html.escape(name)}</h1>'
        f"<p>{html.escape(about)}</p></header>{_body(text, folder)}</div>",
    )


def _name(folder: Path) -> tuple[str, str]:
    """What the folder's report is of, and in which way."""
    told = next((folder / n for n in (_RUN, _BACKTEST) if (folder / n).is_file()), None)
    if told is None:
        raise FileNotFoundError(
            f"{folder} holds no report: it is the folder of no run and no backtest, since it has "
            f"neither {_RUN} nor {_BACKTEST}. `tfmm train RUN.yaml --out {folder}` makes a run."
        )
    run = told.name == _RUN
    command = "train" if run else "backtest"
    needed = ("report.md", "metrics.json" if run else "backtest.json")
    missing = next((name for name in needed if not (folder / name).is_file()), None)
    if missing is not None:
        raise FileNotFoundError(
            f"{folder} holds no report yet, for want of {missing}. Give the same `tfmm {command}` "
            "command again; it goes on where it was."
        )
    given: Any = yaml.safe_load(told.read_text(encoding="utf-8")) or {}
    config: Mapping[str, Any] = given if run else given.get("run") or {}
    about = "Report of a run, as it was measured when it was trained."
    if not run:
        about = f"Report of a backtest in windows of {given.get('every')}."
    return str(config.get("name") or folder.name), about


def _body(text: str, folder: Path) -> str:
    """The sections of a report as HTML, below links to them; products come before the numbers."""
    reader = _reader(folder)
    titles: list[str] = []
    parts: list[str] = []
    for heading, tokens in _sections(reader.parse(text)):
        titles.append(reader.renderer.render(heading, reader.options, {}))
        inside = reader.renderer.render(tokens, reader.options, {})
        look = ' class="short"' if titles[-1] == html.escape(IN_SHORT) else ""
        parts.append(f"<section{look}><h2>{titles[-1]}</h2>{inside}</section>")
    shelves = kept_shelves(folder / PLOTS)
    place = int(titles[:1] == [html.escape(IN_SHORT)])
    titles[place:place] = [html.escape(section.title) for section in shelves]
    parts[place:place] = [section_html(section) for section in shelves]
    links = "".join(f'<a href="#s{number}">{title}</a>' for number, title in enumerate(titles, 1))
    shown = "".join(f'<div id="s{number}">{part}</div>' for number, part in enumerate(parts, 1))
    return f'<nav aria-label="Sections">{links}</nav>{shown}'


def _sections(tokens: Sequence[Token]) -> list[tuple[list[Token], list[Token]]]:
    """The tokens of each title of the second level, and of what is below it."""
    found: list[tuple[list[Token], list[Token]]] = [([], [])]
    inside = ""
    for token in tokens:
        if token.type == "heading_open" and token.tag in ("h1", "h2"):
            inside = token.tag
        elif token.type == "heading_close" and inside:
            inside = ""
        elif inside == "h2":
            found.append(([token], []))
        elif not inside:
            found[-1][1].append(token)
    return found[1:]


def _reader(folder: Path) -> MarkdownIt:
    """Reads what reports are made of: no HTML, no links, and pictures of the folder alone."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.disable(["link", "autolink", "reference", "html_block", "html_inline"])
    rules = {
        "table_open": _table_open,
        "table_close": _table_close,
        "th_open": _cell_open,
        "td_open": _cell_open,
        "paragraph_open": _paragraph_open,
        "paragraph_close": _paragraph_close,
    }
    for name, rule in rules.items():
        reader.add_render_rule(name, rule)

    def picture(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
        return _picture(folder, str(tokens[place].attrGet("src")), tokens[place].content)

    reader.add_render_rule("image", picture)
    return reader


def _table_open(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
    return '<div class="scroll" tabindex="0"><table>'


def _table_close(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
    return "</table></div>"


def _cell_open(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
    """A cell; a number that is bold is the best of its column."""
    inside = [one for one in tokens[place + 1].children or () if one.type != "text" or one.content]
    bold = [one.type for one in inside] == ["strong_open", "text", "strong_close"]
    best = bold and _NUMBER.fullmatch(inside[1].content)
    look = ' class="best"' if best else ""
    return f"<{tokens[place].tag}{look}>"


def _paragraph_open(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
    return "" if _is_picture(tokens[place + 1]) else "<p>"


def _paragraph_close(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
    return "" if _is_picture(tokens[place - 1]) else "</p>"


def _is_picture(token: Token) -> bool:
    return [child.type for child in token.children or []] == ["image"]


def _picture(folder: Path, source: str, says: str) -> str:
    """A plot with what it says; what is no plot of the folder is told of."""
    file = folder / source
    if not _PLOT.fullmatch(source) or file.is_symlink() or not file.is_file():
        return f'<p class="note">[{html.escape(says)}: there is no {html.escape(source)}]</p>'
    with Image.open(file) as image:
        width = image.width
    look = "plot wider" if width > _WIDER else "plot wide" if width > _WIDE else "plot"
    shown = f'<img alt="{html.escape(says)}" src="{data_uri(file)}">'
    return f'<figure class="{look}" tabindex="0">{shown}</figure>'
