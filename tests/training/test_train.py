"""From a run file to a run folder: what it holds, how it goes on after a kill, a warm start."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.conftest import write_shop
from tfmm.training import RunConfig, load_run, recommend, train, write_recommendations

LIGHT = {"title": "bag", "kind": "embedding"}


def run_of(shop_file: Path, **changes) -> dict:
    base = {
        "name": "tiny",
        "shop": str(shop_file),
        "split": {"cold_items": 0.2},
        "items": {"encoders": LIGHT, "dim": 16},
        "train": {"epochs": 3, "batch_size": 128},
        "evaluate": {"baselines": ["popularity", "item_knn", "ease"], "k": [10, 20]},
    }
    return {**base, **changes}


@pytest.fixture(scope="module")
def run(shop_file, tmp_path_factory):
    lines: list[str] = []
    out = tmp_path_factory.mktemp("runs") / "run"
    made = train(run_of(shop_file), out, say=lines.append)
    made.lines = lines
    return made


def test_the_folder_holds_config_model_logs_metrics_and_report(run):
    written = {path.name for path in run.path.iterdir() if not path.name.startswith(".")}
    assert written >= {"config.yaml", "checkpoints", "logs", "metrics.json", "report.md", "model"}
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    assert config["users"]["history"] == "mean"
    assert list((run.path / "logs").rglob("events.out.tfevents.*"))
    assert "recall@20" in (run.path / "report.md").read_text().lower()


def test_metrics_have_the_documented_form(run):
    metrics = json.loads((run.path / "metrics.json").read_text())
    for part in ("model", "cold"):
        assert {"recall@20", "ndcg@20", "mrr@20", "coverage@20", "users"} <= set(metrics[part])
    assert set(metrics["baselines"]) == {"popularity", "item_knn", "ease"}
    assert set(metrics["modalities"]) == set(LIGHT)
    assert {"recall_drop", "weight"} <= set(metrics["modalities"]["title"])
    for part in ("warm", "cold"):
        for row in metrics["looked_at"][part]:
            assert sum(row["weights"].values()) == pytest.approx(1, abs=1e-3)
    assert {row["item"] for row in metrics["looked_at"]["cold"]} <= set(
        run.data.items.ids[run.task.parts.split.cold_test]
    )
    assert set(metrics["seconds"]) == {"load", "train", "evaluate"}
    assert metrics["examples_per_second"] > 0
    assert metrics["config_sha256"] == run.config.sha256
    assert metrics["model"]["recall@20"] > metrics["baselines"]["popularity"]["recall@20"]


def test_it_says_each_epoch(run):
    assert any("epoch  1/3" in line and "valid recall@20" in line for line in run.lines)


def test_the_same_command_again_reads_the_finished_run(run):
    lines: list[str] = []
    again = train(run.config, run.path, say=lines.append)
    assert "finished run" in lines[0]
    np.testing.assert_allclose(again.model.item_vectors(), run.model.item_vectors(), atol=1e-6)


def test_a_loaded_run_scores_as_the_trained_one_did(run):
    loaded = load_run(run.path)
    seen = run.task.parts.split.final_train()
    np.testing.assert_allclose(
        loaded.model.user_vectors(seen), run.model.user_vectors(seen), atol=1e-6
    )


def test_recommendations_leave_out_what_was_taken_and_serve_strangers(run, tmp_path):
    table = recommend(run, ["u003", "nobody"], k=5)
    assert table["rank"].tolist() == [1, 2, 3, 4, 5] * 2
    events = pd.read_csv(Path(run.config.shop).parent / "events.csv", dtype=str)
    taken = set(events.loc[events.who == "u003", "sku"])
    assert not taken & set(table.loc[table.user_id == "u003", "item_id"])
    assert len(set(table.loc[table.user_id == "nobody", "item_id"])) == 5
    rows = write_recommendations(run, tmp_path / "all.parquet", k=3)
    written = pd.read_parquet(tmp_path / "all.parquet")
    assert rows == len(written) == 3 * len(run.data.users)
    assert [path.name for path in tmp_path.iterdir()] == ["all.parquet"]
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        recommend(run, ["u003"], k=0)


def test_a_killed_run_goes_on_from_its_last_checkpoint(shop_file, tmp_path):
    config = run_of(shop_file, train={"epochs": 40, "batch_size": 32, "patience": 40})
    config["evaluate"]["baselines"] = ["popularity"]
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    out = tmp_path / "run"
    script = (
        "import sys; from tfmm.training import train; "
        "train(sys.argv[1], sys.argv[2], say=lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "run.yaml", out],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    history = out / "checkpoints" / "choose" / "history.json"
    for line in process.stdout:
        if line.startswith("epoch  3/"):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = json.loads(history.read_text())
    assert 3 <= len(before) < 40
    assert not (out / "metrics.json").exists()
    with pytest.raises(FileNotFoundError, match=r"is not finished.*goes on from the last"):
        load_run(out)

    lines: list[str] = []
    started = time.time()
    run = train(tmp_path / "run.yaml", out, say=lines.append)
    after = json.loads(history.read_text())
    assert any("Going on after epoch" in line for line in lines), (started, lines)
    assert len(after) == 40
    assert after[:3] == before[:3]
    assert run.metrics["model"]["users"] > 0


def test_a_warm_start_moves_rows_by_name_and_grows_vocabularies(run, tmp_path):
    write_shop(tmp_path / "grown", items=72, users=90)
    config = run_of(tmp_path / "grown" / "shop.yaml", train={"epochs": 1, "learning_rate": 1e-9})
    config["evaluate"]["baselines"] = []
    lines: list[str] = []
    warm = train(config, tmp_path / "run", from_run=run.path, say=lines.append)
    assert any("12 new items" in line for line in lines)
    old = run.model.learned.item_tower.id_embedding.numpy()
    new = warm.model.learned.item_tower.id_embedding.numpy()
    place = warm.data.items.rows(run.data.items.ids)
    np.testing.assert_allclose(new[place], old, atol=1e-5)


def test_a_published_split_is_not_refitted(shop_file, tmp_path):
    folder = tmp_path / "shop"
    write_shop(folder)
    events = pd.read_csv(folder / "events.csv", dtype=str)
    events["part"] = np.arange(len(events)) % 5
    events.to_csv(folder / "events.csv", index=False)
    config = run_of(
        folder / "shop.yaml",
        split={"by": "column", "column": "part", "train": 0, "valid": 1, "test": 2},
    )
    config["evaluate"]["baselines"] = []
    run = train(config, tmp_path / "run", say=lambda line: None)
    assert not (tmp_path / "run" / "checkpoints" / "refit").exists()
    assert run.metrics["split"]["train"] == len(run.task.parts.split.train)


def test_a_folder_of_something_else_is_refused(run, shop_file, tmp_path):
    with pytest.raises(FileExistsError, match="run of another configuration"):
        train(run_of(shop_file, name="other"), run.path)
    (tmp_path / "precious").write_text("x")
    with pytest.raises(FileExistsError, match="is no run folder"):
        train(run_of(shop_file), tmp_path)
    with pytest.raises(FileNotFoundError, match=r"is no run folder: it holds no config\.yaml"):
        load_run(tmp_path)


def test_a_run_that_failed_before_it_trained_leaves_its_folder_free(tmp_path):
    write_shop(tmp_path / "shop")
    good = (tmp_path / "shop" / "shop.yaml").read_text("utf-8")
    wrong = tmp_path / "shop" / "wrong.yaml"
    wrong.write_text(good.replace("events.csv", "evénements 事件.csv"), "utf-8")
    out = tmp_path / "run"
    with pytest.raises(Exception, match="evénements 事件"):
        train(run_of(wrong), out, say=lambda line: None)
    config = run_of(tmp_path / "shop" / "shop.yaml", train={"epochs": 1, "batch_size": 128})
    config["evaluate"]["baselines"] = []
    assert train(config, out, say=lambda line: None).metrics["model"]["users"]
    with pytest.raises(FileExistsError, match="run of another configuration"):
        train(run_of(wrong), out)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trian": {}}, r"unknown key `trian`; did you mean `train`\?"),
        ({"train": {"epoch": 3}}, r"unknown key `train.epoch`; did you mean `train.epochs`\?"),
        ({"train": {"epochs": "many"}}, "`train.epochs` must be int, got 'many'"),
        ({"train": {"epochs": True}}, "`train.epochs` must be int, got True"),
        (
            {"items": {"encoders": ["lstm"]}},
            r"`items.encoders` must be a mapping or null, got",
        ),
        ({"train": 3}, "`train` must be a mapping, got 3"),
        ({"split": {"seed": 1.5}}, "`split.seed` must be int, got 1.5"),
        ({"train": {"epochs": "3"}}, "`train.epochs` must be int, got '3'"),
        ({"evaluate": {"k": [5, "x"]}}, r"`evaluate.k\[1\]` must be int, got 'x'"),
        ({"graph": {"layer": 3}}, r"unknown key `graph.layer`; did you mean `graph.layers`\?"),
        ({"task": "retreival"}, r"`task`: Unknown task: 'retreival'. Did you mean 'retrieval'\?"),
        (
            {"train": {"epochs": "x", "epoch": 1}},
            r"`train.epochs` must(.|\n)*unknown key",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        RunConfig.from_dict({"shop": "shop.yaml", **change})


def test_a_run_file_needs_a_shop_and_names_itself_in_errors(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("name: x\n")
    with pytest.raises(ValueError, match=r"run\.yaml: the key `shop` is missing"):
        RunConfig.from_file(file)
    file.write_text("name: [\n")
    with pytest.raises(ValueError, match=r"run\.yaml is not valid YAML"):
        RunConfig.from_file(file)
    file.write_bytes("name: café\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"run\.yaml is not valid YAML: 'utf-8' codec"):
        RunConfig.from_file(file)
    with pytest.raises(FileNotFoundError, match="There is no run file"):
        RunConfig.from_file(tmp_path / "none.yaml")


def test_a_configuration_survives_writing_and_reading(tmp_path):
    config = RunConfig.from_dict({"shop": "shop.yaml", "train": {"learning_rate": 1}})
    assert RunConfig.from_dict(config.to_dict()).sha256 == config.sha256
    assert config.train.learning_rate == 1.0


def test_balance_by_needs_a_category(shop_file, tmp_path):
    config = run_of(shop_file, train={"balance": 1.0, "balance_by": "title"})
    with pytest.raises(ValueError, match=r"must name a category feature.*'title'; there are: kind"):
        train(config, tmp_path / "run", say=lambda line: None)


def test_a_baseline_that_there_is_not_is_refused_before_training(shop_file, tmp_path):
    config = run_of(shop_file)
    config["evaluate"]["baselines"] = ["item-knn"]
    with pytest.raises(ValueError, match=r"no baseline 'item-knn'.*Did you mean 'item_knn'"):
        train(config, tmp_path / "run", say=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_unknown_optimizer_and_schedule_are_refused(shop_file, tmp_path):
    for key, value in (("optimizer", "sgdd"), ("schedule", "linear")):
        config = run_of(shop_file, train={key: value})
        with pytest.raises(ValueError, match=f"`train.{key}` must be .* got '{value}'"):
            train(config, tmp_path / key, say=lambda line: None)
