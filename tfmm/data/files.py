"""Where files are kept between runs, and writing them so that a reader never meets half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Where fetched files, decoded pictures and the vectors of frozen encoders are kept between
    runs: `$TFMM_CACHE`, or `tfmm` in the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TFMM_CACHE") or Path(home) / "tfmm")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path`, whose folder is made, to write to; renamed into place at the end.

    Where the block raises, what was written is removed and `path` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the suffix of the file, which some writers go by.
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8 beside `path`, whose folder is made, and renames it into place."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")
