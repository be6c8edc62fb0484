"""Arguments and options of the commands: how they are declared, and those that several share.

Their help texts say the defaults, in words where those are better than the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


def argument(metavar: str, help: str = "") -> Any:
    """A positional argument, for `Annotated`; a file is opened by the command, which says more."""
    return typer.Argument(metavar=metavar, help=help, show_default=False, readable=False)


def option(
    *names: str,
    metavar: str | None = None,
    help: str = "",
    check: Callable[..., Any] | None = None,
) -> Any:
    """An option, for `Annotated`.

    Args:
        names: its spellings, as in `--out`.
        metavar: what stands for its value in the help; None for flags and choices.
        help: what it does.
        check: a function of the value that returns it or raises typer.BadParameter.
    """
    return typer.Option(
        *names, metavar=metavar, help=help, show_default=False, readable=False, callback=check
    )


def at_least_0(value: int | None) -> int | None:
    """Refuses what is below zero."""
    if value is not None and value < 0:
        raise typer.BadParameter(f"must be at least 0, got {value}")
    return value


def at_least_1(value: int | None) -> int | None:
    """Refuses zero and less."""
    if value is not None and value < 1:
        raise typer.BadParameter(f"must be at least 1, got {value}")
    return value


def a_port(value: int) -> int:
    """Refuses what is no port."""
    if not 0 <= value <= 65535:
        raise typer.BadParameter(f"a port is a number from 0 to 65535, got {value}")
    return value


def pairs(given: Sequence[str] | None, option: str, expected: str) -> dict[str, str]:
    """What an option of the form KEY=VALUE was given, by key.

    Raises:
        ValueError: there is no equals sign; the message names the option and what was expected.
    """
    found = {}
    for pair in given or ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{option} {pair}: expected {expected}.")
        found[key.strip()] = value.strip()
    return found


Debug = Annotated[bool, option("--debug", help="show the whole traceback of an error")]
"""Every command takes it."""
ShopFile = Annotated[Path, argument("SHOP.yaml", "the shop file")]
RunFile = Annotated[Path, argument("RUN.yaml", "the run file")]
RunFolder = Annotated[Path, argument("RUN", "the run folder")]
ModelsOut = Annotated[Path, option("--out", metavar="MODELS", help="the folder of all models")]
ModelName = Annotated[
    str | None, option("--name", metavar="NAME", help="the model's name (default: the run's)")
]
