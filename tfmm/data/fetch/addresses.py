"""The addresses that a shop's tables name, and the files that they lead to."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from tfmm.data.fetch.cache import Answer, FetchCache
from tfmm.data.fetch.limits import Limits
from tfmm.data.fetch.report import FetchReport, shown
from tfmm.data.fetch.spelling import tidy_address, why_unasked
from tfmm.data.progress import Bar

if TYPE_CHECKING:
    from tfmm.data.shop_file.schema import Shop

#: No address is asked where it is set.
OFFLINE = "TFMM_OFFLINE"


class FetchError(OSError):
    """None of the addresses could be reached."""


class Addresses:
    """Finds the files at a shop's addresses in the cache, and fetches what is asked for.

    ```python
    from tfmm.data.fetch import Addresses
    from tfmm.data.shop_file.schema import Shop

    shop = Shop.from_dict({"items": {"table": "items.csv", "id": "sku"}})
    Addresses(shop).find("https://cdn.example.org/a.jpg")  # ("", "never fetched")
    ```

    Args:
        shop: the shop.
        fetch: "never"; "new", what was never tried; or "missing", what failed before too.
        limits: how hard servers are asked.

    Attributes:
        report: what fetching came to.
    """

    def __init__(
        self,
        shop: Shop,
        fetch: Literal["never", "new", "missing"] = "never",
        limits: Limits | None = None,
    ) -> None:
        self._shop, self._fetch = shop, fetch
        self._limits = Limits() if limits is None else limits
        self._cache = FetchCache(private=shop.private_hosts)
        self._asked: set[str] = set()
        self.report = FetchReport()

    @property
    def folder(self) -> str:
        """Where fetched files are."""
        return os.fspath(self._cache.folder)

    @property
    def command(self) -> str:
        """The command that fetches them."""
        file = self._shop.file
        if file is None:
            return "tfmm fetch"
        return f"tfmm fetch {min(os.path.relpath(file), os.fspath(file), key=len)}"

    def fetch(self, names: Iterable[str], kind: str, feature: str) -> None:
        """Fetches what is wanted of a feature's addresses, and counts what is there.

        Args:
            names: addresses as the table writes them.
            kind: the kind of the feature.
            feature: its name.

        Raises:
            OSError: a file cannot be written.
        """
        if self._fetch == "never" or (self._fetch == "new" and os.environ.get(OFFLINE)):
            return
        addresses = dict.fromkeys(tidy_address(name) for name in names)
        new = [address for address in addresses if address not in self._asked]
        self._asked.update(new)
        wanted = [address for address in new if self._wants(address)]
        if wanted:
            if self._fetch == "new":
                # Nobody asked for it by its command.
                said = f"{feature}: fetching files at {len(wanted):,} addresses never tried before"
                print(said, file=sys.stderr, flush=True)
            with self._cache.writing():
                # Another process may have fetched them meanwhile.
                wanted = [address for address in wanted if self._wants(address)]
                self._run(wanted, kind, feature)
        self.report.there += len(new) - len(wanted)

    def find(self, name: str) -> tuple[str, str]:
        """The file of an address.

        Returns:
            Its path, "" where there is none, and then why: for example "never fetched".
        """
        address = tidy_address(name)
        if self._cache.holds(address):
            return self._cache.file(address), ""
        if reason := self.report.failed.get(address) or why_unasked(address):
            return "", reason
        answer = self._cache.answer(address)
        return "", answer.failed if answer and answer.failed else "never fetched"

    def settle(self) -> None:
        """Remembers hosts that did not answer, which are not asked anew by each training.

        Raises:
            FetchError: none answered: it is this machine that is not connected.
        """
        report = self.report
        lost = report.unreachable
        if lost and not report.fetched and len(lost) == len(report.failed):
            address, reason = next(iter(lost.items()))
            without = f" To go on without them, set {OFFLINE}=1." if self._fetch == "new" else ""
            raise FetchError(
                f"{self._shop}: none of {len(lost):,} addresses could be reached, such as "
                f"{shown(address)}: {reason}. Once this machine is connected, fetch them with: "
                f"{self.command}.{without}"
            )
        for address, reason in lost.items():
            known = self._cache.answer(address) or Answer(address)
            self._cache.remember(replace(known, failed=reason))
        lost.clear()

    def _wants(self, address: str) -> bool:
        if self._cache.holds(address):
            return False
        answer = self._cache.answer(address) if self._fetch == "new" else None
        return answer is None or not answer.failed

    def _run(self, addresses: list[str], kind: str, feature: str) -> None:
        # Only fetching needs them, and they are slow to import.
        from tfmm.data.fetch.fetcher import Fetcher
        from tfmm.data.fetch.private import Gate

        gate = Gate(self._shop.private_hosts)
        fetcher = Fetcher(self._cache, gate, self._limits, self.report)
        with Bar(len(addresses), f"fetching {feature}", unit="files") as bar:
            _run_apart(fetcher.fetch(addresses, kind, bar.advance))


def _run_apart(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine in a thread's own event loop: a notebook's is running already."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fetch", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(work, loop).result()
    finally:
        # After Ctrl-C the work is still going on.
        asyncio.run_coroutine_threadsafe(_end_others(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
