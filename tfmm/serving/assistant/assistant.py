"""A shopping assistant: words, pictures and voice over several turns, answered by served models."""

from __future__ import annotations

import base64
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tfmm.data.media.images import ImageDecodeError
from tfmm.data.search_catalog import SearchCatalog
from tfmm.serving.ask.query_picture import Picture, query_picture
from tfmm.serving.ask.query_sound import Sound, query_sound
from tfmm.serving.ask.voice.recognizer import Recognizer
from tfmm.serving.assistant.decision import Decision, Say
from tfmm.serving.assistant.known.faq import Faq
from tfmm.serving.assistant.known.finder import Finder
from tfmm.serving.assistant.known.products import Products
from tfmm.serving.assistant.known.reviews import Reviews
from tfmm.serving.assistant.moves import Turn, standard_moves
from tfmm.serving.assistant.reading.clean import MAX_MESSAGE, clean_text
from tfmm.serving.assistant.reading.language import Language, built_in, choose, load_language
from tfmm.serving.assistant.reading.message import Message, read
from tfmm.serving.assistant.reading.understanding import Understanding
from tfmm.serving.assistant.render import Renderer
from tfmm.serving.assistant.state import State
from tfmm.serving.assistant.trace import Trace
from tfmm.serving.assistant.wording.wording import Draft, Wording, by_template, worded
from tfmm.serving.client.client import Client

#: A model's word on the intent counts from here on, and below the latter it is out of scope.
_MODEL_SURE, _OUT_OF_SCOPE = 0.5, 0.5
#: A reading by phrases that stands whatever a model says of the scope.
_PHRASES_SURE = 0.8
_TRACED = 1_000


@dataclass(frozen=True)
class Shown:
    """A product in an answer: `price` is None where none is known."""

    id: str
    title: str
    price: float | None


@dataclass(frozen=True)
class Answer:
    """What the assistant says to a turn.

    Attributes:
        text: plain text, never markup: escape it as any text where it is shown.
        products: those shown or spoken of, in the order that "the second" counts by.
        language: of the text, such as "en".
        decision: what it was made from.
        state: the conversation after the turn.
        trace: how it came about.
    """

    text: str
    products: tuple[Shown, ...]
    language: str
    decision: Decision
    state: State
    trace: Trace


