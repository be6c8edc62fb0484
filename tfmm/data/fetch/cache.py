"""What was fetched, on disk, by the address."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tfmm.data.files import cache_folder, write_text


@dataclass(frozen=True)
class Answer:
    """What is remembered of an address.

    Args:
        address: as it was asked for.
        url: where redirects led.
        type: what the server calls the content.
        etag, modified: the server's marks of this version.
        at: when, in UTC.
        failed: why there is no file; "" where there is one, or a part of one.
    """

    address: str
    url: str = ""
    type: str = ""
    etag: str = ""
    modified: str = ""
    at: str = ""
    failed: str = ""

    @property
    def validator(self) -> str:
        """The mark that a rest of this very version can be asked for by; "" where there is none."""
        return self.modified if not self.etag or self.etag.startswith("W/") else self.etag


class FetchCache:
    """Fetched files by the SHA-256 of their address.

    A file is `ab/abcd….`, named by its digest alone, once it is whole; before that `.part`, and
    `.json` beside it holds its `Answer`. Files are renamed into place, so one that is there is
    whole.

    Args:
        folder: where; None for `fetched` in the cache's folder.
        private: hosts in private networks that the shop allows. What such a shop fetched is found
            by shops that allow the same alone: others may not read those hosts by the cache either.
    """

    def __init__(self, folder: Path | None = None, private: Sequence[str] = ()) -> None:
        self.folder = cache_folder() / "fetched" if folder is None else folder
        if private:
            hosts = "\n".join(sorted(private))
            self.folder /= f"private-{hashlib.sha256(hosts.encode()).hexdigest()[:16]}"

    def file(self, address: str) -> str:
        """Where the file of an address is, or would be."""
        name = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()
        return os.path.join(self.folder, name[:2], name)

    def part(self, address: str) -> Path:
        """Where what has come of a file is."""
        return Path(self.file(address) + ".part")

    def holds(self, address: str) -> bool:
        """Whether the file is there."""
        return os.path.isfile(self.file(address))

    def answer(self, address: str) -> Answer | None:
        """What is remembered of an address; None where there is nothing, or nothing readable."""
        try:
            read = json.loads(Path(self.file(address) + ".json").read_text(encoding="utf-8"))
            return Answer(**{key: str(value) for key, value in read.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def remember(self, answer: Answer) -> None:
        """Writes down what there is to know of an address."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        said = {**asdict(answer), "at": answer.at or now}
        text = json.dumps({key: value for key, value in said.items() if value}, ensure_ascii=False)
        write_text(Path(self.file(answer.address) + ".json"), text + "\n")

    def keep(self, address: str) -> None:
        """Takes the part, which is whole now, for the file."""
        os.replace(self.part(address), self.file(address))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Waits until no other process fetches into this folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
