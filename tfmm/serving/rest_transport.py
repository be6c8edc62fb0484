"""The client's way over REST: a pool of kept connections, JSON in column format."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import urllib3

from tfmm.serving.errors import HTTP_STATUS
from tfmm.serving.transport import (
    ModelMetadata,
    Signature,
    Target,
    TensorSpec,
    TransportError,
    VersionStatus,
)

# The first code of each HTTP status: the protocol folds several codes into one.
_CODE: dict[int, str] = {}
for _name, _status in HTTP_STATUS.items():
    _CODE.setdefault(_status, _name)
_CODE[413] = "RESOURCE_EXHAUSTED"


class RestTransport:
    """Calls the REST API at `host:port` (`http://` before it is allowed).

    Args:
        address: `host:port`.
        target: the model to ask.
        timeout: of each connection and each answer, seconds.
        max_message_bytes: largest answer taken.
    """

    def __init__(self, address: str, target: Target, *, timeout: float, max_message_bytes: int):
        url = urllib3.util.parse_url(address if "://" in address else f"http://{address}")
        if url.scheme != "http" or not url.host or url.path not in (None, "", "/"):
            raise ValueError(f"address must be host:port or http://host:port, got {address!r}.")
        self._pool = urllib3.HTTPConnectionPool(
            url.host, url.port or 8501, timeout=timeout, maxsize=16, retries=False
        )
        self._max_bytes = max_message_bytes
        self._path = f"/v1/models/{quote(target.model, safe='')}"
        if target.version is not None:
            self._path += f"/versions/{target.version}"
        elif target.label is not None:
            self._path += f"/labels/{quote(target.label, safe='')}"

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        try:
            response = self._pool.request(method, path, body=body, preload_content=False)
            try:
                content = response.read(self._max_bytes + 1)
                if len(content) > self._max_bytes:
                    response.close()
                    raise TransportError(
                        "RESOURCE_EXHAUSTED",
                        f"The answer is larger than the client's limit of {self._max_bytes} bytes.",
                    )
            finally:
                response.release_conn()
        except urllib3.exceptions.NewConnectionError as error:
            # Refused at once, yet urllib3 counts it among the timeouts.
            raise TransportError("UNAVAILABLE", str(error)) from None
        except urllib3.exceptions.TimeoutError as error:
            raise TransportError("DEADLINE_EXCEEDED", str(error)) from None
        except urllib3.exceptions.HTTPError as error:
            raise TransportError("UNAVAILABLE", str(error)) from None
        text = content.decode("utf-8", "surrogateescape")
        try:
            answer = json.loads(text)
        except ValueError:
            raise TransportError(
                _CODE.get(response.status, "UNKNOWN"),
                f"HTTP {response.status} without JSON: {text[:200]!r}",
            ) from None
        if response.status != 200:
            message = answer.get("error", text) if isinstance(answer, dict) else text
            raise TransportError(_CODE.get(response.status, "INTERNAL"), message)
        return answer

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], spec: Signature
    ) -> tuple[dict[str, np.ndarray], int | None]:
        document = {
            "signature_name": signature,
            "inputs": {name: _to_json(array) for name, array in inputs.items()},
        }
        body = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogateescape")
        values = self._call("POST", f"{self._path}:predict", body)["outputs"]
        if len(spec.outputs) == 1:
            values = {next(iter(spec.outputs)): values}
        return {
            name: _from_json(name, v, spec.outputs.get(name)) for name, v in values.items()
        }, None

    def metadata(self) -> ModelMetadata:
        answer = self._call("GET", f"{self._path}/metadata")
        signatures = answer["metadata"]["signature_def"]["signature_def"]
        return ModelMetadata(
            answer["model_spec"]["name"],
            int(answer["model_spec"]["version"]),
            {
                name: Signature(_specs(signature["inputs"]), _specs(signature["outputs"]))
                for name, signature in signatures.items()
            },
        )

    def status(self) -> list[VersionStatus]:
        return [
            VersionStatus(
                int(entry["version"]),
                entry["state"],
                entry["status"]["error_code"],
                entry["status"]["error_message"],
            )
            for entry in self._call("GET", self._path)["model_version_status"]
        ]

    def close(self) -> None:
        self._pool.close()


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
        return item.decode("utf-8")
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(item).decode("ascii")}


def _from_json(name: str, value: Any, spec: TensorSpec | None) -> np.ndarray:
    dtype = None if spec is None else spec.numpy_dtype
    array = np.array(value, dtype)
    if name.endswith("_bytes") and array.dtype == object:
        decoded = np.empty(array.size, object)
        decoded[:] = [base64.b64decode(item["b64"]) for item in array.ravel()]
        return decoded.reshape(array.shape)
    return array
