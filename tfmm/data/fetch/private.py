"""Which machines a table may have tfmm ask: those of the open internet."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddress(Exception):
    """A name or number that leads into a private network, or to this machine."""


def is_public(number: str) -> bool:
    """Whether an IP address, v4 or v6, is one of the open internet.

    ```python
    from tfmm.data.fetch.private import is_public

    is_public("::ffff:169.254.169.254")  # False
    ```
    """
    address = ipaddress.ip_address(number.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:
            return is_public(str(within))
        if address.teredo is not None or address.is_site_local:
            return False
    return address.is_global and not address.is_multicast


class Gate:
    """Lets requests through to public addresses, and to hosts that the shop file allows.

    Args:
        allowed: hosts, or `host:port`, that may be private.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = {name.lower() for name in allowed}

    def allows(self, host: str, port: int | None) -> bool:
        """Whether the shop file names a host, or its port."""
        shown = f"[{host}]" if ":" in host else host
        named = {host, shown, f"{shown}:{port}"}
        return not self._allowed.isdisjoint(name.lower() for name in named)

    def check(self, url: URL) -> None:
        """Refuses a host that is a private number; names are looked at once they are resolved.

        Raises:
            PrivateAddress: it is one.
        """
        host = (url.host or "").rstrip(".")
        if self.allows(host, url.port):
            return
        try:
            public = is_public(host)
        except ValueError:
            return
        if not public:
            raise PrivateAddress(host)


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses alone, each time that a connection is made, so that a
    name which changes its address between a check and its use gains nothing."""

    def __init__(self, gate: Gate) -> None:
        self._gate, self._resolver = gate, DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: Any = await self._resolver.resolve(host, port, family)
        if not self._gate.allows(host.rstrip("."), port):
            # One private address among public ones is how such a name is made.
            for entry in found:
                if not is_public(entry["host"]):
                    raise PrivateAddress(host)
        return found

    async def close(self) -> None:
        await self._resolver.close()
