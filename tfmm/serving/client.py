"""The client of an exported recommender, over gRPC or REST, on tfmm's server or TensorFlow
Serving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, overload

import numpy as np

from tfmm.serving.errors import ServingError
from tfmm.serving.transport import (
    ModelMetadata,
    Signature,
    Target,
    Transport,
    TransportError,
    VersionStatus,
)

Ids = Iterable[str] | Iterable[Iterable[str]]
# What may change when the server swaps the version under a client.
_STALE = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "NOT_FOUND")


@dataclass(frozen=True)
class Hits:
    """Items found for one request, best first: equally long lists of ids and scores, padding
    removed."""

    item_id: list[str]
    score: list[float]

    def __len__(self) -> int:
        return len(self.item_id)

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return iter(zip(self.item_id, self.score, strict=True))


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
        timeout: deadline of each call, seconds.
        version, label: ask this version, or the one that carries this label, instead of the newest.
        max_message_bytes: largest answer taken.

    Raises:
        ValueError: an argument that no server could understand.
    """

    def __init__(
        self,
        address: str,
        model: str,
        *,
        transport: str = "grpc",
        timeout: float = 10.0,
        version: int | None = None,
        label: str | None = None,
        max_message_bytes: int = 256 << 20,
    ):
        if transport not in ("grpc", "rest"):
            raise ValueError(f'transport must be "grpc" or "rest", got {transport!r}.')
        if version is not None and label is not None:
            raise ValueError(f"give version or label, not both: got {version} and {label!r}.")
        self.address = address
        self.model = model
        self.transport = transport
        self._transport = _connect(
            transport,
            address,
            Target(model, version, label),
            timeout=timeout,
            max_message_bytes=max_message_bytes,
        )
        self._metadata: ModelMetadata | None = None

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
        return self._search("recommend", "user_id", user_ids, exclude, allow)

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
            ValueError, ServingError: as `recommend`.
        """
        return self._search("similar_items", "item_id", item_ids, exclude, allow)

    def recommend_session(
        self,
        history: Sequence[str] | Sequence[Sequence[str]],
        exclude: Ids = (),
        allow: Ids = (),
    ) -> Hits | list[Hits]:
        """Items for a shopper who looked at these items, oldest first; a list of lists for several.

        A history longer than the export has room for keeps its most recent items.

        Raises:
            ValueError, ServingError: as `recommend`.
        """
        name = "recommend_session"
        many = bool(history) and not all(isinstance(item, str) for item in history)
        rows = _rows("history", history, len(history) if many else 1)
        if many and not rows:
            return []
        width = self._width(name, "history")
        if width is not None:
            rows = [row[-width:] for row in rows]
        inputs = {"history": self._padded(name, "history", rows)}
        hits = self._hits(name, inputs, len(rows), exclude, allow)
        return hits if many else hits[0]

    def embed_user(self, user_ids: str | Sequence[str]) -> np.ndarray:
        """Vectors float32[B, D] of shoppers, [D] for one id. Raises ServingError."""
        return self._embed("embed_user", "user_id", user_ids)

    def embed_item(self, item_ids: str | Sequence[str]) -> np.ndarray:
        """Vectors float32[B, D] of items, [D] for one id. Raises ServingError."""
        return self._embed("embed_item", "item_id", item_ids)

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Call any signature: arrays (or nested lists) by input name to arrays by output name.

        Inputs are cast to the signature's dtypes. Strings come back as `str`, and as bytes where
        the output's name ends in `_bytes`.

        Raises:
            ValueError, TypeError: an input that cannot become its dtype.
            ServingError: the server did not answer, or answered with an error.
        """
        spec = self._signature(signature)
        arrays = {name: _as_array(name, value, spec) for name, value in inputs.items()}
        try:
            outputs, version = self._transport.predict(signature, arrays, spec)
        except TransportError as error:
            if error.code in _STALE:
                self._metadata = None
            raise self._error(error, signature) from None
        if version is not None and self._metadata and version != self._metadata.version:
            self._metadata = None
        return outputs

    def metadata(self) -> ModelMetadata:
        """The version that answers now and its signatures. Raises ServingError."""
        try:
            self._metadata = self._transport.metadata()
        except TransportError as error:
            raise self._error(error) from None
        return self._metadata

    def status(self) -> list[VersionStatus]:
        """The states of the model's versions, newest first. Raises ServingError."""
        try:
            return self._transport.status()
        except TransportError as error:
            raise self._error(error) from None

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _signatures(self) -> dict[str, Signature]:
        return (self._metadata or self.metadata()).signatures

    def _signature(self, name: str) -> Signature:
        found = self._signatures().get(name)
        if found is None:
            # Perhaps a newer version has it.
            found = self.metadata().signatures.get(name)
        if found is None:
            names = ", ".join(sorted(n for n in self._signatures() if not n.startswith("__")))
            raise ServingError(
                "NOT_FOUND",
                address=self.address,
                model=self.model,
                signature=name,
                server_message="the model has no such signature",
                hint=f"It has: {names}.",
            )
        return found

    def _width(self, signature: str, name: str) -> int | None:
        spec = self._signature(signature).inputs.get(name)
        if spec is None or spec.shape is None or len(spec.shape) != 2 or spec.shape[1] < 0:
            return None
        return spec.shape[1]

    def _padded(self, signature: str, name: str, rows: list[list[str]]) -> np.ndarray:
        longest = max(map(len, rows), default=0)
        width = self._width(signature, name)
        if width is None:
            width = max(1, longest)
        if longest > width:
            raise ValueError(
                f"{name}: signature {signature!r} of model {self.model!r} takes at most {width} "
                f"entries a request, a limit fixed at export; got {longest}. Send fewer, or export "
                "with more room."
            )
        array = np.full((len(rows), width), "", object)
        for position, row in enumerate(rows):
            array[position, : len(row)] = row
        return array

    def _search(
        self,
        signature: str,
        name: str,
        ids: str | Sequence[str],
        exclude: Ids,
        allow: Ids,
    ) -> Hits | list[Hits]:
        listed = _listed(name, ids)
        if not listed:
            return []
        hits = self._hits(signature, {name: np.array(listed, object)}, len(listed), exclude, allow)
        return hits[0] if isinstance(ids, str) else hits

    def _hits(
        self,
        signature: str,
        inputs: dict[str, np.ndarray],
        count: int,
        exclude: Ids,
        allow: Ids,
    ) -> list[Hits]:
        for name, values in (("exclude", exclude), ("allow", allow)):
            inputs[name] = self._padded(signature, name, _rows(name, values, count))
        outputs = self.predict(signature, inputs)
        return [
            _without_padding(ids.tolist(), scores.tolist())
            for ids, scores in zip(outputs["item_id"], outputs["score"], strict=True)
        ]

    def _embed(self, signature: str, name: str, ids: str | Sequence[str]) -> np.ndarray:
        listed = _listed(name, ids)
        if not listed:
            shape = self._signature(signature).outputs["embedding"].shape or (-1, -1)
            return np.zeros((0, max(0, shape[-1])), np.float32)
        vectors = self.predict(signature, {name: np.array(listed, object)})["embedding"]
        return vectors[0] if isinstance(ids, str) else vectors

    def _error(self, error: TransportError, signature: str = "") -> ServingError:
        return ServingError(
            error.code,
            address=self.address,
            model=self.model,
            signature=signature,
            server_message=error.message,
            hint=_hint(error, self.transport),
        )


