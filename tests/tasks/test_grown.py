"""Models of items are loaded as they were trained, whatever the shop says since."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.tasks.ranking.shops import chosen, write_ranking_shop
from tfmm.export import export_model
from tfmm.training import load_run, train

QUIET = {"say": lambda _: None}
TASKS = {
    "retrieval": {"evaluate": {"baselines": []}},
    "search": {},
    "classification": {"label": {"feature": "brand"}, "evaluate": {"baselines": []}},
}


@pytest.mark.parametrize("task", TASKS)
def test_a_run_is_loaded_as_it_was_trained(task, tmp_path):
    shop = chosen(write_ranking_shop(tmp_path, events=300))
    if task != "retrieval":
        del shop["events"]
    file = tmp_path / "店.yaml"
    file.write_text(yaml.safe_dump(shop, allow_unicode=True))
    fit = {"epochs": 1, "batch_size": 64}
    given = {"task": task, "shop": str(file), "train": fit, **TASKS[task]}
    run = train(given, tmp_path / "run", **QUIET)
    before = vectors(run, task)

    # New items, brands, tags and words; features that there were not; users, in old and new events.
    items = pd.read_csv(tmp_path / "items.csv")
    new = items.assign(sku="新/" + items.sku, title="é " + items.title + " 新", brand="neu")
    new.iloc[:20, new.columns.get_loc("brand")] = [f"neu {n}" for n in range(20)]
    new["tags"] = [f"新{n}|t1" for n in range(len(new))]
    items = pd.concat([new, items]).assign(words=lambda t: t.title, 产地="法国")
    items.to_csv(tmp_path / "items.csv", index=False)
    log = pd.read_csv(tmp_path / "events.csv")
    log.assign(user="新" + log.user, item="新/" + log["item"]).to_csv(
        tmp_path / "events.csv", index=False, mode="a", header=False
    )
    shop["items"]["features"] |= {
        "words": {"kind": "text", "columns": ["words"]},
        "产地": {"kind": "category", "column": "产地"},
    }
    file.write_text(yaml.safe_dump(shop, allow_unicode=True))
    again = load_run(run.path)
    place = {name: row for row, name in enumerate(again.data.items.ids)}
    rows = [place[name] for name in run.data.items.ids]
    np.testing.assert_allclose(vectors(again, task)[rows], before, rtol=1e-4, atol=1e-5)
    export_model(run.path, tmp_path / "models", **QUIET)


def vectors(run, task):
    if task == "classification":
        return run.model.probabilities(np.arange(len(run.data.items)))
    model = getattr(run.model, "learned", run.model)
    return model.item_vectors()
