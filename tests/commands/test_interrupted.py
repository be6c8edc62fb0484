"""Ctrl-C in a real terminal while a bar is on it, with lines printed in between."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from pathlib import Path

import pytest

PROGRAM = """
import sys, time, typer, warnings
from tfmm.commands import main
from tfmm.commands.command import Command
from tfmm.data import progress

progress._DELAY = 0.1
app = typer.Typer()

@app.command(cls=Command, help="counts")
def count(debug: bool = False) -> None:
    for place in progress.progress(range(10_000), 10_000, "数", unit="steps"):
        if place % 20 == 10:
            print(f"line {place}")
        if place == 30:
            warnings.warn("a warning")
        list(progress.progress(map(time.sleep, [0.01] * 3), 3, "inner"))

main.app.add_typer(app)
sys.exit(main.main(["count"]))
"""


EXPORT = """
import os, sys, time, typer
import numpy as np
import tensorflow as tf
from tfmm.commands import main
from tfmm.commands.command import Command
from tfmm.export.versions import write_version
from tfmm.tasks.base import Export, Signature

app = typer.Typer()

class Doubled(tf.Module):
    def double(self, x):
        return {"y": 2 * x}

def slow(path):
    path.parent.mkdir()
    path.write_bytes(b"half of it")
    print("begun", flush=True)
    time.sleep(300)

@app.command(cls=Command, help="exports")
def slowly(debug: bool = False) -> None:
    inputs = {"x": tf.TensorSpec([None], tf.float32)}
    ones = lambda n: {"x": np.ones(n, np.float32)}
    made = Signature("serving_default", Doubled().double, inputs, ones, "twice x")
    write_version(Export([made], files={"a/slow.bin": slow}), os.environ["OUT"], "shop")

main.app.add_typer(app)
sys.exit(main.main(["slowly"]))
"""


def in_a_terminal(program: str, enough: bytes) -> tuple[int, str]:
    """Runs a program in a terminal of its own, presses Ctrl-C once it has written something, and
    gives its exit code and all that it wrote.

    It presses again where ten seconds bring no answer, as people do: an interrupt that falls into
    a finalizer is lost. What does not end is killed.
    """
    child, terminal = pty.fork()
    if child == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
        os.execv(sys.executable, [sys.executable, "-c", program])
    written, pressed, until = b"", -60.0, time.monotonic() + 240
    while (now := time.monotonic()) < until:
        if enough in written and now - pressed > 10:
            os.write(terminal, b"\x03")
            pressed = now
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            read = os.read(terminal, 1 << 16)
        except OSError:  # the other end is closed
            break
        written += read
    else:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), written.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
def test_ctrl_c_gives_the_terminal_back_and_says_one_line(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    code, written = in_a_terminal(PROGRAM, b"line 50")
    assert code == 130
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") > 0
    assert "Traceback" not in written
    lines = [line.rpartition("\x1b[2K")[2].strip() for line in written.splitlines()]
    # What is printed in between stands in lines of its own, and nothing follows "stopped".
    for said in ("line 10", "line 30", "note: a warning", "line 50"):
        assert said in lines
    assert "stopped" in lines[-1] or "stopped" in lines[-2]
    assert written.count("stopped") == 1
    assert "数" in written
    assert "steps/s" in written


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
@pytest.mark.parametrize("before", [(), ("1", "7")])
def test_ctrl_c_within_an_export_leaves_no_half_of_a_version(monkeypatch, tmp_path, before):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    models = tmp_path / "模型"
    monkeypatch.setenv("OUT", str(models))
    for version in before:
        (models / "shop" / version).mkdir(parents=True)
    code, written = in_a_terminal(EXPORT, b"begun")
    assert code == 130
    assert "Traceback" not in written
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\^C", "", written.rpartition("begun")[2])
    assert plain.split() == ["stopped"]
    left = sorted(path.name for path in models.rglob("*"))
    assert left == ([*before, "shop"] if before else [])
