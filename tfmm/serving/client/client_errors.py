"""A failed call in words that say what is wrong and what to do about it."""

from __future__ import annotations

from tfmm.serving.client.transport import TransportError, VersionStatus

_NO_SERVABLE = ("Servable not found", "Could not find")
_NO_SIGNATURE = ("Serving signature", "signature def", "No signature was found")


def no_servable(error: TransportError) -> bool:
    """Whether the server says that it does not have the model or version."""
    return error.code == "NOT_FOUND" and any(words in error.message for words in _NO_SERVABLE)


def at_fault(error: TransportError) -> str:
    """Which is wrong: `model`, `version`, `signature`, `input`, or else `server`.

    Where a model or version is not served only its status tells which of the two, so that
    `no_servable` errors count as `model` here.
    """
    message = error.message
    if no_servable(error) or "Op type not registered" in message:
        return "model"
    if "version label" in message:
        return "version"
    if error.code in ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE"):
        missing = any(words in message for words in _NO_SIGNATURE) and "not found" in message
        return "signature" if missing else "input"
    return "server"


def versions_text(states: list[VersionStatus]) -> str:
    """Where a model's versions stand, in a sentence."""
    listed = []
    for entry in states:
        trouble = f": {entry.error_message}" if entry.error_message else ""
        listed.append(f"{entry.version} ({entry.state}{trouble})")
    return f"The server has these versions of it: {', '.join(listed)}."


def hint(error: TransportError, transport: str) -> str:
    """What to do about an error, "" if the server's words are all there is."""
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
    if no_servable(error):
        return (
            "The server does not serve this model or version. A model's name is its folder's name "
            "below the models folder, or its name in models.config; status() lists its versions."
        )
    if "version label" in message:
        return "Labels are set in models.config (version_labels); this one is not."
    if "maximum input batch size" in message:
        return (
            "Send fewer ids at once, or raise max_batch_size in the server's batching parameters."
        )
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
