"""From a client's arguments to its transport."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from tfmm.serving.client.transport import AsyncTransport, Target, Tls, Transport, Way

_HEADER = re.compile(r"[A-Za-z0-9_.-]+")


def checked_target(model: str, transport: str, version: int | None, label: str | None) -> Target:
    """The model to ask. Raises ValueError for arguments that no server could understand."""
    if transport not in ("grpc", "rest"):
        raise ValueError(f'transport must be "grpc" or "rest", got {transport!r}.')
    if version is not None and label is not None:
        raise ValueError(f"give version or label, not both: got {version} and {label!r}.")
    return Target(model, version, label)


def client_tls(
    address: str,
    tls: bool,
    ca: str | os.PathLike[str] | None,
    key: str | os.PathLike[str] | None,
    certificate: str | os.PathLike[str] | None,
) -> Tls | None:
    """The client's certificates, None for plain text.

    Raises:
        ValueError: a key without its certificate, or TLS to an http:// address.
    """
    if (key is None) != (certificate is None):
        raise ValueError(f"key and certificate go together, got {key!r} and {certificate!r}.")
    wanted = tls or ca is not None or key is not None
    if wanted and address.startswith("http://"):
        raise ValueError(f"TLS needs an https:// address, or one without scheme: {address!r}.")
    if wanted or address.startswith("https://"):
        return Tls(ca, key, certificate)
    return None


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Headers by lower-case name. Raises ValueError for what neither HTTP nor gRPC carries, without
    its value, which may be a secret."""
    found = {}
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not _HEADER.fullmatch(name):
            raise ValueError(
                f"headers: {name!r} is no header's name: letters, digits, '-', '_' and '.' alone."
            )
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise ValueError(
                f"headers: the value of {name!r} must be a string of printable ASCII characters."
            )
        found[name.lower()] = value
    return found


def connect(transport: str, address: str, target: Target, way: Way) -> Transport:
    """The transport of this name; each is imported only where it is used."""
    if transport == "rest":
        from tfmm.serving.client.rest_transport import RestTransport

        return RestTransport(address, target, way)
    from tfmm.serving.client.grpc_transport import GrpcTransport

    return GrpcTransport(_without_scheme(address), target, way)


def connect_async(transport: str, address: str, target: Target, way: Way) -> AsyncTransport:
    """`connect` for an event loop."""
    if transport == "rest":
        from tfmm.serving.client.async_rest_transport import AsyncRestTransport

        return AsyncRestTransport(address, target, way)
    from tfmm.serving.client.grpc_transport import AsyncGrpcTransport

    return AsyncGrpcTransport(_without_scheme(address), target, way)


def _without_scheme(address: str) -> str:
    return address.removeprefix("https://").removeprefix("http://")
