"""The client of an exported recommender, over gRPC or REST, on tfmm's server or TensorFlow
Serving."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import numpy as np

from tfmm.serving.ask.query import Pictures, Sounds, Texts, make_query
from tfmm.serving.client.client_inputs import Ids
from tfmm.serving.client.connect import checked_headers, checked_target, client_tls, connect
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


class Client:
    """Asks a served model. Safe to share between threads; connections are kept and reused.

    ```python
    with Client("127.0.0.1:8500", "shop") as client:
        hits = client.recommend("user-7", exclude=["item-3"], allow=["type=shoes"])
        for item_id, score in hits:
            print(item_id, score)
    ```

    Methods that take ids take one (and return one result) or a list (and return a list). `exclude`
    is a list of item ids for every request, or one list for each. `allow` holds `feature=value`
    terms: OR within a feature, AND across features.

    Args:
        address: `host:port` of the server's gRPC or REST front.
        model: the model's name there.
        transport: "grpc" or "rest"; they answer alike. "rest" works without TensorFlow.
        timeout: deadline of each call, seconds, all attempts included.
        retries: attempts after the first where the server is UNAVAILABLE.
        version, label: ask this version, or the one that carries this label, instead of the newest.
        tls: speak TLS; implied by the next three and by an address that begins with https://.
        ca: PEM file of the authorities that may vouch for the server, instead of the machine's own.
        key, certificate: PEM files to show where the server asks who calls.
        headers: sent with every call, as HTTP headers or gRPC metadata, such as a proxy's key.
        max_message_bytes: largest answer taken.

    Raises:
        ValueError: an argument that no server could understand.
        OSError: a certificate's file cannot be read.
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
        self._transport = connect(
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
    def recommend(  # type: ignore[overload-overlap]
        self, user_ids: str, exclude: Ids = ..., allow: Ids = ...
    ) -> Hits: ...
    @overload
    def recommend(
        self, user_ids: Sequence[str], exclude: Ids = ..., allow: Ids = ...
    ) -> list[Hits]: ...
    def recommend(
        self, user_ids: str | Sequence[str], exclude: Ids = (), allow: Ids = ()
    ) -> Hits | list[Hits]:
        """Items for shoppers by id; one the model has never seen gets what any new shopper gets.

        Raises:
            ValueError: more `exclude` or `allow` entries than the export has room for.
            TypeError: ids that are no strings.
            ServingError: the server did not answer, or answered with an error.
        """
        talk = self._talk.search("recommend", "user_id", user_ids, exclude, allow)
        return self._result(talk)

    @overload
    def similar(  # type: ignore[overload-overlap]
        self, item_ids: str, exclude: Ids = ..., allow: Ids = ...
    ) -> Hits: ...
    @overload
    def similar(
        self, item_ids: Sequence[str], exclude: Ids = ..., allow: Ids = ...
    ) -> list[Hits]: ...
    def similar(
        self, item_ids: str | Sequence[str], exclude: Ids = (), allow: Ids = ()
    ) -> Hits | list[Hits]:
        """Items like an item, without itself; nothing for an item the model does not know.

        Raises:
            ValueError, TypeError, ServingError: as `recommend`.
        """
        talk = self._talk.search("similar_items", "item_id", item_ids, exclude, allow)
        return self._result(talk)

    def recommend_session(
        self,
        history: Sequence[str] | Sequence[Sequence[str]],
        exclude: Ids = (),
        allow: Ids = (),
    ) -> Hits | list[Hits]:
        """Items for a shopper who looked at these items, oldest first; a list of lists for several.

        A history longer than the export has room for keeps its most recent items.

        Raises:
            ValueError, TypeError, ServingError: as `recommend`.
        """
        return self._result(self._talk.session(history, exclude, allow))

    # A str is a sequence of str, too; the first overload that fits is taken.
    @overload
    def explain(  # type: ignore[overload-overlap]
        self, user_id: str, item_ids: str
    ) -> Explanation: ...
    @overload
    def explain(self, user_id: str, item_ids: Sequence[str]) -> list[Explanation]: ...
    def explain(
        self, user_id: str, item_ids: str | Sequence[str]
    ) -> Explanation | list[Explanation]:
        """Why an item is recommended to a shopper: which items of their history speak for it.

        ```python
        client.explain("user-7", "item-3").sentence()  # 'because you looked at item-1'
        ```

        Raises:
            TypeError, ServingError: as `recommend`.
        """
        return self._result(self._talk.explain(user_id, item_ids))

    def explain_session(
        self, history: Sequence[str], item_ids: str | Sequence[str]
    ) -> Explanation | list[Explanation]:
        """Why an item is recommended to a shopper who looked at these items, oldest first.

        Raises:
            TypeError, ServingError: as `recommend`.
        """
        return self._result(self._talk.explain_session(history, item_ids))

    def search(
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
        """Items by words, by a picture, by both together ("like this, but red") or by sound.

        ```python
        client.search(text="red running shoes", allow=["gender=Women"])
        client.search(image="seen_in_the_street.jpg")
        client.search(text="but blue", image=picture_bytes)
        ```

        Pictures and sounds are paths or bytes. Pictures are turned as their EXIF says and large
        ones scaled down; sound in other formats than WAV is converted (`tfmm[audio]`).

        Args:
            text, image, audio: one, or a list for a list of results; with text and image, one of
                either goes with every one of the other, and None or "" leaves it out.
            exclude, allow: as `recommend`.
            hybrid: ranks the hits of words together with keyword search's, so that product codes
                and names are not lost; pictures and sound have no words to rank by.
            recognizer: turns audio into words (`tfmm.serving.ask.voice`), which are asked instead.

        Raises:
            ValueError: no query, a text that is empty, over-long or binary, or a picture or sound
                that does not decode; in a list, with its place.
            OSError: a file cannot be read.
            TypeError, ServingError: as `recommend`; a model without this kind of search says which
                signatures it has.
        """
        query = make_query(text, image, audio, recognizer)
        return self._result(self._talk.find(query, exclude, allow, hybrid))

    def embed_user(self, user_ids: str | Sequence[str]) -> np.ndarray:
        """Vectors float32[B, D] of shoppers, [D] for one id. Raises ServingError."""
        return self._result(self._talk.embed("embed_user", "user_id", user_ids))

    def embed_item(self, item_ids: str | Sequence[str]) -> np.ndarray:
        """Vectors float32[B, D] of items, [D] for one id. Raises ServingError."""
        return self._result(self._talk.embed("embed_item", "item_id", item_ids))

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Call any signature: arrays (or nested lists) by input name to arrays by output name.

        Inputs are cast to the signature's dtypes. Strings come back as `str`, and as bytes where
        the output's name ends in `_bytes`.

        Raises:
            ValueError, TypeError: an input that cannot become its dtype.
            ServingError: the server did not answer, or answered with an error.
        """
        return self._result(self._talk.predict(signature, inputs))

    def ask(self, signature: str = "serving_default", **inputs: Any) -> dict[str, np.ndarray]:
        """`predict` with the inputs by keyword, whatever task the model is of.

        ```python
        client.ask("embed_user", user_id=["user-7"])["embedding"]  # float32 [1, D]
        ```
        """
        return self.predict(signature, inputs)

    def metadata(self) -> ModelMetadata:
        """The version that answers now and its signatures. Raises ServingError."""
        return self._result(self._talk.metadata())

    def status(self) -> list[VersionStatus]:
        """The states of the model's versions, newest first. Raises ServingError."""
        return self._result(self._talk.status())

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _result(self, talk: Talk[_Result]) -> _Result:
        try:
            question = next(talk)
            while True:
                try:
                    reply = self._asked(question)
                except TransportError as error:
                    question = talk.throw(error)
                else:
                    question = talk.send(reply)
        except StopIteration as end:
            return end.value

    def _asked(self, question: Question) -> Any:
        attempts = Attempts(self._timeout, self._retries)
        while True:
            try:
                return self._transport.ask(question, attempts.left())
            except TransportError as error:
                pause = attempts.pause_after(error)
                if pause is None:
                    raise
            time.sleep(pause)
