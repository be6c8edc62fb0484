"""`tfmm tune`: real trials on a tiny shop; how a search goes on, prunes, fails and is read."""

import csv
import json

import pytest
import yaml

from tests.training.test_train import run_of
from tfmm.commands import main as cli
from tfmm.training import RunConfig, RunFileError, train, trainer
from tfmm.training import tune as module
from tfmm.training.fit import fit
from tfmm.training.run import read_config, task_of
from tfmm.training.tune import tune

pytest.importorskip("optuna")
SPACE = {"train.learning_rate": "0.001..0.1:log", "items.dim": [8, 16]}


@pytest.fixture
def run_file(shop_file, tmp_path):
    config = run_of(shop_file, train={"epochs": 2, "batch_size": 128})
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
    return tmp_path / "run.yaml"


@pytest.fixture
def quick(monkeypatch):
    """Trials whose recall is known at once: the nearer the rate to 0.03 the better."""
    asked = []

    def recall(value, task, folder, trial, optuna):
        rate = value["train"]["learning_rate"]
        asked.append(rate)
        for epoch in (1, 2, 3):
            trial.report(epoch / 3 - abs(rate - 0.03), epoch)
            trial.set_user_attr("epochs", epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return 1 - abs(rate - 0.03)

    monkeypatch.setattr(module, "_run_trial", recall)
    return asked


def test_values_that_do_not_go_together_end_their_own_trial_alone(shop_file, tmp_path, monkeypatch):
    monkeypatch.setattr(module.Trainer, "choose", lambda *_: trainer.Choice(1, 0.5))
    space = {"users.history": ["mean", "causal"], "users.attention_heads": [2, 3]}
    said = []
    config = run_of(shop_file, items={"encoders": {"title": "bag"}, "dim": 8})
    found = tune(config, tmp_path / "study", space=space, trials=8, say=said.append)
    for row in found.trials:
        apart = (row["users.history"], row["users.attention_heads"]) == ("causal", 3)
        assert row["state"] == ("fail" if apart else "complete")
    assert "fail" in {row["state"] for row in found.trials}
    assert any("3 heads of attention do not divide the 8 dimensions" in line for line in said)


def test_one_trial_reaches_what_train_reaches_bit_for_bit(shop_file, tmp_path):
    config = run_of(
        shop_file,
        train={"epochs": 3, "batch_size": 128, "balance": 0.5, "balance_by": "kind"},
        search={"queries": {"title": "subwords"}},
        prior={"weight": 0},  # with it, both temperatures reach the same on so small a shop
        evaluate={"baselines": []},
    )
    space = {"search.temperature": [0.07, 0.5]}
    found = tune(config, tmp_path / "study", space=space, trials=2, say=lambda _: None)
    run = train(config, tmp_path / "run", say=lambda _: None)
    reached = {row["search.temperature"]: row["recall@20"] for row in found.trials}
    assert reached[0.07] == run.metrics["validation"]["recall@20"]
    assert reached[0.5] != reached[0.07]


def test_trials_fit_on_training_and_the_best_run_file_trains(run_file, tmp_path, monkeypatch):
    met = []

    def spy(task, model, part, *arguments, **options):
        met.append(len(part.pairs))
        return fit(task, model, part, *arguments, **options)

    monkeypatch.setattr(trainer, "fit", spy)
    lines = []
    study = tmp_path / "study"
    found = tune(run_file, study, space=SPACE, trials=2, say=lines.append)
    part = task_of(read_config(run_file)).parts.train
    assert met == [len(part.pairs)] * 2  # the training part alone
    rows = json.loads((study / "trials.json").read_text())
    assert rows == found.trials
    assert [row["state"] for row in rows] == ["complete", "complete"]
    assert (rows[0]["train.learning_rate"], rows[0]["items.dim"]) == (0.01, 16)  # the file's own
    assert all(row["epochs"] == 2 and row["seconds"] > 0 for row in rows)
    assert found.value == max(row["recall@20"] for row in rows) > 0.3
    best = RunConfig.from_file(found.best)
    assert best.train.learning_rate == found.values["train.learning_rate"]
    assert best.items.encoders == RunConfig.from_file(run_file).items.encoders
    with (study / "trials.csv").open() as file:
        assert [row["items.dim"] for row in csv.DictReader(file)] == [
            str(row["items.dim"]) for row in rows
        ]
    assert lines[-1].startswith("trial 2/2  recall@20 0.")


def test_a_search_goes_on_where_it_was(run_file, tmp_path, quick):
    first = tune(run_file, tmp_path / "study", space=SPACE, trials=3, say=lambda _: None)
    lines = []
    more = tune(run_file, tmp_path / "study", space=SPACE, trials=5, say=lines.append)
    assert lines[0].endswith("holds 3 finished trials of this search.")
    assert more.trials[:3] == first.trials
    assert len(more.trials) == len(quick) == 5
    again = tune(run_file, tmp_path / "study", space=SPACE, trials=5, say=lambda _: None)
    assert again == more
    with pytest.raises(FileExistsError, match="a search of another run file or space"):
        tune(run_file, tmp_path / "study", space={"items.dim": [8, 32]})


def test_a_trial_that_was_cut_off_is_run_again(run_file, tmp_path, quick, monkeypatch):
    known = module._run_trial
    killed = []

    def killing(value, *rest):
        killed.append(value["train"]["learning_rate"])
        if len(killed) == 2:
            raise KeyboardInterrupt
        return known(value, *rest)

    monkeypatch.setattr(module, "_run_trial", killing)
    with pytest.raises(KeyboardInterrupt):
        tune(run_file, tmp_path / "study", space=SPACE, trials=3, say=lambda _: None)
    so_far = RunConfig.from_file(tmp_path / "study" / "best.yaml")
    assert so_far.train.learning_rate == killed[0]
    found = tune(run_file, tmp_path / "study", space=SPACE, trials=3, say=lambda _: None)
    assert killed[2] == killed[1]
    assert len(found.trials) == 3


def test_poor_trials_are_pruned_and_failed_ones_kept_in_the_table(
    run_file, tmp_path, quick, monkeypatch
):
    known = module._run_trial

    def failing(value, *rest):
        if len(quick) == 1 and not quick_failed:
            quick_failed.append(True)
            raise FloatingPointError("The loss became nan in epoch 1.")
        return known(value, *rest)

    quick_failed: list[bool] = []
    monkeypatch.setattr(module, "_run_trial", failing)
    lines: list[str] = []
    found = tune(
        run_file,
        tmp_path / "study",
        space={"train.learning_rate": "0.001..0.5"},
        trials=14,
        say=lines.append,
    )
    states = [row["state"] for row in found.trials]
    assert len(states) == 14
    assert states.count("fail") == 1
    assert states.count("pruned") >= 2
    assert all(row["epochs"] >= 3 for row in found.trials if row["state"] == "pruned")
    assert any("The loss became nan" in line for line in lines)
    complete = [row for row in found.trials if row["state"] == "complete"]
    assert found.value == max(row["recall@20"] for row in complete)


def test_values_that_are_mappings_can_be_searched(run_file, tmp_path, quick):
    sizes = [{"name": "bag"}, {"name": "lstm", "units": 8}]
    space = {"items.encoders.title": sizes, "train.learning_rate": "0.001..0.1"}
    lines = []
    found = tune(run_file, tmp_path / "study", space=space, trials=3, say=lines.append)
    assert "own values are not tried" in lines[0]
    assert found.values["items.encoders.title"] in sizes
    assert RunConfig.from_file(found.best).items.encoders["title"] in sizes


def test_bad_input_is_refused_before_anything_is_written(run_file, tmp_path):
    with pytest.raises(RunFileError, match=r"`train.epoch`.*Did you mean `train.epochs`\?"):
        tune(run_file, tmp_path / "study", space={"train.epoch": "1..3"})
    with pytest.raises(ValueError, match="`trials` must be at least 1, got 0"):
        tune(run_file, tmp_path / "study", trials=0)
    assert not (tmp_path / "study").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").write_text("x")
    with pytest.raises(FileExistsError, match="is no study folder"):
        tune(run_file, tmp_path / "other", space=SPACE)


def test_a_search_in_which_nothing_succeeds_says_so(run_file, tmp_path, quick, monkeypatch):
    def fails(*_):
        raise FloatingPointError("nan")

    monkeypatch.setattr(module, "_run_trial", fails)
    with pytest.raises(RunFileError, match=r"No trial succeeded of the 2 in .*trials\.csv"):
        tune(run_file, tmp_path / "study", space=SPACE, trials=2, say=lambda _: None)


def test_the_command_takes_options_and_a_file(run_file, tmp_path, quick, capsys):
    (tmp_path / "space.yaml").write_text("items.dim: [8, 16]\n")
    arguments = ["tune", str(run_file), "--out", str(tmp_path / "study"), "--trials", "2"]
    space = ["--space", "train.learning_rate=0.001..0.1:log"]
    assert cli.main([*arguments, *space, "--space", str(tmp_path / "space.yaml")]) == 0
    said = capsys.readouterr().out
    assert "train it with: tfmm train" in said
    assert "train.learning_rate" in said
    assert "pruned" in said or "complete" in said
    assert cli.main([*arguments, "--space", "what"]) == 1
    assert "expected KEY=RANGE" in capsys.readouterr().err


def test_it_says_what_to_install(run_file, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install tfmm\[tune\]"):
        tune(run_file, tmp_path / "study")
