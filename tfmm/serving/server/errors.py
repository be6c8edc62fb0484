"""The three kinds of error in serving: a set-up that cannot serve, an answer with a status, a
failed call."""

from __future__ import annotations

# google.rpc.Code by name: what gRPC, TensorFlow and the status protos share.
CODES = {
    "OK": 0,
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}
_NAMES = {number: name for name, number in CODES.items()}

# How TensorFlow Serving turns a status into an HTTP status; every other code is 500.
HTTP_STATUS = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def code_name(number: int) -> str:
    """The name of a google.rpc.Code number; unknown numbers are `UNKNOWN`."""
    return _NAMES.get(number, "UNKNOWN")


class ServingConfigError(ValueError):
    """The server cannot start as asked: a folder, a models.config or a port is not usable."""


class StatusError(Exception):
    """An answer that is an error: a status code's name and the message the client gets."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


class ServingError(RuntimeError):
    """A call through `Client` that failed.

    Attributes:
        code: status code's name, such as `NOT_FOUND`, the same over gRPC and REST.
        address, model, signature: what was called; signature is "" for status and metadata.
        server_message: the server's (or the transport's) own words.
        hint: what to do about it, "" if the server's words are all there is.
        at_fault: what is wrong: "model", "version", "signature", "input" or "server" (which did not
            answer, is full, or failed inside).
    """

    def __init__(
        self,
        code: str,
        *,
        address: str,
        model: str,
        signature: str = "",
        server_message: str = "",
        hint: str = "",
        at_fault: str = "server",
    ):
        what = f"model {model!r}" + (f", signature {signature!r}" if signature else "")
        text = f"{code} from {address} for {what}: {server_message}"
        super().__init__(f"{text}\n{hint}" if hint else text)
        self.code = code
        self.address = address
        self.model = model
        self.signature = signature
        self.server_message = server_message
        self.hint = hint
        self.at_fault = at_fault
