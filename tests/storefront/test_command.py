"""`tfmm shop`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.storefront.conftest import World
from tfmm.commands import main as cli


def test_a_folder_is_served_and_shown_until_stopped(world: World):
    command = [sys.executable, "-m", "tfmm", "shop", str(world.models), "--port", "0"]
    with subprocess.Popen(
        [*command, "--title", "Mine", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as running:
        try:
            assert running.stdout is not None
            lines = [running.stdout.readline() for _ in range(3)]
            assert lines[0] == f"shop: items shown by {world.shop_file}\n"
            assert lines[1] == "sounds: items shown by what the export holds, without pictures\n"
            address = lines[2].split()[4]
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"{address}api/shop", timeout=60) as answer:
                told = json.load(answer)
            assert told["title"] == "Mine"
            assert [model["version"] for model in told["models"]] == [1, 1]
            running.send_signal(signal.SIGINT)
            assert running.wait(60) == 0
            assert running.stderr is not None
            assert running.stderr.read() == ""
        finally:
            running.kill()


@pytest.mark.parametrize(
    "given", [[], ["--server", "127.0.0.1:8500"], ["--model", "shop"]], ids=lambda g: " ".join(g)
)
def test_it_needs_a_folder_or_a_server_and_a_name(given, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["shop", *given])
    assert end.value.code == 2
    assert "give MODELS, the folder of all models" in capsys.readouterr().err


def test_what_cannot_be_shown_is_said_in_one_message(world: World, tmp_path, capsys):
    command = ["shop", str(world.models), "--server", "127.0.0.1:1"]
    assert cli.main([*command, "--shop", str(tmp_path / "none.yaml")]) == 1
    assert "none.yaml" in capsys.readouterr().err
    assert cli.main(["shop", str(tmp_path), "--server", "127.0.0.1:1"]) == 1
    assert "holds no version of any model" in capsys.readouterr().err
