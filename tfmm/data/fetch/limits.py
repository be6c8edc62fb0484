"""How hard addresses are asked, and how much is taken from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MB = 1_000_000


@dataclass(frozen=True)
class Limits:
    """What a fetcher may do.

    Args:
        connections: at once, in all.
        per_host: at once to one host.
        tries: how often an address is asked before it counts as failed.
        connect: seconds until a connection stands.
        read: seconds without a byte.
        total: seconds for one answer.
        backoff: seconds before the second try, which double from try to try, more or less by half.
        longest_wait: seconds that a server may have tfmm wait; one that asks for more has failed.
        redirects: how many are followed.
        sizes: bytes of a file at most, by kind of feature.
    """

    connections: int = 16
    per_host: int = 4
    tries: int = 4
    connect: float = 10.0
    read: float = 20.0
    total: float = 600.0
    backoff: float = 0.5
    longest_wait: float = 120.0
    redirects: int = 5
    sizes: Mapping[str, int] = field(
        default_factory=lambda: {"image": 32 * MB, "audio": 128 * MB, "video": 1024 * MB}
    )
