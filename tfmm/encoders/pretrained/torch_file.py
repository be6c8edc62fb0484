"""Reads the tensors of a PyTorch weights file without PyTorch, and without running its code."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}


class TorchFileError(ValueError):
    """A file that is no PyTorch weights file, or holds more than weights."""


def read_torch_file(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """The tensors of a `.pth` file by name.

    Reads the format that PyTorch wrote up to version 1.5: four pickles (magic number, version,
    machine, names with shapes), then a pickled list of storages and their bytes. A pickle may call
    any function; here it may only name tensors, dictionaries and storages, and all else is refused.

    Raises:
        FileNotFoundError: there is no such file.
        TorchFileError: another format, a file cut short, or a pickle that asks for more.
    """
    path = Path(path)
    with open(path, "rb") as file:
        try:
            return _read(file)
        except TorchFileError as error:
            raise TorchFileError(f"Cannot read {path}: {error}") from error
        # What pickle raises on other bytes is not limited to its own errors.
        except Exception as error:
            raise TorchFileError(
                f"Cannot read {path} as PyTorch weights: {error}. Expected a whole file in the "
                "format of PyTorch 1.5 or earlier."
            ) from error


def _read(file: BinaryIO) -> dict[str, NDArray[Any]]:
    if file.read(2) == b"PK":
        raise TorchFileError(
            "it is in the zip format of PyTorch 1.6 and later. Save it with torch.save(weights, "
            "path, _use_new_zipfile_serialization=False)."
        )
    file.seek(0)
    if _Unpickler(file).load() != _MAGIC:
        raise TorchFileError("it does not start with PyTorch's magic number.")
    _Unpickler(file).load()
    _Unpickler(file).load()
    named = _Unpickler(file).load()
    if not isinstance(named, dict) or not all(isinstance(v, _Tensor) for v in named.values()):
        raise TorchFileError("it holds no dictionary of tensors.")
    types = {tensor.key: tensor.dtype for tensor in named.values()}
    storages = {}
    for key in _Unpickler(file).load():
        dtype = np.dtype(types.get(key, "<f4"))
        size = int.from_bytes(_exactly(file, 8), "little")
        storages[key] = np.frombuffer(_exactly(file, size * dtype.itemsize), dtype)
    return {name: tensor.of(storages[tensor.key]) for name, tensor in named.items()}


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise TorchFileError(f"it is cut short: {size:,} bytes expected, {len(data):,} there.")
    return data


class _Tensor:
    """Where a tensor lies in its storage."""

    def __init__(self, storage: Any, offset: int, shape: Any, stride: Any, *_: Any) -> None:
        self.dtype, self.key = storage
        self.offset, self.shape, self.stride = int(offset), tuple(shape), tuple(stride)

    def of(self, storage: NDArray[Any]) -> NDArray[Any]:
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride, strict=True))
        if self.offset < 0 or min(self.stride, default=1) < 0 or last >= max(len(storage), 1):
            raise TorchFileError("a tensor lies outside of its storage.")
        strides = [step * storage.itemsize for step in self.stride]
        view = np.lib.stride_tricks.as_strided(storage[self.offset :], self.shape, strides)
        return np.array(view)


class _Unpickler(pickle.Unpickler):
    """Allows what names tensors, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise TorchFileError(
            f"it asks for {module}.{name}, which is no tensor. Weights alone are read: save the "
            "model's state_dict()."
        )

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        kind, dtype, key, *_ = pid
        if kind != "storage":
            raise TorchFileError(f"it refers to {kind!r}, expected a storage.")
        return dtype, str(key)
