"""What a page asks a model, read from a request and checked."""

from __future__ import annotations

from dataclasses import dataclass

from multidict import MultiMapping

from tfmm.config.names import hint

KINDS = ("search", "shopper", "session", "similar")
#: Items of a session that are sent; a model reads the latest as far as it has room.
MAX_ITEMS = 200


class QuestionError(ValueError):
    """A request that asks nothing a storefront can answer."""


@dataclass(frozen=True)
class Question:
    """One question to one model.

    Attributes:
        kind: `search` (by `text`, `image`, both, or `audio`), `shopper` (for `shopper`), `session`
            (after `items`, oldest first) or `similar` (to the only one of `items`).
        allow: `feature=value` terms: OR within a feature, AND across.
    """

    kind: str
    text: str = ""
    image: bytes = b""
    audio: bytes = b""
    shopper: str = ""
    items: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise QuestionError(f"kind: expected {', '.join(KINDS)}, got {self.kind!r}.")
        if self.kind == "search":
            if not (self.text.strip() or self.image or self.audio):
                raise QuestionError("a search needs words, a picture or a recording; got none.")
            if self.audio and (self.text.strip() or self.image):
                raise QuestionError("a recording is asked alone, without words or a picture.")
        if self.kind == "shopper" and not self.shopper:
            raise QuestionError("shopper: expected an id, got none.")
        if self.kind == "similar" and len(self.items) != 1:
            raise QuestionError(f"item: expected one id, got {len(self.items)}.")


def read_question(form: MultiMapping[object]) -> Question:
    """The question of a form's fields; files as their bytes.

    Raises:
        QuestionError: a field is unknown or of the wrong kind, or what is asked is not complete.
    """
    known = {"kind", "text", "image", "audio", "shopper", "item", "allow"}
    for name in form:
        if name not in known:
            raise QuestionError(f"{name!r} is no field of a question; {hint(name, known)}")
    return Question(
        kind=text_of(form, "kind"),
        text=text_of(form, "text"),
        image=file_of(form, "image"),
        audio=file_of(form, "audio"),
        shopper=text_of(form, "shopper"),
        items=_texts(form, "item")[-MAX_ITEMS:],
        allow=_texts(form, "allow"),
    )


def text_of(form: MultiMapping[object], name: str) -> str:
    """A field's text, "" where it is absent. Raises QuestionError for a file."""
    return next(iter(_texts(form, name)), "")


def _texts(form: MultiMapping[object], name: str) -> tuple[str, ...]:
    values = form.getall(name, [])
    texts = tuple(value for value in values if isinstance(value, str))
    if len(texts) < len(values):
        raise QuestionError(f"{name}: expected text, got a file.")
    return texts


def file_of(form: MultiMapping[object], name: str) -> bytes:
    """A file's bytes, b"" where it is absent. Raises QuestionError for text, or an empty file."""
    value = form.get(name, b"")
    if isinstance(value, bytes):
        return value
    file = getattr(value, "file", None)
    if file is None:
        raise QuestionError(f"{name}: expected a file, got text.")
    content = file.read()
    if not content:
        raise QuestionError(f"{name}: the file is empty.")
    return bytes(content)
