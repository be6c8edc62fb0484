"""The command line: what each command does, its messages and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tfmm
from tfmm.commands import main as cli


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "events.csv").write_text("user,item\nu1,i1\nu1,i2\nu2,i1\nu9,i9\n")
    (tmp_path / "items.csv").write_text("item,name\ni1,red\ni2,\n")
    file = tmp_path / "shop.yaml"
    file.write_text(
        "items: {table: items.csv, id: item, features: {name: {kind: text, column: name}}}\n"
        "events: {table: events.csv, user: user, item: item}\n"
    )
    return file


def test_version_is_the_package_s(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"tfmm {tfmm.__version__}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Missing command"),
        (["chekc"], "'check'"),
        (["train"], "'RUN.yaml'"),
        (["train", "run.yaml"], "'--out'"),
        (["train", "run.yaml", "--out", "r", "--form", "o"], "--from"),
        (["train", "run.yaml", "more", "--out", "r"], "more"),
        (["tune", "run.yaml", "--out", "s", "--trials", "x"], "'--trials'"),
        (["recommend", "r", "--out", "o", "--k", "0"], "'--k': must be at least 1, got 0"),
        (["export", "run"], "expected RUN --out MODELS, or --check DIR"),
        (["export", "run", "--out", "m", "--weights", "int4"], "int8"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, words, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    usage, message = said.err.splitlines()
    assert usage.startswith("Usage: tfmm")
    assert message.startswith("tfmm")
    assert words in message


def test_ports_outside_the_range_are_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["serve", "models", "--rest-port", "70000"])
    assert "from 0 to 65535" in capsys.readouterr().err


def test_check_prints_the_report_and_writes_it_as_json(shop, tmp_path, capsys):
    file = tmp_path / "new" / "report.json"
    assert cli.main(["check", str(shop), "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert "2 items, 2 users, 3 events" in out
    report = json.loads(file.read_text())
    assert report["counts"]["events"] == 3
    assert [path.name for path in file.parent.iterdir()] == ["report.json"]


def test_check_policy_stops_on_what_it_names(shop, capsys):
    from tfmm.data.checks import CHECKS

    check = next(name for name in CHECKS if "unknown_item" in name)
    assert cli.main(["check", str(shop), "--policy", f"{check}=raise"]) == 1
    assert check in capsys.readouterr().err
    assert cli.main(["check", str(shop), "--policy", check]) == 1
    assert "expected CHECK=POLICY" in capsys.readouterr().err


def test_missing_shop_file_is_one_message_without_traceback(tmp_path, capsys):
    assert cli.main(["check", str(tmp_path / "no.yaml")]) == 1
    err = capsys.readouterr().err
    assert err.startswith("tfmm check: ")
    assert "no.yaml" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(ValueError, match=r"no\.yaml"):
        cli.main(["check", str(tmp_path / "no.yaml"), "--debug"])


def test_mistakes_in_the_program_keep_their_traceback(shop, monkeypatch):
    def broken(*_, **__):
        raise KeyError("a bug")

    monkeypatch.setattr("tfmm.data.load", broken)
    with pytest.raises(KeyError):
        cli.main(["check", str(shop)])


def test_missing_package_points_to_the_doctor(shop, monkeypatch, capsys):
    def broken(*_, **__):
        raise ModuleNotFoundError("No module named 'pyarrow'")

    monkeypatch.setattr("tfmm.data.load", broken)
    assert cli.main(["check", str(shop)]) == 1
    assert "`tfmm doctor`" in capsys.readouterr().err


def test_interrupt_exits_with_130(shop, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfmm.data.load", interrupted)
    assert cli.main(["check", str(shop)]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_serve_passes_its_options_on(monkeypatch, tmp_path):
    asked = {}
    monkeypatch.setattr(
        "tfmm.serving.serve_forever", lambda models, **options: asked.update(options, models=models)
    )
    assert cli.main(["serve", str(tmp_path), "--grpc-port", "0", "--host", "0.0.0.0"]) == 0
    assert {name: value for name, value in asked.items() if value is not None} == {
        "models": tmp_path,
        "host": "0.0.0.0",
        "grpc_port": 0,
        "rest_port": 8501,
    }


def test_serve_takes_tensorflow_servings_files_and_spelling(monkeypatch, tmp_path):
    from tfmm.serving import BatchingParameters

    asked = {}
    monkeypatch.setattr(
        "tfmm.serving.serve_forever", lambda models, **options: asked.update(options)
    )
    assert cli.main(["serve", str(tmp_path), "--enable_batching", "--threads", "3"]) == 0
    assert asked["batching"] == BatchingParameters()
    assert asked["threads"] == 3
    flags = ["--batching_parameters_file=b", "--monitoring-config-file=m", "--ssl_config_file=s"]
    assert cli.main(["serve", str(tmp_path), "--enable-batching", *flags]) == 0
    files = [str(asked[name]) for name in ("batching", "monitoring_config", "ssl_config")]
    assert files == ["b", "m", "s"]
    assert cli.main(["serve", "--model_config_file", "models.config"]) == 0
    assert str(asked["models_config"]) == "models.config"


def test_serve_needs_a_folder_or_a_models_config(capsys):
    assert cli.main(["serve"]) == 1
    assert "either `models`" in capsys.readouterr().err


def test_serve_without_a_folder_says_so(tmp_path, capsys):
    assert cli.main(["serve", str(tmp_path / "models")]) == 1
    assert str(tmp_path / "models") in capsys.readouterr().err


def test_train_passes_its_options_on(monkeypatch, tmp_path, capsys):
    asked = []

    def train(config, out, from_run=None):
        asked.append((config, out, from_run))
        return SimpleNamespace(path=out)

    monkeypatch.setattr("tfmm.training.train", train)
    assert cli.main(["train", "run.yaml", "--out", "new", "--from", "old"]) == 0
    assert asked == [(Path("run.yaml"), Path("new"), Path("old"))]
    assert "report.md" in capsys.readouterr().out


def test_train_without_its_run_file_says_so(tmp_path, capsys):
    assert cli.main(["train", str(tmp_path / "no.yaml"), "--out", str(tmp_path / "run")]) == 1
    assert "no.yaml" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["export", "index", "recommend"])
def test_folder_that_is_no_run_says_so(command, tmp_path, capsys):
    assert cli.main([command, str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_export_passes_its_options_on(monkeypatch, tmp_path, capsys):
    asked = []

    def export_model(run, models, **options):
        asked.append({"run": run, **options})
        return models / "shop" / "1"

    monkeypatch.setattr("tfmm.export.export_model", export_model)
    assert cli.main(["export", "run", "--out", "models"]) == 0
    arguments = ["export", "run", "--out", "models", "--k", "5", "--name", "x", "--no-exclude-seen"]
    assert cli.main([*arguments, "--index", "ivf"]) == 0
    two = [
        "export",
        "run",
        "--out",
        "models",
        "--rank",
        "judge",
        "--by",
        "buy",
        "--candidates",
        "9",
    ]
    assert cli.main(two) == 0
    run = {"run": Path("run")}
    assert asked == [
        {**run, "name": None},  # what is not asked for is the task's own to say
        {**run, "name": "x", "k": 5, "exclude_seen": False, "index": "ivf"},
        {
            **run,
            "name": None,
            "rank": Path("judge"),
            "candidates": 9,
            "by": "buy",
            "diversity": 0.0,
            "cap": {},
        },
    ]
    assert "tfmm serve models" in capsys.readouterr().out


def test_serving_command_starts_without_tensorflow_talk(tmp_path):
    """The folder is missing, which is found only after TensorFlow has started."""
    done = subprocess.run(
        [sys.executable, "-m", "tfmm", "serve", str(tmp_path / "models")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("tfmm serve: ")


def test_encoders_are_listed_with_a_line_each(capsys):
    from tfmm.encoders import describe

    assert cli.main(["encoders"]) == 0
    out = capsys.readouterr().out
    for _, name, _ in describe():
        assert name in out
    assert "One trained vector" in out


def test_features_are_encoded_ahead_of_training(shop_file, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TFMM_CACHE", str(tmp_path))
    command = ["features", str(shop_file), "--encoder", "photo=classic"]
    assert cli.main(command) == 0
    assert "photo: 59 images by classic" in capsys.readouterr().out
    (folder,) = (tmp_path / "features").iterdir()
    stored = (folder / "vectors.f32").stat().st_size
    assert cli.main(command) == 0
    assert (folder / "vectors.f32").stat().st_size == stored


def test_features_without_a_frozen_encoder_say_so(shop_file, capsys):
    assert cli.main(["features", str(shop_file)]) == 1
    assert "no item feature has a frozen pretrained encoder" in capsys.readouterr().err
    assert cli.main(["features", str(shop_file), "--encoder", "photo"]) == 1
    assert "expected FEATURE=NAME" in capsys.readouterr().err
