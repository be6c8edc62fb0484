"""Going on from a run: what it learns from, what stays, and what it refuses."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.conftest import write_shop
from tests.training.test_train import run_of
from tfmm.commands import main as cli
from tfmm.export import export_model
from tfmm.tasks.retrieval.config import RetrievalConfig
from tfmm.tasks.retrieval.news import news
from tfmm.tasks.retrieval.task import Retrieval
from tfmm.training import RunFileError, load_run, recommend, train
from tfmm.training.update import update

CUT = 1_600_000_000 + 86_400 * 6


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop of which the last three days have not happened yet: they are in new.csv."""
    file = write_shop(tmp_path_factory.mktemp("shop"))
    events = pd.read_csv(file.parent / "events.csv", dtype=str)
    late = events["at"].astype(int) >= CUT
    events[~late].to_csv(file.parent / "events.csv", index=False)
    more = pd.DataFrame([("小红", "00003", str(CUT + 5)), ("小红", "00006", str(CUT + 9))])
    more.columns = events.columns
    pd.concat([events[late], more]).to_csv(file.parent / "new.csv", index=False)
    return file


@pytest.fixture(scope="module")
def old(shop, tmp_path_factory):
    config = run_of(shop, train={"epochs": 2, "batch_size": 128}, blend={"rank": 8})
    config["split"] = {"by": "time", "valid": 0.15, "test": 0.1}
    config["evaluate"] = {"baselines": [], "k": [20]}
    return train(config, tmp_path_factory.mktemp("runs") / "old", say=lambda _: None)


@pytest.fixture(scope="module")
def newer(old, shop, tmp_path_factory):
    lines: list[str] = []
    out = tmp_path_factory.mktemp("runs") / "新"
    made = update(old.path, out, events=shop.parent / "new.csv", say=lines.append)
    made.lines = lines
    return made


def test_it_learns_from_what_the_run_had_not_met(old, newer):
    told = newer.metrics["updated"]
    since = np.datetime64(old.metrics["trained_until"].rstrip("Z"), "us").astype(np.int64)
    times = newer.data.events.time
    assert told["events"] == (times > since).sum()
    assert told["since"] == old.metrics["trained_until"]
    assert newer.metrics["trained_until"] > told["since"]
    assert "小红" in newer.data.users.ids
    assert "小红" not in old.data.users.ids
    assert len(newer.data.events) == len(old.data.events) + 242
    assert any("events join" in line for line in newer.lines)


def test_weights_move_and_choices_stay(old, newer):
    before = old.model.learned.item_tower.id_embedding.numpy()
    after = newer.model.learned.item_tower.id_embedding.numpy()
    assert before.shape == after.shape
    moved = np.abs(before - after).max()
    assert 0 < moved < 0.5
    for name in ("blend", "prior"):
        assert newer.metrics[name]["weight"] == old.metrics[name]["weight"]
        # What was measured on the old run's test stands in the old run alone.
        assert not {"tried", "learned", "linear"} & set(newer.metrics[name])
    for prior, before in zip(newer.model.priors, old.model.priors, strict=True):
        assert not np.array_equal(prior.share, before.share)


def test_its_numbers_are_of_the_run_before_on_events_it_had_not_met(old, newer):
    since = old.metrics["trained_until"]
    told = news(newer.task.pairs, since, 1.0, newer.config)
    model = newer.task.load(old.path / "model")
    items = model.item_vectors()
    scores = model.user_vectors(told.known, items=items) @ items.T
    scores[told.known.user, told.known.item] = -np.inf
    hits = []
    for user in np.unique(told.new.user):
        wanted = told.new.item[told.new.user == user]
        best = np.argsort(-scores[user], kind="stable")[:20]
        hits.append(np.isin(wanted, best).sum() / min(len(wanted), 20))
    assert newer.metrics["model"]["recall@20"] == pytest.approx(np.mean(hits), abs=0.01)
    assert "recall@20" in (newer.path / "report.md").read_text("utf-8").lower()


def test_the_new_run_is_a_run(newer, tmp_path):
    again = load_run(newer.path)
    np.testing.assert_allclose(again.model.item_vectors(), newer.model.item_vectors(), atol=1e-5)
    assert len(recommend(again, ["小红", "nobody"], k=3)) == 6
    assert (
        export_model(again, tmp_path / "models", say=lambda _: None) / "saved_model.pb"
    ).exists()


def test_started_again_it_is_read(newer, old, shop):
    lines: list[str] = []
    again = update(old.path, newer.path, events=shop.parent / "new.csv", say=lines.append)
    assert "finished update" in lines[-1]
    assert again.metrics == json.loads((newer.path / "metrics.json").read_text("utf-8"))
    with pytest.raises(FileExistsError, match="another configuration"):
        update(old.path, newer.path)


def test_a_folder_of_other_events_is_refused(newer, old, shop, tmp_path):
    table = (shop.parent / "new.csv").read_text().splitlines(keepends=True)
    (tmp_path / "fewer 少.csv").write_text("".join(table[:-1]))
    with pytest.raises(FileExistsError, match="holds an update by other events"):
        update(old.path, newer.path, events=tmp_path / "fewer 少.csv", say=lambda _: None)


