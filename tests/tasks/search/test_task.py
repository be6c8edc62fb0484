"""Search keeps the contract of a task, on a shop whose shoppers it does not look at."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.tasks.contract import TaskContract
from tests.tasks.search.test_signatures import searchable
from tfmm.export import export_model, refresh_index
from tfmm.tasks.search.task import Search
from tfmm.training import RunFileError, load_run, train

PHOTO = {"name": "classic", "size": [16, 16], "scales": True}


def run_of(shop, **changes):
    base = {
        "task": "search",
        "name": "tiny",
        "shop": str(shop),
        "items": {"encoders": {"photo": PHOTO}, "dim": 32},
        "search": {"heads": 2, "batch_size": 16},
        "train": {"epochs": 8, "patience": 8, "learning_rate": 0.02},
    }
    return {**base, **changes}


class TestContract(TaskContract):
    simplest = ("search_recall@10", "chance")

    @pytest.fixture(scope="class")
    @classmethod
    def run(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("search")
        shop = searchable(folder / "shop", events=True)
        return train(run_of(shop), folder / "run", say=lambda _: None)

    def test_shoppers_are_not_asked(self, run):
        made = run.task.signatures(run, run.task.settings(run.config, {}))
        answered = {one.name for one in made.signatures}
        assert answered == {
            "search_text",
            "search_image",
            "search_mixed",
            "similar_items",
            "embed_item",
        }

    def test_the_report_has_the_baselines_beside_the_model(self, run):
        report = (run.path / "report.md").read_text("utf-8")
        assert "| title | **model** |" in report
        assert "| title | chance |" in report
        assert "| title | words |" in report
        assert "![Learning curve](plots/learning.png)" in report
        found = run.metrics["search_baselines"]
        assert found["chance"]["title"]["recall@10"] == pytest.approx(10 / 72)


def test_a_shop_without_events_learns_to_search_whatever_its_task_says(tmp_path):
    shop = searchable(tmp_path / "shop", events=False)
    config = run_of(shop, task="retrieval", train={"epochs": 1})
    run = train(config, tmp_path / "run", say=lambda _: None)
    assert isinstance(run.task, Search)
    assert load_run(run.path).model.query_vectors("title").shape == (72, 32)
    # An older version's card names settings of shoppers too.
    version = export_model(run.path, tmp_path / "models", say=lambda _: None)
    card = version / "model_card.json"
    written = json.loads(card.read_text("utf-8"))
    written["export"] |= {"history_size": 50, "exclude_seen": True}
    card.write_text(json.dumps(written), "utf-8")
    assert refresh_index(run.path, tmp_path / "models", say=lambda _: None).items == 72


def test_nothing_to_search_by_is_refused(tmp_path):
    shop = searchable(tmp_path / "shop", events=True)
    value = yaml.safe_load(shop.read_text("utf-8"))
    del value["items"]["features"]["title"]
    shop.write_text(yaml.safe_dump(value, allow_unicode=True))
    with pytest.raises(RunFileError, match=r"nothing to search .* no feature of kind text"):
        train(run_of(shop), tmp_path / "run", say=lambda _: None)


def test_what_search_does_not_have_is_refused():
    with pytest.raises(RunFileError, match="`users`"):
        train(run_of("shop.yaml", users={"history": "gru"}), "never")
