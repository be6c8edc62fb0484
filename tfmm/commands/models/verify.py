"""`tfmm verify`: whether runs and exports are as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, argument, option

app = typer.Typer()


@app.command(cls=Command, help="say whether runs and exports are as they were written")
def verify(
    folders: Annotated[
        list[Path], argument("DIR...", "run folders, or versions, models or folders of models")
    ],
    accept: Annotated[
        bool, option("--accept", help="take what is there now over as it should be")
    ] = False,
    debug: Debug = False,
) -> int:
    from tfmm.data.manifest import MANIFEST, ManifestError, digest, problems, renewed

    code = 0
    for folder in [one for given in folders for one in _with_manifests(given)]:
        try:
            if accept:
                renewed(folder)
            found = problems(folder)
        except ManifestError as error:
            print(error)
            code = 1
            continue
        if found:
            code = 1
            print(f"{folder} is not as it was written:")
            print("\n".join(f"  {line}" for line in found))
        else:
            print(f"{folder} is as it was written (manifest {digest(folder / MANIFEST)})")
    return code


def _with_manifests(folder: Path) -> list[Path]:
    """The folders that carry a manifest: this one, or the versions below it."""
    from tfmm.data.manifest import MANIFEST

    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    if (folder / MANIFEST).is_file():
        return [folder]
    below = [*folder.glob("[0-9]*"), *folder.glob("*/[0-9]*")]
    found = sorted(one for one in below if one.name.isdigit() and one.is_dir())
    return found or [folder]