def test_an_update_can_be_updated(newer, shop, tmp_path):
    pd.DataFrame([("u001", "00002", str(CUT + 86_400 * 9))], columns=["who", "sku", "at"]).to_csv(
        tmp_path / "later.csv", index=False
    )
    third = update(
        newer.path, tmp_path / "third", events=tmp_path / "later.csv", say=lambda _: None
    )
    assert third.metrics["updated"]["events"] == 1
    assert len(third.data.events) == len(newer.data.events) + 1


def test_tables_that_have_grown_are_read_as_they_are(old, shop, tmp_path):
    mapping = old.data.shop.to_dict()
    grown = pd.concat([pd.read_csv(shop.parent / f, dtype=str) for f in ("events.csv", "new.csv")])
    grown.to_csv(tmp_path / "grown.csv", index=False)
    mapping["events"]["table"] = str(tmp_path / "grown.csv")
    made = update(old.path, tmp_path / "run", shop=mapping, replay=0.0, say=lambda _: None)
    assert made.metrics["updated"]["pairs"] > 100


def test_a_sample_of_before_is_learned_again(newer, old):
    config, pairs = RetrievalConfig(shop="s"), newer.task.pairs
    told = news(pairs, old.metrics["trained_until"], 0.5, config)
    assert len(told.again) == round(0.5 * len(told.new))
    assert np.isin(told.again.numbers(), told.known.numbers()).all()
    assert not np.isin(told.new.numbers(), told.known.numbers()).any()
    assert len(told.known) + len(told.new) == len(pairs)
    again = news(pairs, old.metrics["trained_until"], 0.5, config)
    np.testing.assert_array_equal(again.again.numbers(), told.again.numbers())


def test_nothing_new_is_said(old, newer, tmp_path):
    with pytest.raises(RunFileError, match="Nothing happened since"):
        news(newer.task.pairs, newer.metrics["trained_until"], 1.0, newer.config)
    with pytest.raises(ValueError, match="`epochs` must be at least 1"):
        update(old.path, tmp_path / "o", epochs=0)


def test_a_run_that_knows_no_time_is_refused(old, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text((old.path / "config.yaml").read_text("utf-8"))
    metrics = {key: v for key, v in old.metrics.items() if key != "trained_until"}
    (run / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(RunFileError, match="does not say until when it was trained"):
        update(run, tmp_path / "out")
    (run / "config.yaml").write_text("task: classification\nshop: s.yaml\nlabels: {feature: x}\n")
    assert cli.main(["update", str(run), "--out", str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()


def test_an_update_that_failed_before_it_learned_leaves_its_folder_free(old, newer, shop, tmp_path):
    out = tmp_path / "neu"
    before = pd.read_csv(shop.parent / "events.csv", dtype=str)
    before.head(3).to_csv(tmp_path / "nothing new 旧.csv", index=False)
    with pytest.raises(RunFileError, match="Nothing happened since"):
        update(newer.path, out, events=tmp_path / "nothing new 旧.csv", say=lambda _: None)
    assert {file.name for file in out.iterdir()} == {"config.yaml", "events.parquet"}
    # The whole shop in one place, as another configuration has it.
    whole = write_shop(tmp_path / "whole")
    made = update(old.path, out, shop=str(whole), say=lambda _: None)
    assert made.metrics["updated"]["events"] > 0
    assert not (out / "events.parquet").exists()
    with pytest.raises(FileExistsError, match="another configuration"):
        update(old.path, out, events=shop.parent / "new.csv", say=lambda _: None)


def test_it_tells_how_the_joined_tables_were_read(old, shop, tmp_path):
    events = pd.read_csv(shop.parent / "new.csv", dtype=str)
    file = tmp_path / "été.csv"
    events.to_csv(file, index=False, sep=";", encoding="utf-16")
    with file.open("a", encoding="utf-16-le") as more:
        more.write("a;b\n")
    lines: list[str] = []
    made = update(old.path, tmp_path / "run", events=file, say=lines.append)
    told = [line for line in lines if str(file) in line]
    assert any("UTF-16" in line.upper() for line in told)
    assert any("1 rows with too many or too few cells" in line for line in told)
    notes = [note.said for note in made.data.report.notes]
    assert any(said.startswith("été.csv: ") and "16" in said for said in notes)
    assert made.data.report.found("bad_rows") == 1


def test_an_update_looks_at_the_tables_before_it_learns(old, shop, tmp_path, monkeypatch):
    seen = []

    def refuse(self, measured=True):
        seen.append(measured)
        raise ValueError("a table that no model could be made of")

    monkeypatch.setattr(Retrieval, "check_data", refuse)
    with pytest.raises(ValueError, match="no model could be made of"):
        update(old.path, tmp_path / "new", events=shop.parent / "new.csv", say=lambda _: None)
    # Nothing is held out, so that an empty test part is no reason to refuse it.
    assert seen == [False]
    assert not (tmp_path / "new" / "model").exists()
