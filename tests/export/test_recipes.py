"""The recipes in export/: they run, and say what they lack."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.export.shops import kind_column
from tests.index.clusters import clustered
from tfmm.data.events.pairs import Pairs
from tfmm.export import check

RECIPES = Path(__file__).parents[2] / "export"


def recipe(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(RECIPES / name), run_name="__main__")


@pytest.fixture
def loaded(run, monkeypatch: pytest.MonkeyPatch):
    run.config.index = run.config.index.with_values(k=100)
    monkeypatch.setattr("tfmm.training.load_run", lambda path: run)
    monkeypatch.setattr(check, "check_written", lambda *_: None)
    return run


def test_retrieval(loaded, tmp_path: Path, monkeypatch, capsys) -> None:
    recipe("retrieval.py", "a run", str(tmp_path), monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert f"Wrote {tmp_path / 'little_shop' / '1'}" in out
    assert "For user 0:" in out


def test_scann_without_its_package_says_how_to_install_it(monkeypatch, capsys) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as end:
        recipe("scann_servable.py", "run", "models", monkeypatch=monkeypatch)
    assert end.value.code == 1
    assert "pip install 'tfmm[scann]'" in capsys.readouterr().err


def test_scann(loaded, tmp_path: Path, monkeypatch, capsys) -> None:
    pytest.importorskip("scann")
    n = 6000  # ScaNN's tree takes more than a few
    loaded.data.items.ids = np.array([f"{i:04}" for i in range(n)], object)
    loaded.data.items.features = {"kind": kind_column(n)}
    loaded.pairs = Pairs.from_events(loaded.data.events, 12, n)
    items = clustered(n, 6)
    loaded.model.item_vectors = lambda: items
    # An exact table is exported instead where ScaNN cannot reach the recall for so few users.
    options = ("--recall", "0.5")
    recipe("scann_servable.py", "a run", str(tmp_path), *options, monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert f"Wrote {tmp_path / 'little_shop_scann' / '1'}" in out
    assert "the stock server cannot serve it" in out
    assert "it lacks the op Scann>" in out
