"""Texts as words: HTML, invisible characters and unfinished letters put right, and counted."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

#: Tags and entities, control characters, and characters of no width. Those that join letters of
#: Persian, Indic scripts and emoji (U+200C, U+200D) mean something and stay.
_SUSPECT = (
    r"<[a-zA-Z/!]|&#?[a-zA-Z0-9]+;|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{80}-\x{9f}\x{ad}\x{200b}"
    r"\x{200e}\x{200f}\x{2028}-\x{202e}\x{2060}-\x{2069}\x{feff}]"
)
_NO_WIDTH = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_BREAKS = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_BLOCKS = frozenset(
    "address article aside blockquote br button caption dd div dl dt fieldset figcaption figure "
    "footer form h1 h2 h3 h4 h5 h6 header hr iframe img input label legend li main nav ol option p "
    "pre section select table tbody td textarea tfoot th thead title tr ul video".split()
)
_INLINE = frozenset(
    "a abbr audio b base bdi bdo big body center cite code col colgroup del em embed font head "
    "html i ins kbd link map mark meta object param path q rp rt ruby s samp small source span "
    "strike strong sub sup svg time tt u var wbr".split()
)
_SILENT = frozenset("script style noscript template".split())
_TAGS = _BLOCKS | _INLINE | _SILENT
_TAG = re.compile(rf"<!--|<!doctype|</?(?:{'|'.join(sorted(_TAGS))}|\w+[:-]\w+)(?=[\s/>])", re.I)
#: What was put right, as the report says it.
HTML, INVISIBLE, COMPOSED = (
    "had HTML, of which the words are kept",
    "had control or invisible characters, which are left out",
    "had letters in parts, which are composed (NFC)",
)


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Texts that were put right.

    Args:
        texts: as given, "" and null included, without white space around them.
        rows: int64 places of the texts that were changed, by what was changed.
    """

    texts: pa.ChunkedArray
    rows: dict[str, NDArray[np.int64]] = field(default_factory=dict)


def clean_texts(texts: pa.ChunkedArray) -> Cleaned:
    """Texts without tags, scripts and entities of HTML, in NFC, without invisible characters.

    ```python
    import pyarrow as pa

    from tfmm.data.cells.words import clean_texts

    clean_texts(pa.chunked_array([["<p>Chairs &amp; stools</p>"]])).texts.to_pylist()
    ```
    """
    composed = pc.utf8_normalize(texts, "NFC")
    places = {COMPOSED: _places(pc.not_equal(composed, texts))}
    suspect = pc.fill_null(pc.match_substring_regex(composed, _SUSPECT), False)
    rows = _places(suspect)
    if len(rows):
        before = composed.filter(suspect).to_pylist()
        after = [words_of(text) for text in before]
        replaced = pa.array(after, pa.string())
        composed = pc.replace_with_mask(composed.combine_chunks(), _whole(suspect), replaced)
        composed = pa.chunked_array([composed])
        marked = np.array([bool(_TAG.search(text) or _ENTITY.search(text)) for text in before])
        hidden = np.array([bool(_NO_WIDTH.search(text)) for text in before])
        changed = np.array([one != other for one, other in zip(before, after, strict=True)])
        places[HTML] = rows[marked & changed]
        places[INVISIBLE] = rows[hidden & changed]
    kept = {said: found for said, found in places.items() if len(found)}
    return Cleaned(pc.utf8_trim_whitespace(composed), kept)


def words_of(text: str) -> str:
    """The words of one text: of its HTML, without invisible characters."""
    # Entities may spell tags, as where a shop's system has escaped its texts twice.
    for _ in range(2):
        if _TAG.search(text):
            parser = _Words()
            parser.feed(text)
            parser.close()
            text = " ".join("".join(parser.words).split())
        elif _ENTITY.search(text):
            text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text).replace("\xa0", " ")
    return _NO_WIDTH.sub("", _BREAKS.sub(" ", text))


class _Words(HTMLParser):
    """Gathers the words of HTML; blocks part words, other tags do not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        self._tag(tag, self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag, self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(self._silent - (tag in _SILENT), 0)
        self._tag(tag, f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)

    def _tag(self, tag: str, written: str) -> None:
        if tag in _BLOCKS:
            self.words.append(" ")
        elif tag not in _TAGS and ":" not in tag and "-" not in tag:
            # No tag of HTML, so what stands between marks is the text's own: "if a <b and c> d".
            self.handle_data(written)


def _places(mask: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.flatnonzero(pc.fill_null(mask, False).to_numpy().astype(bool))


def _whole(mask: pa.ChunkedArray) -> pa.Array:
    return pa.array(mask.to_numpy().astype(bool))
