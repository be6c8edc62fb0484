"""Asking a server: one request at a time through the gate, redirects followed by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin

import aiohttp
from protego import Protego
from yarl import URL

from tfmm import __version__
from tfmm.data.fetch.limits import Limits
from tfmm.data.fetch.private import Gate, PublicResolver
from tfmm.data.fetch.spelling import tidy_address, why_unasked

AGENT = "tfmm"
_REDIRECTS = (301, 302, 303, 307, 308)
#: What a server may answer otherwise a moment later.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_ROBOTS_BYTES = 500 * 1024


class Refused(Exception):
    """Asking again would change nothing."""


class NotNow(Exception):
    """Asking again may help.

    Args:
        reason: why there is no file.
        wait: seconds that the server asks for.
    """

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(eq=False)
class Host:
    """What is known of a server.

    Attributes:
        robots: its rules; None while they were not read.
        free_at: when it may be asked next, on the monotonic clock.
        silent: how many addresses in a row it did not answer for.
        lock: held while its rules are read, and while a turn is taken.
    """

    robots: Protego | None = None
    free_at: float = 0.0
    silent: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def pause(self, seconds: float) -> None:
        """Leaves it alone for so long."""
        self.free_at = max(self.free_at, time.monotonic() + seconds)


class Asker:
    """Sends requests by `Limits`, to hosts that a `Gate` lets through and paths that their
    robots.txt leaves open. A context manager, of one event loop."""

    def __init__(self, gate: Gate, limits: Limits) -> None:
        self._gate, self._limits = gate, limits
        self._hosts: dict[tuple[str, int | None], Host] = {}

    async def __aenter__(self) -> Asker:
        limits = self._limits
        self._connections = asyncio.Semaphore(limits.connections)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=PublicResolver(self._gate), limit=0, limit_per_host=limits.per_host
            ),
            timeout=aiohttp.ClientTimeout(limits.total, None, limits.read, limits.connect),
            # Parts of a file are of its bytes as they are, not of packed ones.
            headers={"User-Agent": f"{AGENT}/{__version__}", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def host(self, url: URL) -> Host:
        """The server of an address."""
        return self._hosts.setdefault((url.host or "", url.port), Host())

    @asynccontextmanager
    async def get(
        self, url: URL, headers: Callable[[URL], dict[str, str]]
    ) -> AsyncIterator[tuple[URL, aiohttp.ClientResponse]]:
        """The answer to a request, and the address that redirects led to; 200 or 206.

        Args:
            url: the address.
            headers: gives those of a request to an address.

        Raises:
            Refused, NotNow, PrivateAddress, aiohttp.ClientError, TimeoutError: there is none.
        """
        async with self._follow(url, self._take_turn, headers) as (last, response):
            if response.status in _PASSING:
                raise NotNow(_status(response), _wait(response))
            if response.status not in (200, 206, 416):
                raise Refused(_status(response))
            yield last, response

    async def _take_turn(self, url: URL) -> None:
        """Waits until a host may be asked for an address.

        Raises:
            Refused: its robots.txt forbids it.
        """
        host = self.host(url)
        async with host.lock:
            if host.robots is None:
                host.robots = await self._read_robots(url)
            if not host.robots.can_fetch(str(url), AGENT):
                raise Refused("the site's robots.txt forbids it")
            delay = host.robots.crawl_delay(AGENT)
            await _sleep_until(host.free_at)
            if delay:
                host.pause(delay)

    async def _read_robots(self, url: URL) -> Protego:
        """A site's rules; those of a site without any allow all (RFC 9309, 2.3.1)."""

        async def at_once(_: URL) -> None:
            await _sleep_until(self.host(url).free_at)

        place = URL(f"{url.scheme}://{url.raw_authority}/robots.txt", encoded=True)
        async with self._follow(place, at_once, lambda _: {}) as (_, response):
            if response.status in _PASSING or response.status >= 500:
                raise NotNow(f"robots.txt: {_status(response)}", _wait(response))
            text = b"" if response.status != 200 else await _read(response, _ROBOTS_BYTES)
        return Protego.parse(text.decode("utf-8", "replace"))

    @asynccontextmanager
    async def _follow(
        self,
        url: URL,
        before: Callable[[URL], Awaitable[None]],
        headers: Callable[[URL], dict[str, str]],
    ) -> AsyncIterator[tuple[URL, aiohttp.ClientResponse]]:
        for _ in range(self._limits.redirects + 1):
            self._gate.check(url)
            await before(url)
            async with (
                self._connections,
                self._session.get(url, allow_redirects=False, headers=headers(url)) as response,
            ):
                self.host(url).silent = 0
                if response.status not in _REDIRECTS:
                    yield url, response
                    return
                place = response.headers.get("Location", "")
                url = url_of(tidy_address(urljoin(str(url), place)))
        raise Refused(f"more than {self._limits.redirects} redirects")


def url_of(address: str) -> URL:
    """A tidy address, its letters left as they are but for a host's of other scripts.

    Raises:
        Refused: it cannot be asked.
    """
    if reason := why_unasked(address):
        raise Refused(reason)
    try:
        url = URL(address, encoded=True)
        if not url.host:
            raise ValueError(address)
        return url if url.host.isascii() else url.with_host(url.host)
    except ValueError as error:
        raise Refused("it is no address that can be asked") from error


async def _sleep_until(moment: float) -> None:
    if (seconds := moment - time.monotonic()) > 0:
        await asyncio.sleep(seconds)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The beginning of what a server sends."""
    read = b""
    async for block in response.content.iter_chunked(1 << 16):
        read += block
        if len(read) >= most:
            break
    return read[:most]


def _status(response: aiohttp.ClientResponse) -> str:
    try:
        return f"{response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        return str(response.status)


def _wait(response: aiohttp.ClientResponse) -> float:
    """The seconds that `Retry-After` asks for, as a number or as a date."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isdigit():
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
