"""The command `tfmm`: a file for each command, in rooms, which imports what it needs when it
runs, so that `tfmm --help`, `tfmm train --help` and the shell's completion answer at once.

Exit codes: 0 done, 1 something in the input or the machine is wrong (one clear message), 2 wrong
usage, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tfmm import __version__
from tfmm.commands import doctor
from tfmm.commands.demo import demo
from tfmm.commands.models import catalog, chat, export, index, search, serve, shop, verify
from tfmm.commands.runs import (
    backtest,
    demand,
    evaluate,
    label,
    recommend,
    report,
    reviews,
    shoppers,
    train,
    tune,
    update,
)
from tfmm.commands.tables import check, encoders, features, fetch, init, schema

#: In the order of the help.
COMMANDS = (
    init,
    check,
    fetch,
    encoders,
    features,
    train,
    tune,
    backtest,
    update,
    report,
    recommend,
    label,
    shoppers,
    reviews,
    demand,
    export,
    index,
    verify,
    serve,
    shop,
    catalog,
    search,
    chat,
    evaluate,
    schema,
    doctor,
    demo,
)

app = typer.Typer(
    help="From a shop's catalogue and events to a multimodal recommender that TensorFlow Serving "
    "serves.",
    subcommand_metavar="COMMAND ...",
    context_settings={"help_option_names": ["-h", "--help"]},
    # Rich takes longer to import than everything else that a help needs.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in COMMANDS:
    app.add_typer(command.app)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"tfmm {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_say_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line, without the program's name; returns the exit code.

    Raises:
        SystemExit: wrong usage, with exit code 2, once it has been said on standard error.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = typer.main.get_command(app).main(given, prog_name="tfmm", standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None) or _context_of(given)
        print(context.get_usage(), file=sys.stderr)
        print(f"{context.command_path}: {error.format_message()}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    return code or 0


def _context_of(given: Sequence[str]) -> Any:
    """The context of a command line whose error came without one: an option without its value."""
    group: Any = typer.main.get_command(app)
    command, name = group, "tfmm"
    if given and given[0] in group.commands:
        command, name = group.commands[given[0]], f"tfmm {given[0]}"
    return command.make_context(name, [], resilient_parsing=True)


if __name__ == "__main__":
    sys.exit(main())
