"""`tfmm encoders`: lists the encoders."""

from __future__ import annotations

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug

app = typer.Typer()


@app.command(cls=Command, help="list the encoders")
def encoders(debug: Debug = False) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from tfmm.encoders import default, describe

    table = Table("kind", "name", "what it is", box=None, pad_edge=False)
    for kind, name, line in describe():
        table.add_row(kind, f"{name} (default)" if name == default(kind) else name, escape(line))
    Console().print(table)
