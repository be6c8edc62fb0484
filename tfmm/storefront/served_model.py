"""A served model as the page asks it: what it can, and its answers with titles and reasons."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfmm.serving.ask.query_sound import query_sound
from tfmm.serving.ask.query_text import query_text
from tfmm.serving.ask.voice.recognizer import Recognizer
from tfmm.serving.client.async_client import AsyncClient
from tfmm.serving.client.hits import Hits
from tfmm.serving.client.transport import ModelMetadata
from tfmm.storefront.chat import Chat
from tfmm.storefront.question import Question, QuestionError
from tfmm.storefront.showcase import Known, Showcase

#: Items of a keyword search where the model itself has none.
_KEYWORD_HITS = 24
_ANSWERS_ITEMS = ("recommend", "recommend_session", "similar_items")


class ServedModel:
    """One model behind a page.

    Args:
        client: asks it.
        showcase: what its answers are shown with.
        chat: talks about its products.
        recognizer: hears the words of a recording; without it a recording is asked as sound.
    """

    def __init__(
        self,
        client: AsyncClient,
        showcase: Showcase,
        chat: Chat,
        recognizer: Recognizer | None = None,
    ):
        self.client = client
        self.showcase = showcase
        self.chat = chat
        self._recognizer = recognizer

    async def known(self) -> Known:
        """What is known of its items and shoppers."""
        return await asyncio.to_thread(self.showcase.known)

    async def abilities(self) -> dict[str, Any]:
        """`version`, and `can`: which of text, image, mixed, audio, shopper, session, similar.

        Raises:
            ServingError: the server does not answer, or not for this model.
        """
        metadata = await self.client.metadata()
        known = await self.known()
        can = {
            name: signature in metadata.signatures
            for name, signature in {
                "text": "search_text",
                "image": "search_image",
                "mixed": "search_mixed",
                "audio": "search_audio",
                "shopper": "recommend",
                "session": "recommend_session",
                "similar": "similar_items",
            }.items()
        }
        can["text"] |= self._by_keywords(metadata, known)
        can["audio"] |= self._recognizer is not None and can["text"]
        return {"version": metadata.version, "can": can}

    async def answer(self, question: Question) -> dict[str, Any]:
        """The `hits`, best first, the `words` heard in a recording, and `seconds` it took.

        A hit is an item's card with its `score` and a reason: `shared` facets with the item that
        was asked for, the item `because` of which the model recommends it, or, where the model does
        not tell, the item `near` to it among those looked at.

        Raises:
            QuestionError, ValueError: what is asked cannot be read, or is more than fits.
            ServingError: the server did not answer, or the model cannot answer this.
        """
        known = await self.known()
        started = time.perf_counter()
        words, by_keywords = "", False
        if question.kind == "search":
            hits, words, by_keywords = await self._search(question, known)
        elif question.kind == "similar":
            hits = await self.client.similar(question.items[0], allow=question.allow)
        elif question.kind == "shopper":
            hits = await self.client.recommend(question.shopper, allow=question.allow)
        else:
            found = await self.client.recommend_session(question.items, allow=question.allow)
            assert isinstance(found, Hits)
            hits = found
        seconds = time.perf_counter() - started
        cards = await asyncio.to_thread(
            lambda: [{**known.items.card(item), "score": score} for item, score in hits]
        )
        await self._explain(question, known, cards)
        return {"hits": cards, "words": words, "keywords": by_keywords, "seconds": seconds}

    async def _search(self, question: Question, known: Known) -> tuple[Hits, str, bool]:
        """The hits, the words heard if there was a recording, and whether keywords alone found."""
        text, words = question.text, ""
        if question.audio and self._recognizer is not None:
            text = words = await asyncio.to_thread(self._heard, self._recognizer, question.audio)
        elif question.audio:
            return await self._found(question, audio=question.audio), "", False
        if question.image:
            asked = {"image": question.image, **({"text": text} if text.strip() else {})}
            return await self._found(question, **asked), "", False
        if self._by_keywords(await self.client.metadata(), known):
            hits = await asyncio.to_thread(
                lambda: known.keywords.search(query_text(text), _KEYWORD_HITS, allow=question.allow)
            )
            return hits, words, True
        hybrid = await asyncio.to_thread(lambda: known.hybrid) if _has_words(known) else None
        return await self._found(question, text=text, hybrid=hybrid), words, False

    async def _found(self, question: Question, **asked: Any) -> Hits:
        hits = await self.client.search(**asked, allow=question.allow)
        assert isinstance(hits, Hits)
        return hits

    @staticmethod
    def _heard(recognizer: Recognizer, audio: bytes) -> str:
        words = recognizer.text(query_sound(audio, "the recording"))
        if not words:
            raise QuestionError("No words were heard in the recording: is it loud enough?")
        return words

    @staticmethod
    def _by_keywords(metadata: ModelMetadata, known: Known) -> bool:
        """Whether words are searched without the model: it recommends, and cannot search."""
        answers = any(name in metadata.signatures for name in _ANSWERS_ITEMS)
        return answers and "search_text" not in metadata.signatures and _has_words(known)

    async def _explain(self, question: Question, known: Known, cards: list[dict[str, Any]]) -> None:
        """Adds `shared`, `because` or `near` to the cards of an answer."""
        if question.kind == "similar":
            for card in cards:
                card["shared"] = known.items.shared(question.items[0], card["id"])
        if question.kind in ("session", "shopper") and await self._because(question, known, cards):
            return
        past: Sequence[str] = question.items
        if question.kind == "shopper":
            past = await asyncio.to_thread(known.shoppers.past, question.shopper)
        if question.kind in ("session", "shopper") and past and cards:
            near = await self._nearest([card["id"] for card in cards], list(dict.fromkeys(past)))
            for card in cards:
                if item := near.get(card["id"]):
                    card["near"] = {"id": item, "title": known.items.card(item)["title"]}

    async def _because(self, question: Question, known: Known, cards: list[dict[str, Any]]) -> bool:
        """Adds the first reason that the model gives for each card; False where it gives none."""
        of_shopper = question.kind == "shopper"
        signature = "explain" if of_shopper else "explain_session"
        if signature not in (await self.client.metadata()).signatures:
            return False
        ids = [card["id"] for card in cards]
        if of_shopper:
            told = await self.client.explain(question.shopper, ids)
        else:
            told = await self.client.explain_session(question.items, ids)
        assert isinstance(told, list)
        for card, why in zip(cards, told, strict=True):
            if why.reasons:
                item = why.reasons[0].item_id
                card["because"] = {"id": item, "title": known.items.card(item)["title"]}
        return True

    async def _nearest(self, items: list[str], past: list[str]) -> dict[str, str]:
        """The item of the past whose vector has the largest cosine with each item's; none where
        the model tells no vectors, or does not know an item."""
        metadata = await self.client.metadata()
        if "embed_item" not in metadata.signatures:
            return {}
        vectors = await self.client.embed_item([*items, *past])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors / np.maximum(lengths, 1e-12)
        cosines = vectors[: len(items)] @ vectors[len(items) :].T
        return {
            item: past[row.argmax()]
            for item, row in zip(items, cosines, strict=True)
            if row.max() > 0
        }


def _has_words(known: Known) -> bool:
    return any(known.items.catalog.words)
