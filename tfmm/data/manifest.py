"""What a folder was written with: the SHA-256 of each of its files, checked before it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfmm.data.files import write_text

MANIFEST = "manifest.json"


class ManifestError(ValueError):
    """A folder that is not as it was written."""


def write_manifest(folder: Path, *parts: str, soon: Mapping[str, Path] | None = None) -> str:
    """Writes `manifest.json`, which names each file with its SHA-256 and bytes.

    Args:
        folder: the folder.
        parts: files and folders of it to name; all of it where none is given.
        soon: by name, files still written aside that are renamed into place next.

    Returns:
        The SHA-256 of the manifest itself, hexadecimal.
    """
    named = {path.relative_to(folder).as_posix(): path for path in _files(folder, parts)}
    found = {
        name: {"sha256": digest(path), "bytes": path.stat().st_size}
        for name, path in sorted({**named, **(soon or {})}.items())
    }
    written = {"parts": sorted(parts), "files": found}
    write_text(folder / MANIFEST, json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    return digest(folder / MANIFEST)


def problems(folder: Path) -> list[str]:
    """What is not as the manifest of a folder has it, a line a file; none where all is.

    Raises:
        ManifestError: there is no manifest, or none that can be read.
    """
    known, parts = _read(folder)
    there = {path.relative_to(folder).as_posix(): path for path in _files(folder, parts)}
    lines = [f"{name} is missing" for name in known if name not in there]
    lines += [f"{name} was added" for name in there if name not in known]
    for name, path in there.items():
        if name in known and digest(path) != known[name]:
            lines.append(f"{name} was changed")
    return sorted(lines)


def check_manifest(folder: Path) -> None:
    """Refuses a folder that is not as it was written; one without a manifest, as earlier releases
    wrote them, is taken.

    Raises:
        ManifestError: the message names the folder and its files.
    """
    if not (folder / MANIFEST).is_file():
        return
    found = problems(folder)
    if found:
        shown = "; ".join(found[:5]) + ("; …" if len(found) > 5 else "")
        raise ManifestError(
            f"{folder} is not as it was written: {shown}. Copy or write it anew; if the change is "
            f"yours, `tfmm verify --accept {folder}` takes it over."
        )


def renewed(folder: Path) -> str:
    """Writes the manifest of a folder anew, for the files that are there now.

    Returns:
        Its SHA-256, hexadecimal.

    Raises:
        ManifestError: there is no manifest, or none that can be read.
    """
    return write_manifest(folder, *_read(folder)[1])


def digest(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(folder: Path) -> tuple[dict[str, str], list[str]]:
    file = folder / MANIFEST
    try:
        written: Any = json.loads(file.read_text("utf-8"))
        return {name: one["sha256"] for name, one in written["files"].items()}, written["parts"]
    except FileNotFoundError:
        raise ManifestError(
            f"{folder} has no {MANIFEST}: an earlier release wrote it, or it was removed."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ManifestError(f"{file} is no manifest: it was changed, or cut short.") from None


def _files(folder: Path, parts: Iterable[str]) -> list[Path]:
    """The files of a folder or of some parts of it, but for the manifest and what is being written
    aside."""
    roots = [folder / part for part in parts] or [folder]
    found = [file for root in roots for file in ([root] if root.is_file() else root.rglob("*"))]
    return sorted(
        file
        for file in found
        if file.is_file() and file != folder / MANIFEST and not file.name.startswith(".")
    )
