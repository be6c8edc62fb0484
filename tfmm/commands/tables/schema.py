"""`tfmm schema`: writes the JSON schema of shop and run files, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, argument, option

app = typer.Typer()

ABOUT = "write the JSON schema of run or shop files, by which editors complete and explain keys"


@app.command(cls=Command, help=ABOUT)
def schema(
    context: typer.Context,
    file: Annotated[Literal["run", "shop"], argument("run|shop", "which files (run)")] = "run",
    task: Annotated[
        str | None,
        option(
            "--task",
            metavar="TASK",
            help="run files of this task alone (default: the file's own `task` chooses)",
        ),
    ] = None,
    out: Annotated[
        Path | None, option("--out", metavar="FILE", help="the file to write (default: print it)")
    ] = None,
    debug: Debug = False,
) -> None:
    if file == "shop" and task is not None:
        context.fail("--task is of run files: a shop file has no task")
    if file == "shop":
        from tfmm.config.json_schema import json_schema
        from tfmm.data.shop_file.form import ShopForm

        made = json_schema(ShopForm)
    else:
        from tfmm.tasks.json_schema import run_schema

        made = run_schema(task)
    text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    if out is None:
        print(text, end="")
        return
    from tfmm.data.files import write_text

    write_text(out, text)
    print(f"wrote {out}")
