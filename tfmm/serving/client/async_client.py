"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import numpy as np

from tfmm.serving.ask.query import Pictures, Sounds, Texts, make_query
from tfmm.serving.client.client_inputs import Ids
from tfmm.serving.client.connect import checked_headers, checked_target, client_tls, connect_async
from tfmm.serving.client.conversation import Attempts, Conversation, Talk
from tfmm.serving.client.explanation import Explanation
from tfmm.serving.client.hits import Hits
from tfmm.serving.client.transport import (
    ModelMetadata,
    Question,
    TransportError,
    VersionStatus,
    Way,
)

if TYPE_CHECKING:
    from tfmm.serving.ask.hybrid import Hybrid
    from tfmm.serving.ask.voice.recognizer import Recognizer

_Result = TypeVar("_Result")


class AsyncClient:
    """`Client` with methods to await, for one event loop; many calls may be under way at once.

    ```python
    async with AsyncClient("127.0.0.1:8500", "shop") as client:
        ann, bob = await asyncio.gather(client.recommend("ann"), client.recommend("bob"))
    ```

    Arguments and errors are those of `Client`.
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        transport: str = "grpc",
        timeout: float = 10.0,
        retries: int = 3,
        version: int | None = None,
        label: str | None = None,
        tls: bool = False,
        ca: str | os.PathLike[str] | None = None,
        key: str | os.PathLike[str] | None = None,
        certificate: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        max_message_bytes: int = 256 << 20,
    ):
        self.address = address
        self.model = model
        self.transport = transport
        target = checked_target(model, transport, version, label)
        self._timeout = timeout
        self._retries = retries
        self._talk = Conversation(address, target, transport)
        self._transport = connect_async(
            transport,
            address,
            target,
            Way(
                client_tls(address, tls, ca, key, certificate),
                checked_headers(headers),
                max_message_bytes,
            ),
        )

    @overload
    async def recommend(  # type: ignore[overload-overlap]
        self, user_ids: str, exclude: Ids = ..., allow: Ids = ...
    ) -> Hits: ...
    @overload
    async def recommend(
        self, user_ids: Sequence[str], exclude: Ids = ..., allow: Ids = ...
    ) -> list[Hits]: ...
    async def recommend(
        self, user_ids: str | Sequence[str], exclude: Ids = (), allow: Ids = ()
    ) -> Hits | list[Hits]:
        """As `Client.recommend`."""
        talk = self._talk.search("recommend", "user_id", user_ids, exclude, allow)
        return await self._result(talk)

    @overload
    async def similar(  # type: ignore[overload-overlap]
        self, item_ids: str, exclude: Ids = ..., allow: Ids = ...
    ) -> Hits: ...
    @overload
    async def similar(
        self, item_ids: Sequence[str], exclude: Ids = ..., allow: Ids = ...
    ) -> list[Hits]: ...
    async def similar(
        self, item_ids: str | Sequence[str], exclude: Ids = (), allow: Ids = ()
    ) -> Hits | list[Hits]:
        """As `Client.similar`."""
        talk = self._talk.search("similar_items", "item_id", item_ids, exclude, allow)
        return await self._result(talk)

    async def recommend_session(
        self,
        history: Sequence[str] | Sequence[Sequence[str]],
        exclude: Ids = (),
        allow: Ids = (),
    ) -> Hits | list[Hits]:
        """As `Client.recommend_session`."""
        return await self._result(self._talk.session(history, exclude, allow))

    async def explain(
        self, user_id: str, item_ids: str | Sequence[str]
    ) -> Explanation | list[Explanation]:
        """As `Client.explain`."""
        return await self._result(self._talk.explain(user_id, item_ids))

    async def explain_session(
        self, history: Sequence[str], item_ids: str | Sequence[str]
    ) -> Explanation | list[Explanation]:
        """As `Client.explain_session`."""
        return await self._result(self._talk.explain_session(history, item_ids))

    async def search(
        self,
        *,
        text: Texts | None = None,
        image: Pictures | None = None,
        audio: Sounds | None = None,
        exclude: Ids = (),
        allow: Ids = (),
        hybrid: Hybrid | None = None,
        recognizer: Recognizer | None = None,
    ) -> Hits | list[Hits]:
        """As `Client.search`; pictures and sound are decoded in a thread."""
        query = await asyncio.to_thread(make_query, text, image, audio, recognizer)
        return await self._result(self._talk.find(query, exclude, allow, hybrid))

    async def embed_user(self, user_ids: str | Sequence[str]) -> np.ndarray:
        """As `Client.embed_user`."""
        return await self._result(self._talk.embed("embed_user", "user_id", user_ids))

    async def embed_item(self, item_ids: str | Sequence[str]) -> np.ndarray:
        """As `Client.embed_item`."""
        return await self._result(self._talk.embed("embed_item", "item_id", item_ids))

    async def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """As `Client.predict`."""
        return await self._result(self._talk.predict(signature, inputs))

    async def ask(self, signature: str = "serving_default", **inputs: Any) -> dict[str, np.ndarray]:
        """As `Client.ask`."""
        return await self.predict(signature, inputs)

    async def metadata(self) -> ModelMetadata:
        """As `Client.metadata`."""
        return await self._result(self._talk.metadata())

    async def status(self) -> list[VersionStatus]:
        """As `Client.status`."""
        return await self._result(self._talk.status())

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _result(self, talk: Talk[_Result]) -> _Result:
        try:
            question = next(talk)
            while True:
                try:
                    reply = await self._asked(question)
                except TransportError as error:
                    question = talk.throw(error)
                else:
                    question = talk.send(reply)
        except StopIteration as end:
            return end.value

    async def _asked(self, question: Question) -> Any:
        attempts = Attempts(self._timeout, self._retries)
        while True:
            try:
                return await self._transport.ask(question, attempts.left())
            except TransportError as error:
                pause = attempts.pause_after(error)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
