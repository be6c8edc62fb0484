"""The page of the commands: what each does and takes, as the commands themselves say it."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperArgument

from tfmm.commands.main import app
from tools.docs_site.cells import cell


def commands_page() -> str:
    """The Markdown of the page: a table of all commands, then one section for each."""
    group: Any = typer.main.get_command(app)
    lines = ["# Commands", "", f"{group.help}", "", "| command | what it does |", "| --- | --- |"]
    for name, command in group.commands.items():
        lines.append(f"| [`tfmm {name}`](#tfmm-{name}) | {cell(command.short_help)} |")
    lines += [
        "",
        "Exit codes: 0 done, 1 something in the input or the machine is wrong (one message says "
        "what), 2 wrong usage, 130 stopped with Ctrl-C. `tfmm --install-completion` teaches bash, "
        "zsh or fish the commands.",
    ]
    for name, command in group.commands.items():
        lines += _section(name, command)
    return "\n".join(lines) + "\n"


def _section(name: str, command: Any) -> list[str]:
    context = command.make_context(f"tfmm {name}", [], resilient_parsing=True)
    usage = context.get_usage().removeprefix("Usage: ")
    said = command.help[:1].upper() + command.help[1:].rstrip(".")
    lines = ["", f"## tfmm {name}", "", f"{said}.", "", "```", " ".join(usage.split()), "```", ""]
    lines += ["| | |", "| --- | --- |"]
    for param in command.params:
        lines.append(f"| {_spelling(param)} | {cell(param.help or '')} |")
    return lines


def _spelling(param: Any) -> str:
    if isinstance(param, TyperArgument):
        return f"`{cell(param.display_name_raw)}`"
    value = "|".join(param.type_descriptor.choices or ())
    if not value and param.type_descriptor.annotation is not bool:
        value = param.metavar or ""
    return ", ".join(f"`{cell(f'{name} {value}'.strip())}`" for name in param.opts)
