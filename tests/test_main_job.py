"""The main job by command line: check, train, recommend, export, serve, ask."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tfmm.commands import main as cli
from tfmm.serving import Client


@pytest.mark.slow
def test_from_tables_to_answers(shop_file: Path, tmp_path: Path, capsys):
    config = {
        "name": "tiny",
        "shop": str(shop_file),
        "split": {"by": "user", "cold_items": 0.2},
        "items": {"encoders": {"title": "bag", "kind": "embedding"}},
        "train": {"epochs": 1, "batch_size": 64},
        "evaluate": {"k": [20], "baselines": ["popularity"]},
        "index": {"k": 7},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    run, models = tmp_path / "run", tmp_path / "models"
    assert cli.main(["train", str(tmp_path / "run.yaml"), "--out", str(run)]) == 0
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(metrics) >= {"model", "cold", "baselines", "modalities", "seconds", "config_sha256"}
    assert (run / "report.md").is_file()

    (tmp_path / "users.txt").write_text("u003\nnobody\n")
    table = tmp_path / "recommended.parquet"
    arguments = ["--users", str(tmp_path / "users.txt"), "--out", str(table), "--k", "4"]
    assert cli.main(["recommend", str(run), *arguments]) == 0
    recommended = pd.read_parquet(table)
    assert list(recommended.columns) == ["user_id", "rank", "item_id", "score"]
    assert list(recommended["user_id"]) == ["u003"] * 4 + ["nobody"] * 4

    assert cli.main(["export", str(run), "--out", str(models)]) == 0
    assert (models / "tiny" / "1" / "saved_model.pb").is_file()
    capsys.readouterr()

    command = [sys.executable, "-u", "-m", "tfmm", "serve", str(models)]
    server = subprocess.Popen(
        [*command, "--grpc-port", "0", "--rest-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        lines: list[str] = []
        for line in server.stdout:
            lines.append(line)
            if found := re.search(r"gRPC on (\S+), REST on http://([^/]+)/", line):
                break
        else:
            pytest.fail(f"the server stopped: {lines} {server.stderr and server.stderr.read()}")
        for address, transport in ((found[1], "grpc"), (found[2], "rest")):
            with Client(address, "tiny", transport=transport) as client:
                hits = client.recommend("u003")
            assert hits.item_id[:4] == list(recommended["item_id"][:4])
            assert len(hits) == 7
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=60)
    finally:
        server.kill()
    assert server.returncode == 0
    assert errors == ""
