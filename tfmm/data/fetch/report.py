"""What fetching came to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tfmm.data.checks import MAX_EXAMPLES

_PASSWORD = re.compile(r"//[^/?@]*@")


@dataclass
class FetchReport:
    """What was fetched, what was there, and what failed.

    Attributes:
        fetched: how many files came.
        bytes: how large those are together.
        there: how many addresses had their file before.
        failed: why, by address.
        unreachable: those of them whose host did not answer at all.
    """

    fetched: int = 0
    bytes: int = 0
    there: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    unreachable: dict[str, str] = field(default_factory=dict)

    def reasons(self) -> dict[str, list[str]]:
        """The addresses that failed by the reason, the most frequent first."""
        found: dict[str, list[str]] = {}
        for address, reason in self.failed.items():
            found.setdefault(reason, []).append(address)
        return dict(sorted(found.items(), key=lambda entry: -len(entry[1])))

    def lines(self) -> Iterator[str]:
        """The report, with up to three addresses for each reason."""
        size = f" ({self.bytes / 1e6:,.1f} MB)" if self.fetched else ""
        yield (
            f"{self.fetched:,} fetched{size}, {self.there:,} there already, "
            f"{len(self.failed):,} failed"
        )
        for reason, addresses in self.reasons().items():
            yield f"{len(addresses):,} failed: {reason}"
            yield from (f"  {shown(address)}" for address in addresses[:MAX_EXAMPLES])


def shown(address: str) -> str:
    """An address on a line, without a password; of a long one its beginning."""
    plain = _PASSWORD.sub("//…@", address)
    return plain if len(plain) <= 200 else f"{plain[:199]}…"
