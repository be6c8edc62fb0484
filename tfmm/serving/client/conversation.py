"""What a client asks and makes of the replies, without saying how questions travel.

Each method is a generator that yields questions (`tfmm.serving.client.transport`), is sent their
replies and ends in the result, so that `Client` and `AsyncClient` are the same client.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tfmm.serving.ask.query import Query
from tfmm.serving.client.client_errors import at_fault, hint, no_servable, versions_text
from tfmm.serving.client.client_inputs import Ids, as_array, listed, padded, rows, several
from tfmm.serving.client.explanation import Explanation
from tfmm.serving.client.hits import Hits
from tfmm.serving.client.transport import (
    Metadata,
    ModelMetadata,
    Predict,
    Question,
    Signature,
    Status,
    Target,
    TransportError,
    VersionStatus,
)
from tfmm.serving.server.errors import ServingError

if TYPE_CHECKING:
    from tfmm.serving.ask.hybrid import Hybrid

_Result = TypeVar("_Result")
Talk = Generator[Question, Any, _Result]
# What may change when the server swaps the version under a client.
_STALE = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0


class Attempts:
    """How long a question may still take, and when to ask it again.

    Only UNAVAILABLE is asked again: the server is starting, restarting or between two versions.
    Pauses double from 0.1 s up to 2 s, each shortened by chance so that clients do not come back
    together.

    Args:
        seconds: deadline of the question, all attempts and pauses included.
        retries: attempts after the first.
    """

    def __init__(self, seconds: float, retries: int):
        self._end = time.monotonic() + seconds
        self._retries = retries
        self._pause = _FIRST_PAUSE

    def left(self) -> float:
        """Seconds until the deadline, above zero."""
        return max(0.001, self._end - time.monotonic())

    def pause_after(self, error: TransportError) -> float | None:
        """Seconds to wait before the next attempt; None if there is to be none."""
        pause = self._pause * random.uniform(0.5, 1.0)
        if error.code != "UNAVAILABLE" or self._retries < 1 or self.left() <= pause:
            return None
        self._retries -= 1
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return pause


class Conversation:
    """The questions of a client about one model; may be shared between threads.

    Args:
        address: where the server is, for errors.
        target: the model.
        transport: "grpc" or "rest", for errors.
    """

    def __init__(self, address: str, target: Target, transport: str):
        self._address = address
        self._target = target
        self._transport = transport
        self._metadata: ModelMetadata | None = None

    def search(
        self, signature: str, name: str, ids: str | Sequence[str], exclude: Ids, allow: Ids
    ) -> Talk[Any]:
        """Hits for one id, or a list of them for several."""
        found = listed(f"{name}s", ids)
        if not found:
            return []
        inputs = {name: np.array(found, object)}
        hits = yield from self._hits(signature, inputs, len(found), exclude, allow)
        return hits[0] if isinstance(ids, str) else hits

    def session(
        self, history: Sequence[str] | Sequence[Sequence[str]], exclude: Ids, allow: Ids
    ) -> Talk[Any]:
        """Hits for one history, or a list of them for several; each keeps its latest items."""
        signature = "recommend_session"
        given = [history] if isinstance(history, str) else several("history", history)
        many = bool(given) and not all(isinstance(item, str) for item in given)
        found = rows("history", given, len(given) if many else 1)
        if many and not found:
            return []
        inputs = {"history": (yield from self._histories(signature, found))}
        hits = yield from self._hits(signature, inputs, len(found), exclude, allow)
        return hits if many else hits[0]

    def explain(self, user_id: str, item_ids: str | Sequence[str]) -> Talk[Any]:
        """Why an item is recommended to a user, or a list of it for several items."""
        found = listed("item_ids", item_ids)
        if not found:
            return []
        (user,) = listed("user_id", [user_id])
        told = yield from self._explain("explain", "user_id", [user] * len(found), found)
        return told[0] if isinstance(item_ids, str) else told

    def explain_session(self, history: Sequence[str], item_ids: str | Sequence[str]) -> Talk[Any]:
        """Why an item is recommended after a history, or a list of it for several items."""
        found = listed("item_ids", item_ids)
        if not found:
            return []
        past = yield from self._histories("explain_session", [listed("history", history)])
        past = np.repeat(past, len(found), axis=0)
        told = yield from self._explain("explain_session", "history", past, found)
        return told[0] if isinstance(item_ids, str) else told

    def find(
        self, query: Query, exclude: Ids, allow: Ids, hybrid: Hybrid | None = None
    ) -> Talk[Any]:
        """Hits for one search, or a list of them for several; words ranked by `hybrid` too."""
        if not query.count:
            return []
        hits = yield from self._hits(
            query.signature, dict(query.inputs), query.count, exclude, allow
        )
        if hybrid is not None and query.texts is not None:
            asked = zip(
                query.texts,
                hits,
                rows("exclude", exclude, query.count),
                rows("allow", allow, query.count),
                strict=True,
            )
            hits = [hybrid.rank(*one) for one in asked]
        return hits[0] if query.single else hits

    def embed(self, signature: str, name: str, ids: str | Sequence[str]) -> Talk[np.ndarray]:
        """Vectors float32[B, D], or [D] for one id."""
        found = listed(f"{name}s", ids)
        if not found:
            spec = yield from self._signature(signature)
            shape = spec.outputs["embedding"].shape or (-1, -1)
            return np.zeros((0, max(0, shape[-1])), np.float32)
        outputs = yield from self.predict(signature, {name: np.array(found, object)})
        vectors = outputs["embedding"]
        return vectors[0] if isinstance(ids, str) else vectors

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> Talk[dict[str, np.ndarray]]:
        """Arrays by output name."""
        spec = yield from self._signature(signature)
        arrays = {name: as_array(name, value, spec) for name, value in inputs.items()}
        prediction = yield from self._ask(Predict(signature, arrays, spec), signature)
        known = self._metadata
        if prediction.version is not None and known and prediction.version != known.version:
            self._metadata = None
        return prediction.outputs

    def metadata(self) -> Talk[ModelMetadata]:
        """The version that answers now and its signatures."""
        found: ModelMetadata = yield from self._ask(Metadata())
        self._metadata = found
        return found

    def status(self) -> Talk[list[VersionStatus]]:
        """Where the versions stand."""
        found: list[VersionStatus] = yield from self._ask(Status())
        return found

    def _explain(
        self, signature: str, name: str, whose: Any, items: list[str]
    ) -> Talk[list[Explanation]]:
        if not items:
            return []
        inputs = {name: np.array(whose, object), "item_id": np.array(items, object)}
        answer = yield from self.predict(signature, inputs)
        return Explanation.rows(answer)

    def _histories(self, signature: str, found: list[list[str]]) -> Talk[np.ndarray]:
        """The latest items of histories, as wide as a signature takes them."""
        width = yield from self._width(signature, "history")
        if width is not None:
            found = [row[-width:] for row in found]
        return padded("history", found, width)

    def _ask(self, question: Question, signature: str = "") -> Talk[Any]:
        try:
            return (yield question)
        except TransportError as error:
            if error.code in _STALE:
                self._metadata = None
            failed = error
        raise (yield from self._explained(failed, signature)) from None

    def _explained(self, error: TransportError, signature: str) -> Talk[ServingError]:
        fault, advice = at_fault(error), hint(error, self._transport)
        if no_servable(error):
            try:
                states = yield Status(every_version=True)
            except TransportError:
                states = []
            if states:
                named = self._target.version is not None or self._target.label is not None
                fault = "version" if named else "model"
                advice = versions_text(states)
        return self._error(error.code, signature, error.message, advice, fault)

    def _error(
        self, code: str, signature: str, message: str, advice: str, fault: str
    ) -> ServingError:
        return ServingError(
            code,
            address=self._address,
            model=self._target.model,
            signature=signature,
            server_message=message,
            hint=advice,
            at_fault=fault,
        )

    def _signature(self, name: str) -> Talk[Signature]:
        metadata = self._metadata or (yield from self.metadata())
        found = metadata.signatures.get(name)
        if found is None:
            # Perhaps a newer version has it.
            metadata = yield from self.metadata()
            found = metadata.signatures.get(name)
        if found is None:
            names = ", ".join(sorted(n for n in metadata.signatures if not n.startswith("__")))
            message = "the model has no such signature"
            raise self._error("NOT_FOUND", name, message, f"It has: {names}.", "signature")
        return found

    def _width(self, signature: str, name: str) -> Talk[int | None]:
        spec = (yield from self._signature(signature)).inputs.get(name)
        if spec is None or spec.shape is None or len(spec.shape) != 2 or spec.shape[1] < 0:
            return None
        return spec.shape[1]

    def _hits(
        self,
        signature: str,
        inputs: dict[str, np.ndarray],
        count: int,
        exclude: Ids,
        allow: Ids,
    ) -> Talk[list[Hits]]:
        spec = yield from self._signature(signature)
        for name, values in (("exclude", exclude), ("allow", allow)):
            wanted = rows(name, values, count)
            if name in spec.inputs:
                width = yield from self._width(signature, name)
                inputs[name] = padded(name, wanted, width)
            elif any(wanted):
                raise ValueError(f"{name}: the model's signature {signature} does not take it.")
        outputs = yield from self.predict(signature, inputs)
        return [
            Hits.without_padding(ids.tolist(), scores.tolist())
            for ids, scores in zip(outputs["item_id"], outputs["score"], strict=True)
        ]
