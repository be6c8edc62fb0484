"""What a client's transport answers with, gRPC or REST alike; needs no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

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


class Transport(Protocol):
    """One way to reach a server; safe to use from several threads."""

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], spec: Signature
    ) -> tuple[dict[str, np.ndarray], int | None]:
        """Outputs by name, strings as `str` (bytes where the name ends in `_bytes`), and the
        version that answered if the transport says it. Raises TransportError."""

    def metadata(self) -> ModelMetadata:
        """Raises TransportError."""

    def status(self) -> list[VersionStatus]:
        """Raises TransportError."""

    def close(self) -> None:
        """Close the connections."""


def decode_strings(name: str, array: np.ndarray) -> np.ndarray:
    """Bytes to `str` unless the output's name ends in `_bytes`; what is no UTF-8 survives as
    escapes."""
    if array.dtype != object or name.endswith("_bytes"):
        return array
    texts = np.empty(array.size, object)
    texts[:] = [item.decode("utf-8", "surrogateescape") for item in array.ravel()]
    return texts.reshape(array.shape)
