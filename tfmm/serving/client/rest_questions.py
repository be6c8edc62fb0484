"""A client's questions as REST requests with JSON in column format, and the JSON of answers as
replies."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from tfmm.serving.client.transport import (
    Metadata,
    ModelMetadata,
    Predict,
    Prediction,
    Question,
    Signature,
    Status,
    Target,
    TensorSpec,
    TransportError,
    VersionStatus,
)
from tfmm.serving.server.errors import HTTP_STATUS

# The first code of each HTTP status: the protocol folds several codes into one.
_CODE: dict[int, str] = {}
for _name, _status in HTTP_STATUS.items():
    _CODE.setdefault(_status, _name)
_CODE[413] = "RESOURCE_EXHAUSTED"
_DEFAULT_PORT = 8501


def host_and_port(address: str, scheme: str) -> tuple[str, int]:
    """The parts of `host:port`, which may have `scheme://` before it.

    Raises:
        ValueError: another scheme, or anything after the port.
    """
    parts = urlsplit(address if "://" in address else f"{scheme}://{address}")
    try:
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        port = -1
    beyond = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username
    if parts.scheme != scheme or not parts.hostname or beyond or port < 0:
        raise ValueError(f"address must be host:port or {scheme}://host:port, got {address!r}.")
    return parts.hostname, port


class RestQuestions:
    """Questions to one model.

    Args:
        target: the model to ask.
        max_message_bytes: largest answer taken.
    """

    def __init__(self, target: Target, max_message_bytes: int):
        self.max_bytes = max_message_bytes
        self._model = self._path = f"/v1/models/{quote(target.model, safe='')}"
        if target.version is not None:
            self._path += f"/versions/{target.version}"
        elif target.label is not None:
            self._path += f"/labels/{quote(target.label, safe='')}"

    def request(self, question: Question) -> tuple[str, str, bytes | None]:
        """HTTP method, path and body of a question."""
        if isinstance(question, Metadata):
            return "GET", f"{self._path}/metadata", None
        if isinstance(question, Status):
            return "GET", self._model if question.every_version else self._path, None
        document = {
            "signature_name": question.signature,
            "inputs": {name: _to_json(array) for name, array in question.inputs.items()},
        }
        body = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogateescape")
        return "POST", f"{self._path}:predict", body

    def reply(self, question: Question, status: int, content: bytes) -> Any:
        """What an answer says; `content` may be cut after `max_bytes` + 1.

        Raises:
            TransportError: it is an error, too large, or no answer of TensorFlow Serving's API.
        """
        if len(content) > self.max_bytes:
            raise TransportError(
                "RESOURCE_EXHAUSTED",
                f"The answer is larger than the client's limit of {self.max_bytes} bytes.",
            )
        answer = _answer(status, content)
        try:
            return _reply(question, answer)
        except (KeyError, TypeError, ValueError, AttributeError):
            text = content[:200].decode("utf-8", "replace")
            raise TransportError(
                "UNKNOWN", f"The answer is not in TensorFlow Serving's form: {text!r}"
            ) from None


def _answer(status: int, content: bytes) -> Any:
    text = content.decode("utf-8", "surrogateescape")
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        raise TransportError(
            _CODE.get(status, "UNKNOWN"), f"HTTP {status} without JSON: {text[:200]!r}"
        ) from None
    if status != 200:
        message = answer.get("error", text) if isinstance(answer, dict) else text
        raise TransportError(_CODE.get(status, "INTERNAL"), str(message))
    return answer


def _reply(question: Question, answer: Any) -> Any:
    if isinstance(question, Predict):
        values, specs = answer["outputs"], question.spec.outputs
        if len(specs) == 1:
            values = {next(iter(specs)): values}
        outputs = {name: _from_json(name, v, specs.get(name)) for name, v in values.items()}
        return Prediction(outputs, None)
    if isinstance(question, Status):
        return [
            VersionStatus(
                int(entry["version"]),
                entry["state"],
                entry["status"]["error_code"],
                entry["status"]["error_message"],
            )
            for entry in answer["model_version_status"]
        ]
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    return ModelMetadata(
        answer["model_spec"]["name"],
        int(answer["model_spec"]["version"]),
        {
            name: Signature(_specs(signature["inputs"]), _specs(signature["outputs"]))
            for name, signature in signatures.items()
        },
    )


def _specs(infos: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(
            info["dtype"],
            None
            if info["tensor_shape"]["unknown_rank"]
            else tuple(int(dim["size"]) for dim in info["tensor_shape"]["dim"]),
        )
        for name, info in infos.items()
    }


def _to_json(array: np.ndarray) -> Any:
    if array.dtype != object:
        return array.tolist()
    if array.ndim:
        return [_to_json(row) if isinstance(row, np.ndarray) else _text(row) for row in array]
    return _text(array.item())


def _text(item: bytes) -> Any:
    try:
        # A file may be valid UTF-8 by chance, but text has no zero bytes.
        if b"\0" not in item:
            return item.decode("utf-8")
    except UnicodeDecodeError:
        pass
    return {"b64": base64.b64encode(item).decode("ascii")}


def _from_json(name: str, value: Any, spec: TensorSpec | None) -> np.ndarray:
    dtype = None if spec is None else spec.numpy_dtype
    array = np.array(value, dtype)
    if name.endswith("_bytes") and array.dtype == object:
        decoded = np.empty(array.size, object)
        decoded[:] = [base64.b64decode(item["b64"]) for item in array.ravel()]
        return decoded.reshape(array.shape)
    return array
