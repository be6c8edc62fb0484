"""Every command's arguments and options: names, metavars, defaults and help texts.

People and scripts rely on them: a line that changes here changes for them.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.core import TyperArgument

from tfmm.commands import main
from tfmm.commands.runs import tune

# A command and what it does; then a line for each argument, in order, and each option but --debug:
# names and metavar, flag or choices | required, may repeat, or the default | the help.
TABLE = Path(__file__).with_name("options.txt").read_text(encoding="utf-8")
COMMANDS = {part.partition(":")[0]: part.splitlines() for part in TABLE.strip().split("\n\n")}


def told(command: typer.core.TyperCommand) -> list[str]:
    lines = [f"{command.name}: {command.short_help}"]
    for param in command.params:
        words = [] if isinstance(param, TyperArgument) else [*param.opts]
        choices = param.type_descriptor.choices
        if choices:
            words.append("|".join(choices))
        elif param.type_descriptor.annotation is bool:
            words.append("flag")
        else:
            words.append(param.metavar)
        notes = ["required"] if param.required else []
        notes += ["may repeat"] if param.type_descriptor.is_list else []
        notes += [] if param.default in (None, False) else [str(param.default)]
        line = f"{' '.join(words)} | {', '.join(notes)} | {param.help}"
        lines.append(" ".join(line.split()))
    return lines


def arguments(lines: list[str]) -> list[str]:
    return [line for line in lines[1:] if not line.startswith("--")]


@pytest.mark.parametrize("name", COMMANDS)
def test_arguments_and_options_are_those_of_before(name):
    found = told(typer.main.get_command(main.app).commands[name])
    expected = COMMANDS[name]
    debug = "--debug flag | | show the whole traceback of an error"
    assert found[0] == expected[0]
    assert arguments(found) == arguments(expected)
    assert sorted(found[1:]) == sorted([*expected[1:], debug])


def test_every_command_takes_debug_and_short_help():
    for name, command in typer.main.get_command(main.app).commands.items():
        assert "--debug" in {opt for param in command.params for opt in param.opts}, name
        assert command.short_help, name
        assert all(param.metavar for param in command.params if isinstance(param, TyperArgument))


def test_help_shows_arguments_choices_and_examples(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for given in (["train", "-h"], ["train", "--help"]):
        assert main.main(given) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "Usage: tfmm train [OPTIONS] RUN.yaml --out RUN"
        assert "  RUN.yaml  the run file" in lines
    assert main.main(["export", "--help"]) == 0
    assert "--weights <float32|bfloat16|int8>" in capsys.readouterr().out
    assert main.main(["tune", "--help"]) == 0
    text = capsys.readouterr().out
    for line in (tune.ABOUT + "\n" + tune.EXAMPLES).replace("\b", "").splitlines():
        assert line in text


def test_help_lists_every_command_with_its_whole_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main.main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for first, *_ in COMMANDS.values():
        assert first.replace(":", "", 1) in text
