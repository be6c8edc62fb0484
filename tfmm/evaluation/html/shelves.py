"""Products as they are shown on a page: cards with pictures, in rows of given and answered."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tfmm.evaluation.html.page import data_uri


@dataclass(frozen=True)
class Card:
    """One product as it is shown.

    Attributes:
        title: the product's name.
        picture: its image file; None draws an empty frame.
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
    """A table of text cells; the row `best` of each column after the first is highlighted."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    best: dict[int, int] = field(default_factory=dict)


def table_html(table: Table) -> str:
    """A table as HTML."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = []
    for number, row in enumerate(table.rows):
        cells = []
        for column, cell in enumerate(row):
            best = ' class="best"' if table.best.get(column) == number else ""
            cells.append(f"<td{best}>{html.escape(cell)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def section_html(section: Section) -> str:
    """A section and its shelves as HTML.

    Raises:
        FileNotFoundError: a card names a picture that is not there.
    """
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
        picture = f'<img alt="{html.escape(card.title)}" src="{data_uri(card.picture)}">'
    badge = f'<span class="badge">{html.escape(card.badge)}</span>' if card.badge else ""
    note = f"<small>{html.escape(card.note)}</small>" if card.note else ""
    return (
        f'<figure><div class="frame">{picture}{badge}</div>'
        f"<figcaption>{html.escape(card.title)}{note}</figcaption></figure>"
    )
