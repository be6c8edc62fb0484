"""Columns of files: pictures, sound and video; which are there, and which decode."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tfmm.data.checks import MAX_EXAMPLES
from tfmm.data.columns import AudioColumn, ImageColumn, MediaColumn, VideoColumn
from tfmm.data.fetch.report import shown
from tfmm.data.fetch.spelling import is_address, whole_names
from tfmm.data.media import audio, images, video
from tfmm.data.progress import in_threads
from tfmm.data.shop_file.path_templates import template_parts
from tfmm.data.tables import as_text

if TYPE_CHECKING:
    from tfmm.data.cells.source import Source
    from tfmm.data.features import Builder
    from tfmm.data.shop_file.specs import FeatureSpec

#: A row, a name in it, and what there is to say of it.
_Refused = tuple[int, str, str]


@dataclass(frozen=True)
class Medium:
    """A kind of feature whose values are files.

    Args:
        column: the class of its columns.
        missing: the check for rows without a file.
        absent: the check for files that are not there, of rows that have others.
        corrupt: the check for files that do not decode.
        file: what a file is called, with its article.
        why_corrupt: says why a file does not decode to its end; "" where it does.
    """

    column: type[MediaColumn]
    missing: str
    absent: str
    corrupt: str
    file: str
    why_corrupt: Callable[[str], str]


MEDIA: dict[str, Medium] = {
    medium.column.kind: medium
    for medium in (
        Medium(
            ImageColumn,
            "missing_images",
            "absent_images",
            "corrupt_images",
            "an image",
            images.why_corrupt,
        ),
        Medium(
            AudioColumn,
            "missing_audio",
            "absent_audio",
            "corrupt_audio",
            "an audio file",
            audio.why_corrupt,
        ),
        Medium(
            VideoColumn,
            "missing_videos",
            "absent_videos",
            "corrupt_videos",
            "a video",
            video.why_corrupt,
        ),
    )
}


def find_corrupt(kind: str, paths: Sequence[str], description: str) -> dict[str, str]:
    """Decodes every file to its end and says which cannot be.

    Args:
        kind: a key of `MEDIA`.
        paths: the files; one listed twice is decoded once.
        description: what the progress bar says.

    Returns:
        The reason by file, for files that do not decode, in the order given.

    Raises:
        ModuleNotFoundError: a file is in a format that needs a package which is not installed.
    """
    distinct = list(dict.fromkeys(paths))
    reasons = in_threads(MEDIA[kind].why_corrupt, distinct, description)
    return {path: reason for path, reason in zip(distinct, reasons, strict=True) if reason}


def build_media(builder: Builder, spec: FeatureSpec) -> MediaColumn:
    """The column of a feature whose values are files; those missing or corrupt are left out.

    Raises:
        CheckError: for a check set to raise.
        ModuleNotFoundError: as `find_corrupt`.
        ShopFileError: when the table cannot give this feature.
    """
    medium = MEDIA[spec.kind]
    named = _file_names(builder, spec)
    # Looked for as strings: Path objects are made only for the files that are there.
    names = (name for of in named for name in of if is_address(name))
    builder.addresses.fetch(names, spec.kind, spec.name)
    found, absent, outside, unfetched = _find(named, builder)
    refused = _tell_outside(builder, spec, found, outside)
    refused |= _tell_unfetched(builder, spec, found, unfetched)
    empty = np.array([not paths for paths in found], dtype=bool) & ~refused
    lost = sum(len(named[row]) for row in np.flatnonzero(empty))
    builder.found(
        medium.missing,
        spec,
        empty,
        lambda row: f"no file {named[row][0]}" if named[row] else "no path",
        f"{lost:,} files that they name are not there" if lost > empty.sum() else "",
    )
    # Of several templates, whatever there is is the feature; a cell's names are all meant.
    if spec.columns:
        _tell_absent(builder, spec, found, absent)
    if spec.kind == ImageColumn.kind:
        _bound(builder, spec, found)
    if builder.verify_media:
        _leave_corrupt(builder, spec, named, found, empty | refused)
    return medium.column(tuple(tuple(Path(path) for path in paths) for paths in found))


def _find(
    named: list[list[str]], builder: Builder
) -> tuple[list[list[str]], list[list[str]], list[_Refused], list[_Refused]]:
    """The files that are there and the names of those that are not, by row; what lies outside, with
    its place; and addresses whose file is not here, with the reason."""
    found: list[list[str]] = [[] for _ in named]
    absent: list[list[str]] = [[] for _ in named]
    outside: list[_Refused] = []
    unfetched: list[_Refused] = []
    for row, names in enumerate(named):
        for name in names:
            if is_address(name):
                path, why = builder.addresses.find(name)
                if path:
                    found[row].append(path)
                else:
                    unfetched.append((row, name, why))
                continue
            path, allowed = builder.folders.find(name)
            if not allowed:
                outside.append((row, name, path))
            elif path:
                found[row].append(path)
            else:
                absent[row].append(name)
    return found, absent, outside, unfetched


def _tell_outside(
    builder: Builder,
    spec: FeatureSpec,
    found: list[list[str]],
    outside: list[_Refused],
) -> NDArray[np.bool_]:
    """Reports names that lead outside; bool[n], the rows that have them and no other file."""
    refused = _left_without(found, outside)
    if not outside:
        return refused
    # The folder that most of them lie in.
    ((most, _),) = Counter(os.path.dirname(place) for _, _, place in outside).most_common(1)
    policy = builder.report.record(
        "outside_files",
        builder.source.name,
        len(outside),
        [f"{builder.source.ids[row]}: {name}" for row, name, _ in outside[:MAX_EXAMPLES]],
        column=spec.name,
        detail=f"to read them, say `files: {{allow: [{builder.folders.shown(most)}]}}` in "
        "the shop file",
    )
    if policy == "drop":
        builder.dropped |= refused
    return refused


def _tell_unfetched(
    builder: Builder,
    spec: FeatureSpec,
    found: list[list[str]],
    unfetched: list[_Refused],
) -> NDArray[np.bool_]:
    """Reports addresses without a file; bool[n], the rows that have them and no other file."""
    refused = _left_without(found, unfetched)
    reasons = Counter(why for _, _, why in unfetched).most_common(MAX_EXAMPLES)
    policy = builder.report.record(
        "unfetched_files",
        builder.source.name,
        len(unfetched),
        [
            f"{builder.source.ids[row]}: {shown(name)}: {why}"
            for row, name, why in unfetched[:MAX_EXAMPLES]
        ],
        column=spec.name,
        detail=f"{builder.addresses.command} fetches them; "
        + "; ".join(f"{why}: {count:,}" for why, count in reasons),
    )
    if policy == "drop":
        builder.dropped |= refused
    return refused


def _left_without(found: list[list[str]], refused: list[_Refused]) -> NDArray[np.bool_]:
    """bool[n], the rows of refused names that have no other file."""
    rows = np.zeros(len(found), bool)
    rows[[row for row, _, _ in refused]] = True
    return rows & np.array([not paths for paths in found], dtype=bool)


def _tell_absent(
    builder: Builder, spec: FeatureSpec, found: list[list[str]], absent: list[list[str]]
) -> None:
    count = 0
    examples: list[str] = []
    for row, (paths, names) in enumerate(zip(found, absent, strict=True)):
        if not paths:
            continue
        count += len(names)
        if len(examples) < MAX_EXAMPLES:
            examples += [f"{builder.source.ids[row]}: no file {name}" for name in names]
    check = MEDIA[spec.kind].absent
    builder.report.record(check, builder.source.name, count, examples, column=spec.name)


def _bound(builder: Builder, spec: FeatureSpec, found: list[list[str]]) -> None:
    """Leaves each row its first pictures, each once; before any is decoded, so that those beyond
    play no part whether or not files are checked."""
    twice: list[int] = []
    beyond: list[int] = []
    for row, paths in enumerate(found):
        if len(paths) < 2:
            continue
        distinct = list(dict.fromkeys(paths))
        twice += [row] * (len(paths) - len(distinct))
        beyond += [row] * (len(distinct) - spec.pictures)
        found[row] = distinct[: spec.pictures]
    source, ids = builder.source.name, builder.source.ids
    past = f"pictures past the first {spec.pictures} left out (see the key `pictures`)"
    for said, rows in (("pictures that a row names again, read once", twice), (past, beyond)):
        if rows:
            named = [str(ids[row]) for row in dict.fromkeys(rows)][:MAX_EXAMPLES]
            builder.report.note(source, said, len(rows), named, column=spec.name)


def _leave_corrupt(
    builder: Builder,
    spec: FeatureSpec,
    named: list[list[str]],
    found: list[list[str]],
    empty: NDArray[np.bool_],
) -> None:
    medium = MEDIA[spec.kind]
    files = [path for paths in found for path in paths]
    corrupt = find_corrupt(spec.kind, files, f"checking {spec.name}")
    if not corrupt:
        return
    # A fetched file is known to people by its address.
    at = {
        builder.addresses.find(name)[0]: shown(name)
        for row in _rows_of(corrupt, found)
        for name in named[row]
        if is_address(name)
    }
    for row, paths in enumerate(found):
        found[row] = [path for path in paths if path not in corrupt]
    left = np.array([not paths for paths in found], dtype=bool) & ~empty
    policy = builder.report.record(
        medium.corrupt,
        builder.source.name,
        len(corrupt),
        [
            f"{name}: {_reason(path, name, why)}"
            for path, why in list(corrupt.items())[:MAX_EXAMPLES]
            if (name := at.get(path) or os.path.relpath(path, builder.source.root))
        ],
        column=spec.name,
        detail=f"{int(left.sum()):,} rows are left without {medium.file}",
    )
    if policy == "drop":
        builder.dropped |= left


def _rows_of(files: Mapping[str, str], found: list[list[str]]) -> Iterator[int]:
    """The rows that have one of some files."""
    for row, paths in enumerate(found):
        if any(path in files for path in paths):
            yield row


def _reason(path: str, shown: str, why: str) -> str:
    """Why a file does not decode, without the words that say which it is."""
    before, named, reason = why.partition(": ")
    return (reason if named and path in before else why).replace(path, shown)


def _file_names(builder: Builder, spec: FeatureSpec) -> list[list[str]]:
    """The files that each row names, relative to the shop's root."""
    source: Source = builder.source
    named: list[list[str]] = [[] for _ in source.ids]
    if spec.columns:
        rows, parts = builder.split(spec, spec.columns[0])
        for row, part in zip(rows.tolist(), parts.to_pylist(), strict=True):
            if part is not None:
                named[row].append(part)
        return [whole_names(cell, spec.separator) for cell in named]
    for template in spec.paths:
        pieces: list[pa.ChunkedArray | str] = []
        for literal, column in template_parts(template):
            pieces.append(literal)
            if column is not None:
                text = as_text(source.cells_of_all(column), source.where(column))
                pieces.append(pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
        # An empty cell leaves the path null: "images/.jpg" would name another row's gap.
        whole = pc.binary_join_element_wise(*pieces, "", null_handling="emit_null")
        places = range(len(named)) if source.members is None else source.members[1].tolist()
        for row, name in zip(places, whole.to_pylist(), strict=True):
            # Rows of one product may all name its picture.
            if name is not None and name not in named[row]:
                named[row].append(name)
    return named
