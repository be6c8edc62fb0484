"""Fetches files into the cache, many at once."""

from __future__ import annotations

import asyncio
import random
import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import BinaryIO

import aiohttp
from yarl import URL

from tfmm.data.fetch.asking import Asker, NotNow, Refused, url_of
from tfmm.data.fetch.cache import Answer, FetchCache
from tfmm.data.fetch.content import HEAD, wrong_bytes, wrong_type
from tfmm.data.fetch.limits import Limits
from tfmm.data.fetch.private import Gate, PrivateAddress
from tfmm.data.fetch.report import FetchReport

#: After so many addresses in a row that a host did not answer for, it is asked no more.
_SILENT = 3
_BLOCK = 1 << 16
_RANGE = re.compile(r"bytes (\d+)-")


class Fetcher:
    """Fetches files into a cache; see `Limits` for how hard it tries.

    Args:
        cache: where they go.
        gate: which hosts may be asked.
        limits: what it may do.
        report: what becomes of each address is counted there.
    """

    def __init__(self, cache: FetchCache, gate: Gate, limits: Limits, report: FetchReport) -> None:
        self._cache, self._gate, self._limits, self._report = cache, gate, limits, report

    async def fetch(self, addresses: Iterable[str], kind: str, advance: Callable[[], None]) -> None:
        """Fetches what is at some addresses.

        Args:
            addresses: tidy ones, all different.
            kind: the kind of feature that they are for.
            advance: called once for each.

        Raises:
            OSError: a file cannot be written.
        """
        by_host: dict[tuple[str, int | None], deque[tuple[str, URL]]] = {}
        for address in addresses:
            try:
                url = url_of(address)
            except Refused as error:
                self._fail(address, str(error))
                advance()
                continue
            by_host.setdefault((url.host or "", url.port), deque()).append((address, url))
        async with Asker(self._gate, self._limits) as asker:

            async def work(waiting: deque[tuple[str, URL]]) -> None:
                while waiting:
                    address, url = waiting.popleft()
                    await self._try(asker, address, url, kind)
                    advance()

            workers = [
                asyncio.create_task(work(waiting))
                for waiting in by_host.values()
                for _ in range(min(self._limits.per_host, len(waiting)))
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _try(self, asker: Asker, address: str, url: URL, kind: str) -> None:
        """Asks until there is the file, or no more to hope for."""
        host, limits = asker.host(url), self._limits
        reason, mute = "", False
        for attempt in range(limits.tries):
            if host.silent >= _SILENT:
                reason, mute = f"{url.host} does not answer", True
                break
            wait = limits.backoff * 2**attempt * random.uniform(0.5, 1.5)
            try:
                await self._fetch(asker, address, url, kind)
                return
            except (Refused, PrivateAddress) as error:
                self._fail(address, _why(error))
                return
            except (aiohttp.InvalidURL, UnicodeError, aiohttp.ClientConnectorCertificateError) as e:
                self._fail(address, _why(e))
                return
            except NotNow as error:
                reason, mute = str(error), False
                if error.wait > limits.longest_wait:
                    self._fail(address, f"{reason}; it asks to wait {error.wait:,.0f} s")
                    return
                if error.wait:
                    host.pause(error.wait)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                reason, mute = f"cannot reach {url.host}", True
            except TimeoutError:
                reason, mute = f"{url.host} does not answer", True
            except (aiohttp.ClientError, ConnectionError):
                reason, mute = "the connection was cut", False
            if attempt + 1 < limits.tries:
                await asyncio.sleep(wait)
        if mute:
            host.silent += 1
            self._report.failed[address] = self._report.unreachable[address] = reason
        else:
            self._fail(address, reason)

    def _fail(self, address: str, reason: str) -> None:
        self._report.failed[address] = reason
        known = self._cache.answer(address) or Answer(address)
        self._cache.remember(replace(known, failed=reason))

    async def _fetch(self, asker: Asker, address: str, url: URL, kind: str) -> None:
        part = self._cache.part(address)
        known = self._cache.answer(address)
        size = part.stat().st_size if part.exists() else 0

        def headers(url: URL) -> dict[str, str]:
            if not (size and known and known.validator and known.url == str(url)):
                return {}
            return {"Range": f"bytes={size}-", "If-Range": known.validator}

        async with asker.get(url, headers) as (last, response):
            if response.status == 416 or (response.status == 206 and _begin(response) != size):
                part.unlink(missing_ok=True)
                raise NotNow("the server answers with another part than was asked for")
            if wrong := wrong_type(response.headers.get("Content-Type", ""), kind):
                raise Refused(wrong)
            size = size if response.status == 206 else 0
            self._check_size(size + (response.content_length or 0), kind)
            packed = response.headers.get("Content-Encoding", "identity") != "identity"
            self._cache.remember(
                Answer(
                    address,
                    str(last),
                    response.headers.get("Content-Type", ""),
                    "" if packed else response.headers.get("ETag", ""),
                    "" if packed else response.headers.get("Last-Modified", ""),
                )
            )
            try:
                size = await self._save(response, address, size, kind)
            except Refused:
                part.unlink(missing_ok=True)
                raise
        self._cache.keep(address)
        self._report.fetched += 1
        self._report.bytes += size

    async def _save(
        self, response: aiohttp.ClientResponse, address: str, size: int, kind: str
    ) -> int:
        """Writes what comes behind the first `size` bytes; how large the whole is."""
        part = self._cache.part(address)
        looked = False
        with open(part, "r+b" if size else "w+b") as file:
            file.seek(size)
            async for block in response.content.iter_chunked(_BLOCK):
                file.write(block)
                size += len(block)
                self._check_size(size, kind)
                # A page of words is told before all of it has come.
                if not looked and size >= HEAD:
                    _look(file, kind)
                    looked = True
            if not looked:
                _look(file, kind)
        return size

    def _check_size(self, size: int, kind: str) -> None:
        most = self._limits.sizes[kind]
        if size > most:
            raise Refused(f"it is larger than {most / 1e6:,.1f} MB")


def _look(file: BinaryIO, kind: str) -> None:
    at = file.tell()
    file.seek(0)
    wrong = wrong_bytes(file.read(HEAD), kind)
    file.seek(at)
    if wrong:
        raise Refused(wrong)


def _begin(response: aiohttp.ClientResponse) -> int:
    found = _RANGE.match(response.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _why(error: Exception) -> str:
    if isinstance(error, PrivateAddress):
        return (
            f"{error} is in a private network; `files: {{private_hosts: [{error}]}}` in the shop "
            "file allows it"
        )
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"{error.host} shows a certificate that is not to be trusted"
    return str(error) if isinstance(error, Refused) else "it is no address that can be asked"
