"""The assistant behind the page's chat panel; the page keeps the conversation."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from multidict import MultiMapping

from tfmm.config.names import hint
from tfmm.serving.assistant import Assistant, State, StateError
from tfmm.serving.client.client import Client
from tfmm.storefront.question import QuestionError, file_of, text_of
from tfmm.storefront.showcase import Known

#: A kept conversation is at most as long, in characters; a picture is in it.
_LONGEST_STATE = 2_500_000


@dataclass(frozen=True)
class Turn:
    """A turn as the page sends it: `text`, a picture or both, the conversation so far (None for a
    new one) and the shopper that the page shows."""

    text: str
    image: bytes
    state: State | None
    shopper: str


def read_turn(form: MultiMapping[object]) -> Turn:
    """The turn of a form's fields.

    Raises:
        QuestionError: a field is unknown or of the wrong kind, or the conversation is none.
    """
    known = {"text", "image", "state", "shopper"}
    for name in form:
        if name not in known:
            raise QuestionError(f"{name!r} is no field of a turn; {hint(name, known)}")
    kept = text_of(form, "state")
    if len(kept) > _LONGEST_STATE:
        raise QuestionError(f"state: at most {_LONGEST_STATE:,} characters are taken.")
    try:
        state = State.from_json(json.loads(kept)) if kept else None
    except (StateError, ValueError, RecursionError) as error:
        raise QuestionError(f"state: {error}") from None
    return Turn(text_of(form, "text"), file_of(form, "image"), state, text_of(form, "shopper"))


class Chat:
    """Answers turns about one model's products.

    Args:
        connect: gives a client of the model; called at the first turn.
        options: of `Assistant`, such as the shop's questions and answers.
    """

    def __init__(self, connect: Callable[[], Client], options: dict[str, Any]):
        self._connect = connect
        self._options = options
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._made: tuple[Known, Assistant] | None = None

    def answer(self, turn: Turn, known: Known) -> dict[str, Any]:
        """The `text` with its `language`, `products` as cards, whether they are
        `listed`, so that "the second" counts by them, the conversation's `state` after it and its
        `decision`. Blocks while the server is asked.

        Raises:
            ServingError: the server did not answer, or answered with an error.
            ValueError: the items have no words to talk about.
        """
        assistant = self._assistant(known)
        state = turn.state or State()
        if state.shopper != turn.shopper:
            state = State.from_json({**state.to_json(), "shopper": turn.shopper})
        answer = assistant.reply(state, turn.text, image=turn.image or None)
        return {
            "text": answer.text,
            "language": answer.language,
            "listed": answer.decision.listed,
            "products": [known.items.card(product.id) for product in answer.products],
            "state": answer.state.to_json(),
            "decision": answer.decision.to_json(),
        }

    def close(self) -> None:
        """Closes the connection."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = self._made = None

    def _assistant(self, known: Known) -> Assistant:
        """The assistant over what is known now, made anew once a newer version is there."""
        with self._lock:
            if self._made is None or self._made[0] is not known:
                self._client = self._client or self._connect()
                made = Assistant(self._client, known.items.catalog, **self._options)
                self._made = known, made
            return self._made[1]
