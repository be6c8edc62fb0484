"""Recommended products as pictures: a page in one file, and the same as one image.

Plain data in, files out; nothing here knows of models or servers.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Card:
    """One product as it is shown.

    Attributes:
        title: the product's name.
        picture: its JPEG file; None draws an empty frame.
        note: a short line below the title, such as a score; "" for none.
        badge: a word on the picture's corner, such as "new"; "" for none.
    """

    title: str
    picture: Path | None
    note: str = ""
    badge: str = ""


@dataclass(frozen=True)
class Shelf:
    """A row of the page: what was given on the left, what the model answered on the right.

    Attributes:
        name: what the row is about, such as a shopper's id.
        given: products that the answer is based on.
        answer: products recommended, best first.
        about: one line that explains the row; "" for none.
    """

    name: str
    given: Sequence[Card]
    answer: Sequence[Card]
    about: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its heading.
        text: what it shows, in a sentence or two.
        given, answer: headings of the shelves' two sides.
        shelves: the rows.
    """

    title: str
    text: str
    given: str
    answer: str
    shelves: Sequence[Shelf]


@dataclass(frozen=True)
class Table:
    """A table of text cells; the row `best` of each column after the first is shown in bold."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: dict[int, int] = field(default_factory=dict)


def write_page(
    file: str | Path,
    title: str,
    intro: str,
    sections: Iterable[Section],
    table: Table | None = None,
) -> Path:
    """Writes an HTML page that needs no other file: pictures and styles are in it.

    Args:
        file: where to; its folder is made.
        title: the page's heading.
        intro: a sentence below it.
        sections: the parts, in order.
        table: numbers to show after the intro.

    Returns:
        The file's path.

    Raises:
        FileNotFoundError: a card names a picture that is not there.
    """
    file = Path(file)
    body = [_table(table)] if table else []
    body += [_section(section) for section in sections]
    template = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=html.escape(title), intro=html.escape(intro), body="\n".join(body)
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")
    return file


def write_picture(
    file: str | Path, title: str, section: Section, given: int = 4, answer: int = 6
) -> Path:
    """Draws a section as one PNG: a row a shelf, `given` products, an arrow, `answer` products.

    Returns:
        The file's path.

    Raises:
        FileNotFoundError: a card names a picture that is not there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from tfmm.evaluation.plots.fonts import fit_fonts

    shelves = section.shelves
    columns = given + answer
    figure = Figure(figsize=(1.28 * columns + 0.6, 1.6 * len(shelves) + 0.8), dpi=110)
    FigureCanvasAgg(figure)
    figure.patch.set_facecolor("white")
    grid = figure.add_gridspec(
        len(shelves),
        columns + 1,
        width_ratios=[1.0] * given + [0.35] + [1.0] * answer,
        left=0.015,
        right=0.985,
        bottom=0.35 / (1.6 * len(shelves) + 0.8),
        top=1 - 0.8 / figure.get_figheight(),
        wspace=0.12,
        hspace=0.34,
    )
    figure.text(0.015, 1 - 0.3 / figure.get_figheight(), title, size=14, weight="bold", va="center")
    heading = 1 - 0.62 / figure.get_figheight()
    for row, shelf in enumerate(shelves):
        shown = list(shelf.given)[:given]
        for place in range(given):
            card = shown[place] if place < len(shown) else None
            _draw(figure.add_subplot(grid[row, place]), card)
        between = figure.add_subplot(grid[row, given])
        between.axis("off")
        between.text(0.5, 0.5, "→", size=20, color="#8a8f98", ha="center", va="center")
        for place, card in enumerate(list(shelf.answer)[:answer]):
            _draw(figure.add_subplot(grid[row, given + 1 + place]), card)
    first = grid[0, 0].get_position(figure).x0
    second = grid[0, given + 1].get_position(figure).x0
    for x, words in ((first, section.given), (second, section.answer)):
        figure.text(x, heading, words, size=10, color="#5b616b", va="center")
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    fit_fonts(figure)
    figure.savefig(file)
    return file


def _draw(axes: Axes, card: Card | None) -> None:
    axes.axis("off")
    if card is None:
        return
    from PIL import Image, ImageOps

    from tfmm.evaluation.plots.fonts import wrapped

    square = Image.new("RGB", (160, 160), "white")
    if card.picture is not None:
        with Image.open(card.picture) as picture:
            square = ImageOps.pad(picture.convert("RGB"), square.size, color="white")
    axes.imshow(square)
    words = wrapped(card.title, 20, 2)
    axes.text(
        0.5, -0.03, "\n".join(words), size=6.5, ha="center", va="top", transform=axes.transAxes
    )
    if card.note:
        low = -0.03 - 0.1 * len(words)
        axes.text(
            0.5,
            low,
            card.note,
            size=6,
            color="#626975",
            ha="center",
            va="top",
            transform=axes.transAxes,
        )


def _table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = []
    for number, row in enumerate(table.rows):
        cells = []
        for column, cell in enumerate(row):
            text = html.escape(cell)
            best = table.best.get(column) == number
            cells.append(f"<td>{f'<b>{text}</b>' if best else text}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _section(section: Section) -> str:
    shelves = []
    for shelf in section.shelves:
        about = f"<p>{html.escape(shelf.about)}</p>" if shelf.about else ""
        shelves.append(
            f'<article><header><h3>{html.escape(shelf.name)}</h3>{about}</header><div class="row">'
            f'<div class="side given"><h4>{html.escape(section.given)}</h4>'
            f'<div class="cards">{"".join(_card(card) for card in shelf.given)}</div></div>'
            f'<div class="side answer"><h4>{html.escape(section.answer)}</h4>'
            f'<div class="cards">{"".join(_card(card) for card in shelf.answer)}</div></div>'
            "</div></article>"
        )
    return (
        f"<section><h2>{html.escape(section.title)}</h2><p>{html.escape(section.text)}</p>"
        f"{''.join(shelves)}</section>"
    )


def _card(card: Card) -> str:
    picture = '<span class="none"></span>'
    if card.picture is not None:
        data = base64.b64encode(card.picture.read_bytes()).decode("ascii")
        picture = f'<img alt="{html.escape(card.title)}" src="data:image/jpeg;base64,{data}">'
    badge = f'<span class="badge">{html.escape(card.badge)}</span>' if card.badge else ""
    note = f"<small>{html.escape(card.note)}</small>" if card.note else ""
    return (
        f'<figure><div class="frame">{picture}{badge}</div>'
        f"<figcaption>{html.escape(card.title)}{note}</figcaption></figure>"
    )
