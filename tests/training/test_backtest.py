"""The rolling origin: its windows, what is found in them, and how it goes on and refuses."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from tests.conftest import write_shop
from tests.training.test_train import run_of
from tfmm.commands import main as cli
from tfmm.evaluation.backtest_report import backtest_sections
from tfmm.training import RunFileError
from tfmm.training import backtest as module
from tfmm.training.backtest import Window, backtest

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    shop = write_shop(tmp_path_factory.mktemp("shop"), items=30, users=60)
    made = run_of(shop, train={"epochs": 1, "batch_size": 128}, blend={"ease": False})
    made["items"] = {"encoders": {}, "dim": 8}
    made["split"] = {"seed": 3}
    made["evaluate"] = {"baselines": ["popularity", "recent_popularity"], "k": [20]}
    return made


@pytest.fixture(scope="module")
def days(config):
    """Days that the events of the shop span."""
    from tfmm.training.run import read_config, task_of

    times = task_of(read_config(config)).data.events.time
    return float(times.max() - times.min()) / DAY


@pytest.fixture(scope="module")
def found(config, days, tmp_path_factory):
    out = tmp_path_factory.mktemp("backtests") / "窗口"
    lines: list[str] = []
    every = f"{int(days / 5)}d"
    return backtest(config, out, windows=2, every=every, say=lines.append), lines, every


def test_each_window_is_trained_before_it_and_tested_in_it(found):
    made, _, every = found
    step = pd.Timedelta(every.upper())
    assert len(made.windows) == 2
    ends = [pd.Timestamp(row["until"]) for row in made.windows]
    starts = [pd.Timestamp(row["origin"]) for row in made.windows]
    assert ends[0] == starts[1]
    assert all(end - start == step for start, end in zip(starts, ends, strict=True))
    for row in made.windows:
        folder = made.path / "windows" / row["origin"][:10]
        run = json.loads((folder / "metrics.json").read_text("utf-8"))
        assert run["model"]["ndcg@20"] == row["metrics"]["model"]["ndcg@20"]
        assert set(row["metrics"]) == {"model", "popularity", "recent_popularity"}
        assert run["split"]["test"] == row["split"]["test"] > 0
    kept = json.loads((made.path / "backtest.json").read_text("utf-8"))
    assert kept == {"every": every, "windows": made.windows}
    table = made.table()
    assert table.columns.tolist() == ["origin", "name", "recall@20", "ndcg@20"]
    assert len(table) == 6


def test_the_report_tells_mean_spread_and_windows(found):
    made, _, _ = found
    report = (made.path / "report.md").read_text("utf-8")
    values = [row["metrics"]["popularity"]["ndcg@20"] for row in made.windows]
    assert f"| {np.mean(values):.4f} | {np.std(values):.4f} |" in report
    assert "By ndcg@20 the model was" in report
    assert (made.path / "plots" / "ndcg_20.png").stat().st_size > 10_000


def test_started_again_it_trains_nothing(found, config, monkeypatch):
    made, _, every = found
    lines: list[str] = []
    monkeypatch.setattr(sys.modules["tfmm.training.train"], "Trainer", None)
    again = backtest(config, made.path, windows=2, every=every, say=lines.append)
    assert again.windows == made.windows
    assert sum("finished run" in line for line in lines) == 2


def test_another_run_file_or_step_needs_another_folder(found, config):
    made, _, every = found
    with pytest.raises(FileExistsError, match="another run file or step"):
        backtest(config | {"name": "other"}, made.path, windows=2, every=every)
    with pytest.raises(FileExistsError, match="is no backtest"):
        backtest(config, made.path / "windows", windows=2, every=every)


@pytest.mark.parametrize("every", ["soon", "", "0d", "-1d", "7", "1 parsec"])
def test_a_step_that_is_no_span_is_refused(config, every, tmp_path):
    with pytest.raises(ValueError, match="must be a span of time such as 7d"):
        backtest(config, tmp_path / "out", every=every)
    assert not (tmp_path / "out").exists()


def test_more_windows_than_there_is_room_for_are_refused(config, days, tmp_path):
    with pytest.raises(ValueError, match=r"900 windows of 1d do not fit.*there is room for \d+"):
        backtest(config, tmp_path / "out", windows=900, every="1d")
    with pytest.raises(ValueError, match="there is room for 0"):
        backtest(config, tmp_path / "out", windows=1, every="9000w")
    with pytest.raises(ValueError, match="`windows` must be at least 1"):
        backtest(config, tmp_path / "out", windows=0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("every", "days", "expected"),
    [
        ("2d", [0.3, 9.6], ("1970-01-07T00:00:00", "1970-01-09T00:00:00", "1970-01-11T00:00:00")),
        ("12h", [0.3, 9.6], ("1970-01-09T15:00:00", "1970-01-10T03:00:00", "1970-01-10T15:00:00")),
        ("1w", [0.0, 29.0], ("1970-01-17T00:00:00", "1970-01-24T00:00:00", "1970-01-31T00:00:00")),
    ],
)
def test_the_last_window_ends_with_the_log(every, days, expected):
    class Task:
        class data:
            class events:
                time = (np.array(days) * DAY).astype(np.int64)

    (window,) = module._windows(Task, module._span(every), every, 1)
    assert (window.valid, window.origin, window.until) == expected


def test_a_window_is_a_folder_on_every_system():
    assert Window("", "2020-09-21T00:00:00", "").name == "2020-09-21"
    assert Window("", "2020-09-21T18:00:00", "").name == "2020-09-21T180000"


def test_events_without_times_are_refused(config, tmp_path):
    shop = write_shop(tmp_path / "shop", items=20, users=20)
    text = shop.read_text("utf-8").splitlines()
    shop.write_text("\n".join(line for line in text if not line.strip().startswith("time:")))
    with pytest.raises(RunFileError, match="needs the time of each event"):
        backtest(config | {"shop": str(shop)}, tmp_path / "out")


def test_a_window_without_events_is_counted_and_named(tmp_path):
    there = {"popularity": {"ndcg@20": 0.5}, "model": {"ndcg@20": 0.25}}
    rows = [
        {"origin": "2020-01-01T00:00:00", "until": "", "left_out": "it has no events to test on"},
        {"origin": "2020-01-08T00:00:00", "split": {"train": 3, "test": 1}, "metrics": there},
    ]
    first = backtest_sections(rows, "7d", ["ndcg@20"], tmp_path)[0].paragraphs
    assert "Left out of 2 windows: 2020-01-01T00:00:00 (it has no events to test on)." in first
    assert "not first in 1 of 1: 2020-01-08 (popularity 0.5000, the model 0.2500)." in "\n".join(
        first
    )


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    (tmp_path / "run.yaml").write_text("shop: none.yaml")
    asked = ["backtest", str(tmp_path / "run.yaml"), "--out", str(tmp_path / "o")]
    assert cli.main([*asked, "--every", "soon"]) == 1
    assert "must be a span of time" in capsys.readouterr().err
