"""Shelves of products that stand beside a report, for its page, with small pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tfmm.data.files import replacing, write_text
from tfmm.data.media.images import ImageDecodeError, opened, to_rgb
from tfmm.evaluation.html.shelves import Card, Section, Shelf

_FILE = "shelves.json"
#: The longer side of a kept picture, in pixels: twice that of a card.
_SIDE = 224


def keep_shelves(folder: Path, sections: Iterable[Section]) -> None:
    """Writes sections into a report's folder of plots, their pictures made small.

    A picture that does not decode is left out.
    """
    known: dict[Path, str | None] = {}

    def kept(cards: Sequence[Card]) -> list[dict[str, Any]]:
        return [asdict(replace(card, picture=None)) | {"picture": small(card)} for card in cards]

    def small(card: Card) -> str | None:
        if card.picture is None:
            return None
        if card.picture not in known:
            known[card.picture] = _small(card.picture, folder / f"item_{len(known)}.jpg")
        return known[card.picture]

    told = [
        asdict(section)
        | {
            "shelves": [
                asdict(shelf) | {"given": kept(shelf.given), "answer": kept(shelf.answer)}
                for shelf in section.shelves
            ]
        }
        for section in sections
    ]
    write_text(folder / _FILE, json.dumps(told, ensure_ascii=False, default=str, indent=1))


def kept_shelves(folder: Path) -> list[Section]:
    """What `keep_shelves` wrote into a folder of plots; nothing where it wrote nothing."""
    file = folder / _FILE
    if not file.is_file():
        return []

    def cards(given: Sequence[Mapping[str, Any]]) -> list[Card]:
        return [Card(**{**card, "picture": _inside(folder, card["picture"])}) for card in given]

    return [
        Section(
            **{
                **section,
                "shelves": [
                    Shelf(
                        **{
                            **shelf,
                            "given": cards(shelf["given"]),
                            "answer": cards(shelf["answer"]),
                        }
                    )
                    for shelf in section["shelves"]
                ],
            }
        )
        for section in json.loads(file.read_text(encoding="utf-8"))
    ]


def _inside(folder: Path, name: str | None) -> Path | None:
    """A kept picture; None for one that is gone, or that would be elsewhere."""
    if name is None or Path(name).name != name:
        return None
    file = folder / name
    return file if file.is_file() and not file.is_symlink() else None


def _small(picture: Path, file: Path) -> str | None:
    try:
        with opened(str(picture)) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            made = to_rgb(image)
    except ImageDecodeError:
        return None
    made.thumbnail((_SIDE, _SIDE))
    with replacing(file) as aside:
        made.save(aside, "JPEG", quality=82)
    return file.name
