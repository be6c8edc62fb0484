"""Fonts that have the characters of a text, in any script, and what is drawn where none has.

Matplotlib's own font has Latin, Greek, Cyrillic and Arabic letters. The rest is looked for among
the fonts of this machine, a character at a time, and remembered.
"""

from __future__ import annotations

import os
import unicodedata
import warnings
from functools import cache, lru_cache
from typing import Any

import matplotlib
from matplotlib import font_manager, ft2font
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from rich.cells import cell_len, chop_cells

#: What comes first in every text: matplotlib brings it along.
BASE = "DejaVu Sans"
#: Stands for a run of characters that no font here has.
MISSING = "□"
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
)
_JAPANESE = ("Noto Sans CJK JP", "Noto Sans JP", "Source Han Sans", "IPAGothic", "Hiragino Sans")
_KOREAN = ("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic")
#: For all that is no letter of these: letters of one script each, then signs and emoji.
_OTHERS = ("Noto Sans", "Arial Unicode MS", "Noto Emoji", "Symbola", "Segoe UI Emoji")
_EAST_ASIAN = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH")


def fit_fonts(figure: Figure) -> None:
    """Gives every text of a figure fonts that have its characters; called before it is drawn.

    Texts are then drawn as they are written: dollar signs begin no formula. A run of characters
    that no font here has becomes `MISSING`, and a warning names the package to install, once.
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            _fit_ticks(axis)
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        drawn, families = fitted(text.get_text())
        text.set_parse_math(False)
        text.set_fontfamily(list(families))
        if drawn != text.get_text():
            text.set_text(drawn)


def _fit_ticks(axis: Axis) -> None:
    """An axis writes its labels anew whenever it is drawn, so that it has to be told."""
    labels = [label.get_text() for label in axis.get_ticklabels()]
    drawn = [fitted(label)[0] for label in labels]
    if drawn != labels:
        axis.set_ticks(axis.get_majorticklocs(), drawn)


@lru_cache(maxsize=4096)
def fitted(text: str) -> tuple[str, tuple[str, ...]]:
    """A text as it can be drawn here, and the names of the fonts that draw it."""
    order, families, drawn = _order(text), [BASE], ""
    for char in text:
        if _invisible(char) and drawn.endswith(MISSING):
            continue
        family = BASE if char == "\n" else font_of(char, order)
        if family is not None:
            families.append(family)
            drawn += char
        elif not _invisible(char):
            _tell(package_of(char))
            drawn += "" if drawn.endswith(MISSING) else MISSING
    return drawn, tuple(dict.fromkeys(families))


@cache
def font_of(char: str, order: tuple[str, ...] = _CHINESE) -> str | None:
    """The name of a font that has a character, the first of `order` if any of them does."""
    return _among_known(char, order) or (_among_known(char, order) if _look_again() else None)


def wrapped(text: str, width: int, most: int) -> list[str]:
    """At most `most` lines of `width` columns each, of which a Chinese character takes two.

    What does not fit ends in an ellipsis.
    """
    lines: list[str] = []
    for word in text.split():
        for piece in chop_cells(word, width):
            if lines and cell_len(lines[-1]) + 1 + cell_len(piece) <= width and piece == word:
                lines[-1] += f" {piece}"
            else:
                lines.append(piece)
    if len(lines) > most:
        lines[most - 1] = f"{chop_cells(lines[most - 1], width - 2)[0]} …"
    return lines[:most]


def package_of(char: str) -> str:
    """The package of Debian and Ubuntu whose fonts have a character."""
    if unicodedata.name(char, "").startswith(_EAST_ASIAN):
        return "fonts-noto-cjk"
    if unicodedata.category(char).startswith("S"):
        return "fonts-symbola"
    return "fonts-noto-core"


def _order(text: str) -> tuple[str, ...]:
    """Chinese, Japanese and Korean share characters, which each writes in its own way."""
    names = {unicodedata.name(char, "").partition(" ")[0] for char in text if char > "\u1000"}
    if names & {"HIRAGANA", "KATAKANA"}:
        return _JAPANESE + _CHINESE
    return _KOREAN + _CHINESE if "HANGUL" in names else _CHINESE


def _among_known(char: str, order: tuple[str, ...]) -> str | None:
    places = {name: place for place, name in enumerate((BASE, *order, *_OTHERS))}
    own = matplotlib.get_data_path()
    faces = [
        face
        for face in font_manager.fontManager.ttflist
        # Its others have formulas alone, or a frame for whatever there is.
        if face.name == BASE or not face.fname.startswith(own)
    ]
    faces.sort(key=lambda face: (places.get(face.name, len(places)), "Serif" in face.name))
    for face in faces:
        if ord(char) in _characters(face.fname, getattr(face, "index", 0)):
            return face.name
    return None


@cache
def _characters(file: str, index: int) -> frozenset[int]:
    try:
        face: dict[str, Any] = {"face_index": index} if index else {}
        return frozenset(ft2font.FT2Font(file, **face).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _look_again() -> bool:
    """Fonts that were installed after matplotlib had made its list; whether there are any."""
    known = {face.fname for face in font_manager.fontManager.ttflist}
    before = len(known)
    for file in sorted(font_manager.findSystemFonts()):
        if os.path.realpath(file) not in known and file not in known:
            try:
                font_manager.fontManager.addfont(file)
            except Exception:  # a damaged font ends in anything; matplotlib passes it over too
                continue
            known.add(file)
    return len(known) > before


def _invisible(char: str) -> bool:
    """What only says how its neighbours are drawn: joiners, directions, variants."""
    return unicodedata.category(char) in ("Cc", "Cf") or "\ufe00" <= char <= "\ufe0f"


@cache
def _tell(package: str) -> None:
    warnings.warn(
        f"no font here has some characters of the plots' texts, so that {MISSING} stands for them. "
        f"To resolve this, install one that has them (on Debian and Ubuntu: {package}).",
        stacklevel=2,
    )
