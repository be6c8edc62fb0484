"""Tables inside zip archives."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from tfmm.data.tables.file import TableFile, listed


@contextmanager
def unpacked(file: TableFile) -> Iterator[TableFile]:
    """The table that an archive holds, as a file of its own while the block runs.

    Raises:
        TableError: for a broken archive, one of no table or of several with none named.
    """
    try:
        with zipfile.ZipFile(file.path) as archive, TemporaryDirectory() as folder:
            member = _member(file, archive)
            # Its last name alone: an archive may hold "../../name".
            path = Path(folder) / PurePosixPath(member.filename).name
            with archive.open(member) as packed, path.open("wb") as out:
                shutil.copyfileobj(packed, out, 1 << 20)
            shown = f"{file.path.name}#{member.filename}"
            yield replace(file, path=path, shown=shown, part="")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise file.error(f"it is a broken or an encrypted archive: {error}") from error


def _member(file: TableFile, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    tables = {
        info.filename: info
        for info in archive.infolist()
        if not info.is_dir()
        # What macOS adds.
        and not info.filename.startswith("__MACOSX/")
        and not PurePosixPath(info.filename).name.startswith(".")
    }
    if file.part:
        if file.part not in tables:
            raise file.error(f"it has no file {file.part!r}; its files: {listed([*tables])}")
        return tables[file.part]
    if len(tables) != 1:
        raise file.error(
            f"it holds {len(tables)} files; say `table: {file.path.name}#FILE` with one of "
            f"{listed([*tables])}"
            if tables
            else "it holds no file"
        )
    return next(iter(tables.values()))
