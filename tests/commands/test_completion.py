"""The shell's completion, asked as the shells' scripts ask it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tfmm.commands import main

SHELLS = ("bash", "zsh", "fish")


def ask(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tfmm"],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        cwd=tmp_path,
        timeout=120,
        check=False,
    )


def completed(tmp_path: Path, line: str, shell: str = "bash") -> list[str]:
    """What completes the last word of a line; nothing means files, as the shell finds them."""
    if shell == "bash":
        asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    else:
        asked = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = ask(tmp_path, _TFMM_COMPLETE=f"complete_{shell}", **asked)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return [item for item in done.stdout.splitlines() if item]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell, tmp_path):
    done = ask(tmp_path, _TFMM_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert f"_TFMM_COMPLETE=complete_{shell}" in done.stdout
    assert "tfmm" in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_this_shell_is_shown_and_installed(shell, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: (shell, f"/bin/{shell}"))
    with pytest.raises(SystemExit) as end:
        main.main(["--show-completion"])
    assert end.value.code == 0
    script = capsys.readouterr().out.strip()
    assert f"complete_{shell}" in script
    with pytest.raises(SystemExit) as end:
        main.main(["--install-completion"])
    assert end.value.code == 0
    assert f"{shell} completion installed" in capsys.readouterr().out
    installed = [file.read_text().strip() for file in tmp_path.rglob("*") if file.is_file()]
    assert script in installed


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_complete(shell, tmp_path):
    found = "\n".join(completed(tmp_path, "tfmm ", shell))
    for module in main.COMMANDS:
        assert module.__name__.rpartition(".")[2] in found


def test_a_part_of_a_name_completes(tmp_path):
    assert completed(tmp_path, "tfmm e") == ["encoders", "export", "evaluate"]
    assert completed(tmp_path, "tfmm nothing") == []


def test_options_and_their_choices_complete(tmp_path):
    found = completed(tmp_path, "tfmm tune run.yaml --")
    assert {"--out", "--space", "--trials", "--minutes", "--seed", "--debug"} <= set(found)
    assert completed(tmp_path, "tfmm export run --weights ") == ["float32", "bfloat16", "int8"]
    assert completed(tmp_path, "tfmm search a:1/m --transport r") == ["rest"]


@pytest.mark.parametrize("line", ["tfmm train ", "tfmm train run.yaml --out ", "tfmm check sh"])
def test_files_are_left_to_the_shell(line, tmp_path):
    assert completed(tmp_path, line) == []
    assert completed(tmp_path, line, "zsh") == ["_files"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_choices_and_files(tmp_path):
    """The function that the script defines, called as bash calls it."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "tfmm"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tfmm "$@"\n')
    program.chmod(0o755)
    script = ask(tmp_path, _TFMM_COMPLETE="source_bash").stdout
    asked = """
    COMP_WORDS=(tfmm ev); COMP_CWORD=1; _tfmm_completion tfmm; echo "${COMPREPLY[*]}"
    COMP_WORDS=(tfmm export run --weights b); COMP_CWORD=4; _tfmm_completion tfmm
    echo "${COMPREPLY[*]}"
    COMP_WORDS=(tfmm train r); COMP_CWORD=2; _tfmm_completion tfmm; echo "${#COMPREPLY[@]}"
    complete -p tfmm
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script + asked],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[:3] == ["evaluate", "bfloat16", "0"], done.stderr
    assert "-o default" in lines[3]  # no answer: bash completes file names
