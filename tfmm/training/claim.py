"""Whose a folder is: that of what its file says, or of nothing yet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from tfmm.data.files import write_text


def claim(
    written: Path,
    mine: Mapping[str, Any],
    same: Callable[[Any], bool],
    other: str,
    kind: str,
    inputs: Collection[str] = (),
) -> bool:
    """Makes a folder one's own by a file in it.

    A folder that holds that file and `inputs` alone is of something that failed before it made
    anything, a run of a wrong shop file say: it is free, and these are removed.

    Args:
        written: the YAML file that says what the folder is of.
        mine: what it is to say.
        same: whether what it says already is the same.
        other: what the folder holds otherwise, for the error.
        kind: what it is otherwise not, for the error.
        inputs: names of files in it that were put there to be read, not made.

    Returns:
        Whether it was one's own before.

    Raises:
        FileExistsError: the folder holds something else.
    """
    out = written.parent
    if written.exists():
        if same(yaml.safe_load(written.read_text("utf-8"))):
            return True
        if not _alone(written, inputs):
            raise FileExistsError(
                f"{out} holds {other} ({written}). Choose another folder, or remove that one."
            )
        for name in inputs:
            (out / name).unlink(missing_ok=True)
    elif out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} exists and is no {kind}. Choose a new or an empty folder.")
    out.mkdir(parents=True, exist_ok=True)
    write_text(written, yaml.safe_dump(dict(mine), sort_keys=False, allow_unicode=True))
    return False


def _alone(file: Path, inputs: Collection[str]) -> bool:
    """Whether there is nothing beside a file but inputs and folders without files."""
    known = {file, *(file.parent / name for name in inputs)}
    return all(there in known or there.is_dir() for there in file.parent.rglob("*"))
