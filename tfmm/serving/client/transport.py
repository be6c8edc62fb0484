"""What a client asks a server and what it answers, gRPC or REST alike; needs no TensorFlow."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

_NUMPY = {
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_HALF": np.float16,
    "DT_INT8": np.int8,
    "DT_UINT8": np.uint8,
    "DT_INT16": np.int16,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
    "DT_BOOL": np.bool_,
    "DT_STRING": np.object_,
}


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a signature: TensorFlow's name of its dtype (`DT_STRING`) and its
    shape, -1 where any size goes, None if even the rank is open."""

    dtype: str
    shape: tuple[int, ...] | None

    @property
    def numpy_dtype(self) -> np.dtype | None:
        """NumPy dtype, object for strings; None for a dtype that has none."""
        kind = _NUMPY.get(self.dtype)
        return None if kind is None else np.dtype(kind)


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a signature, by name."""

    inputs: dict[str, TensorSpec]
    outputs: dict[str, TensorSpec]


@dataclass(frozen=True)
class ModelMetadata:
    """A served version and its signatures, by name."""

    name: str
    version: int
    signatures: dict[str, Signature]


@dataclass(frozen=True)
class VersionStatus:
    """Where a version stands (START, LOADING, AVAILABLE, UNLOADING, END) and its error, if it has
    one."""

    version: int
    state: str
    error_code: str
    error_message: str


class TransportError(Exception):
    """A call that failed: the status code's name, and the server's or the transport's words."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Target:
    """The model a client asks, by version or label if it must be a certain one."""

    model: str
    version: int | None = None
    label: str | None = None


@dataclass(frozen=True)
class Predict:
    """Asks a signature; `inputs` are arrays by name, strings as objects of bytes. The reply is a
    `Prediction`."""

    signature: str
    inputs: Mapping[str, np.ndarray]
    spec: Signature


@dataclass(frozen=True)
class Metadata:
    """Asks for the signatures of the version that answers. The reply is a `ModelMetadata`."""


@dataclass(frozen=True)
class Status:
    """Asks where the target's versions stand, or with `every_version` all versions of its model.
    The reply is a list of `VersionStatus`."""

    every_version: bool = False


Question = Predict | Metadata | Status


@dataclass(frozen=True)
class Prediction:
    """A signature's outputs by name, strings as `str` (bytes where the name ends in `_bytes`), and
    the version that answered if the transport says it."""

    outputs: dict[str, np.ndarray]
    version: int | None


@dataclass(frozen=True)
class Tls:
    """A client's side of TLS: files in PEM form.

    Attributes:
        ca: the authorities that may vouch for the server; None for the machine's own.
        key, certificate: what the client shows where the server asks for it.
    """

    ca: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None
    certificate: str | os.PathLike[str] | None = None

    def context(self) -> ssl.SSLContext:
        """For HTTP. Raises OSError for a file that cannot be read or used."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True)
class Way:
    """How a client reaches a server.

    Attributes:
        tls: certificates, None for plain text.
        headers: sent with every call, as HTTP headers or gRPC metadata.
        max_message_bytes: largest answer taken; gRPC's own default of 4 MB is soon too small.
    """

    tls: Tls | None
    headers: Mapping[str, str] = field(repr=False)
    max_message_bytes: int


class Transport(Protocol):
    """One way to reach a server; safe to use from several threads."""

    def ask(self, question: Question, seconds: float) -> Any:
        """The reply to a question, within `seconds`. Raises TransportError."""

    def close(self) -> None:
        """Close the connections."""


class AsyncTransport(Protocol):
    """One way to reach a server from one event loop."""

    async def ask(self, question: Question, seconds: float) -> Any:
        """The reply to a question, within `seconds`. Raises TransportError."""

    async def close(self) -> None:
        """Close the connections."""


def decode_strings(name: str, array: np.ndarray) -> np.ndarray:
    """Bytes to `str` unless the output's name ends in `_bytes`; what is no UTF-8 survives as
    escapes."""
    if array.dtype != object or name.endswith("_bytes"):
        return array
    texts = np.empty(array.size, object)
    texts[:] = [item.decode("utf-8", "surrogateescape") for item in array.ravel()]
    return texts.reshape(array.shape)
