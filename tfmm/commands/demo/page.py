"""Recommended products as pictures: a page in one file, and the same as one image.

Plain data in, files out; nothing here knows of models or servers.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tfmm.evaluation.html.page import write_html
from tfmm.evaluation.html.shelves import Card, Section, Table, section_html, table_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    body = [f"<h1>{html.escape(title)}</h1><p>{html.escape(intro)}</p>"]
    body += [table_html(table)] if table else []
    body += [section_html(section) for section in sections]
    return write_html(file, title, "\n".join(body))


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