def _connect(transport: str, address: str, target: Target, **options: Any) -> Transport:
    if transport == "rest":
        from tfmm.serving.rest_transport import RestTransport

        return RestTransport(address, target, **options)
    from tfmm.serving.grpc_transport import GrpcTransport

    return GrpcTransport(address, target, **options)


def _listed(name: str, ids: str | Sequence[str]) -> list[str]:
    listed = [ids] if isinstance(ids, str) else list(ids)
    _check_ids(name, listed)
    return listed


def _check_ids(name: str, ids: Iterable[object]) -> None:
    for value in ids:
        if not isinstance(value, str):
            raise TypeError(f"{name}: ids are strings, got {value!r} ({type(value).__name__}).")


def _rows(name: str, values: Any, count: int) -> list[list[str]]:
    """One list of strings for each of `count` requests; a flat list counts for every request."""
    listed = [values] if isinstance(values, str) else list(values)
    if all(isinstance(value, str) for value in listed):
        return [[value for value in listed if value]] * count
    if any(isinstance(v, str) or not isinstance(v, Iterable) for v in listed):
        raise ValueError(
            f"{name}: expected a list of strings, or one list of strings for each request, got "
            f"{listed!r}."
        )
    if len(listed) != count:
        raise ValueError(
            f"{name}: expected one list for each of {count} requests, got {len(listed)}."
        )
    rows = [list(row) for row in listed]
    for row in rows:
        _check_ids(name, row)
    return [[value for value in row if value] for row in rows]


def _without_padding(ids: list[str], scores: list[float]) -> Hits:
    kept = [(i, s) for i, s in zip(ids, scores, strict=True) if i]
    return Hits([i for i, _ in kept], [s for _, s in kept])


def _as_array(name: str, value: Any, signature: Signature) -> np.ndarray:
    spec = signature.inputs.get(name)
    dtype = None if spec is None else spec.numpy_dtype
    try:
        array = np.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"input {name!r} cannot become {spec.dtype if spec else 'a tensor'}: {error}"
        ) from None
    if array.dtype.kind not in "USO":
        return array
    encoded = np.empty(array.size, object)
    for position, item in enumerate(array.ravel()):
        if not isinstance(item, (str, bytes)):
            raise TypeError(
                f"input {name!r} must hold strings, got {item!r} ({type(item).__name__}); rows of "
                'different lengths must be padded with "".'
            )
        encoded[position] = (
            item if isinstance(item, bytes) else item.encode("utf-8", "surrogateescape")
        )
    return encoded.reshape(array.shape)


def _hint(error: TransportError, transport: str) -> str:
    message = error.message
    if "Op type not registered" in message:
        return (
            "The server lacks an op of this model. ScaNN's ops are in no stock TensorFlow Serving: "
            "export with a brute-force or IVF index, or serve it with a server that has the ops."
        )
    if error.code == "UNAVAILABLE":
        port = "8500 unless changed" if transport == "grpc" else "8501 unless changed"
        return (
            f"Is the server running there, and is this its {transport} port ({port})? "
            "`tfmm serve MODELS` starts one and prints its addresses."
        )
    if "Servable not found" in message or "Could not find" in message:
        return (
            "The server does not serve this model or version. A model's name is its folder's name "
            "below the models folder, or its name in models.config; status() lists its versions."
        )
    if "version label" in message:
        return "Labels are set in models.config (version_labels); this one is not."
    if error.code == "RESOURCE_EXHAUSTED" and "larger" in message:
        return "Ask for fewer at once, or raise max_message_bytes on the side that refuses."
    if error.code == "RESOURCE_EXHAUSTED":
        return "The server has all the work it takes: send fewer requests at once, or add servers."
    if error.code == "DEADLINE_EXCEEDED":
        return (
            "The answer took longer than the client's timeout: raise it, or ask for fewer at once."
        )
    if error.code == "UNIMPLEMENTED":
        return "What listens there does not speak TensorFlow Serving's protocol."
    return ""
