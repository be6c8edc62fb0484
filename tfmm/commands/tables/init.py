"""`tfmm init`: a first shop file and run file, guessed from the tables in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, argument, option

app = typer.Typer()


@app.command(cls=Command, help="write a shop file and a run file from the tables in a folder")
def init(
    folder: Annotated[Path, argument("FOLDER", "the folder that holds the tables")],
    force: Annotated[bool, option("--force", help="replace the files that are there")] = False,
    debug: Debug = False,
) -> None:
    import yaml

    from tfmm.data.files import write_text
    from tfmm.data.guess import guess
    from tfmm.data.shop_file.schema import Shop
    from tfmm.tasks.config import RunConfig

    paths = {name: folder / f"{name}.yaml" for name in ("shop", "run")}
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not force:
        raise FileExistsError(f"{' and '.join(there)} is there already; --force replaces it.")
    made = guess(folder)
    texts = {"shop": made.shop, "run": made.run}
    # What is written is read first, so that no file is left that a command would refuse.
    Shop.from_dict(yaml.safe_load(made.shop), folder)
    RunConfig.from_dict(yaml.safe_load(made.run), paths["run"])
    for line in made.summary:
        print(line)
    for name, path in paths.items():
        write_text(path, texts[name])
        print(f"wrote {path}")
    run = f"runs/{yaml.safe_load(made.run)['name']}"
    print(
        f"Look both through, then:\n  tfmm check {paths['shop']}\n"
        f"  tfmm train {paths['run']} --out {run}\n"
        f"  tfmm export {run} --out models\n  tfmm shop models"
    )
