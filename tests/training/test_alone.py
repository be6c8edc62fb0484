"""A folder has one writer at a time, and a killed one holds nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tfmm.training.alone import alone, writes_alone

HOLDS = """
import pathlib, sys, time
from tfmm.training.alone import alone
with alone(pathlib.Path(sys.argv[1])):
    (pathlib.Path(sys.argv[1]) / "made").write_text("x")
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path):
    folder = tmp_path / "a" / "跑"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with (
            pytest.raises(FileExistsError, match="跑 is being written to"),
            alone(folder),
        ):
            pass
        assert (folder / "made").exists()
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    with alone(folder):
        assert [path.name for path in folder.iterdir()] == ["made"]


def test_a_folder_that_stays_empty_is_not_left_behind(tmp_path):
    @writes_alone
    def train(config: str, out: str | Path) -> None:
        raise ValueError(config)

    with pytest.raises(ValueError, match="no"):
        train("no", out=tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    (tmp_path / "there").mkdir()
    with pytest.raises(ValueError, match="no"):
        train("no", tmp_path / "there")
    assert (tmp_path / "there").exists()


def test_threads_count_too(tmp_path):
    with (
        alone(tmp_path / "x"),
        pytest.raises(FileExistsError, match="being written to"),
        alone(tmp_path / "x"),
    ):
        pass