class Assistant:
    """Answers a shopper over several turns.

    ```python
    with Client("127.0.0.1:8500", "shop") as client:
        assistant = Assistant(client, SearchCatalog.load("catalog.parquet"))
        print(assistant.say("red shoes under 50").text)
        print(assistant.say("the second, but in blue").products)
        print(assistant.trace[-1])
    ```

    Everything is decided here, from what the server finds and what the catalogue, the FAQ table
    and the reviews say; the server may be TensorFlow Serving or `tfmm serve`, over gRPC or REST.
    A turn asks it once, with a model that understands twice.

    Args:
        client: of a model that searches or recommends.
        catalog: the products of that model; `tfmm export` leaves it beside the model.
        understand: a client of a model of `task: dialogue`; without it phrases are matched.
        intents: from that model's intents to the assistant's, such as {"refund": "service"}.
        faq: the shop's questions and answers, or their CSV file.
        reviews: what `tfmm reviews` wrote, or its file.
        recognizer: hears spoken turns.
        languages: by default those that come with tfmm; a file's path is one more.
        shopper: the id of whom recommendations are for.
        state: a conversation to go on with.
        wording: words the answers; facts stay what they are.
        price: the number feature that is the price, where its name does not say so.
        shown: how many products a list shows.
        threshold: the confidence below which a person helps.

    Raises:
        ServingError: the server does not answer.
        ValueError: the catalogue has no words, or a file is not what it is given as.
    """

    def __init__(
        self,
        client: Client,
        catalog: SearchCatalog,
        *,
        understand: Client | None = None,
        intents: Mapping[str, str] | None = None,
        faq: Faq | str | os.PathLike[str] | None = None,
        reviews: Reviews | str | os.PathLike[str] | None = None,
        recognizer: Recognizer | None = None,
        languages: Sequence[Language | str | os.PathLike[str]] = (),
        shopper: str = "",
        state: State | None = None,
        wording: Wording = by_template,
        price: str | None = None,
        shown: int = 6,
        threshold: float = 0.4,
    ):
        self.languages = built_in()
        for one in languages:
            self.languages.append(one if isinstance(one, Language) else load_language(one))
        self.products = Products(catalog, self.languages, price)
        self._finder = Finder(client, self.products)
        self._understanding = None if understand is None else Understanding(understand, intents)
        if faq is None or isinstance(faq, Faq):
            self._faq = faq or Faq([])
        else:
            self._faq = Faq.load(faq, languages=self.languages)
        if reviews is None or isinstance(reviews, Reviews):
            self._reviews = reviews or Reviews()
        else:
            self._reviews = Reviews.load(reviews)
        self._recognizer = recognizer
        self._renderer = Renderer(self.products)
        self._wording = wording
        self._moves = standard_moves(threshold)
        self._shown = shown
        self.state = state or State(shopper=shopper)
        #: Each turn of `say`, oldest first.
        self.trace: deque[Trace] = deque(maxlen=_TRACED)

    def say(
        self, text: str = "", *, image: Picture | None = None, audio: Sound | None = None
    ) -> Answer:
        """The answer to a turn; the conversation goes on from it.

        Args:
            text: words; of more than 2,000 characters none is read.
            image: a picture's file or bytes, with or without words.
            audio: spoken words, heard by the recogniser.

        Raises:
            TypeError: a text that is none.
            OSError: a file cannot be read.
            ValueError: sound, and no recogniser.
            ServingError: the server did not answer, or answered with an error; the conversation
                stays where it was.
        """
        answer = self.reply(self.state, text, image=image, audio=audio)
        self.state = answer.state
        self.trace.append(answer.trace)
        return answer

    def reply(
        self,
        state: State,
        text: str = "",
        *,
        image: Picture | None = None,
        audio: Sound | None = None,
    ) -> Answer:
        """The answer to a turn of any conversation; nothing of it is kept here. See `say`."""
        started = time.perf_counter()
        if not isinstance(text, str):
            raise TypeError(f"text: expected a string, got {text!r:.100} ({type(text).__name__}).")
        state = self._known(state)
        picture = b""
        refused = "too_long" if len(text) > MAX_MESSAGE else ""
        if not refused:
            try:
                heard = self._heard(audio)
                picture = b"" if image is None else query_picture(image)
            except ImageDecodeError:
                refused = "unreadable"
            else:
                text = clean_text(" ".join(filter(None, [text, heard])))
        language = choose("" if refused else text, self.languages, state.language)
        if refused:
            decision = Decision("unknown", (Say(refused),), filters=state.filters)
            return self._answered(state, None, language, {}, decision, started)
        message = read(text, language, self.products, picture=bool(picture))
        if self._understanding is not None and text:
            message = self._understanding.add_to(message, self.products)
        turn = Turn(
            message,
            state,
            self.products,
            self._finder,
            self._faq,
            self._reviews,
            base64.b64encode(picture).decode(),
            self._shown,
        )
        sure = {
            move.intent: self._sure(move.intent, move.confidence(turn), message)
            for move in self._moves
        }
        best = max(self._moves, key=lambda move: sure[move.intent])
        weighed = dict(sorted(((n, c) for n, c in sure.items() if c), key=lambda one: -one[1]))
        return self._answered(state, message, language, weighed, best.act(turn), started)

    def _heard(self, audio: Sound | None) -> str:
        if audio is None:
            return ""
        if self._recognizer is None:
            raise ValueError("audio: a spoken turn needs a recogniser; none was given.")
        return self._recognizer.text(query_sound(audio, "audio"))

    def _known(self, state: State) -> State:
        """A state without products and features that this catalogue lacks."""
        here = self.products
        kept: dict[str, Any] = {
            name: tuple(item for item in getattr(state, name) if item in here)
            for name in ("shown", "seen", "looked")
        }
        for name in ("reference", "focus"):
            kept[name] = getattr(state, name) if getattr(state, name) in here else ""
        return replace(state, filters=here.known_filters(state.filters), **kept)

    @staticmethod
    def _sure(intent: str, by_phrases: float, message: Message) -> float:
        """A move's confidence with a model's word: it strengthens what phrases find possible, and
        weakens what is outside of all it knows unless phrases are sure."""
        if message.in_scope is None or intent == "unknown":
            return by_phrases
        model = message.intents.get(intent, 0.0)
        if message.in_scope < _OUT_OF_SCOPE:
            return by_phrases if by_phrases >= _PHRASES_SURE else 0.5 * by_phrases
        if model >= _MODEL_SURE and (by_phrases > 0 or intent in ("recommend", "person")):
            return max(by_phrases, 0.9 * model)
        return by_phrases

    def _answered(
        self,
        state: State,
        message: Message | None,
        language: Language,
        weighed: Mapping[str, float],
        decision: Decision,
        started: float,
    ) -> Answer:
        template = self._renderer.text(decision.says, language)
        draft = Draft(
            template,
            language,
            "" if message is None else message.text,
            tuple(self.products.title(item) for item in decision.products),
        )
        text, by = worded(self._wording, draft, self.products)
        after = _after(state, decision, language.code)
        trace = Trace(
            after.turn, message, weighed, decision, text, by, time.perf_counter() - started
        )
        shown = tuple(
            Shown(item, self.products.title(item), self.products.price_of(item))
            for item in decision.products
        )
        return Answer(text, shown, language.code, decision, after, trace)


def _after(state: State, decision: Decision, language: str) -> State:
    """The conversation after a decision."""
    if decision.forgets:
        state = state.forgotten()
    if decision.listed:
        again = decision.intent == "more"
        seen = (*state.seen, *decision.products) if again else decision.products
        state = replace(
            state,
            source=decision.source,
            query=decision.query,
            picture=decision.picture,
            reference=decision.reference,
            filters=decision.filters,
            # An empty list leaves the last one on show: "the first" still means something.
            shown=decision.products or state.shown,
            seen=seen,
            focus="" if decision.products else state.focus,
        )
    state = state.spoken_of(decision.spoken)
    return replace(state, language=language, turn=state.turn + 1)
