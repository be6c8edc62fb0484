"""The baselines on published splits, against values measured independently."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tfmm.data.events.splits import split
from tfmm.evaluation import evaluate_baselines

DATA = Path(os.environ.get("TFMM_DATA") or "no folder")

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no data folder at TFMM_DATA={DATA}"),
]


def published(path):
    table = pd.read_csv(DATA / path, sep="\t")
    events = SimpleNamespace(
        user=table["userID"].to_numpy(np.int32),
        item=table["itemID"].to_numpy(np.int32),
        time=None,
        weight=np.ones(len(table), np.float32),
        extra={"x_label": table["x_label"].to_numpy()},
    )
    return split(events, "column", column="x_label", train=0, valid=1, test=2)


def recall_and_ndcg(made, name, **config):
    section = evaluate_baselines(
        made.final_train(), made.test, names=(name,), params={name: config}, ks=(20,)
    )
    return section[name]["recall@20"], section[name]["ndcg@20"]


def test_tiktok_gives_the_published_values():
    made = published("tiktok/tiktok.inter")
    assert (made.n_users, made.n_items, len(made.train)) == (9308, 6710, 59541)
    assert recall_and_ndcg(made, "popularity") == pytest.approx((0.0597, 0.0255), abs=6e-5)
    assert recall_and_ndcg(made, "ease", lam=50.0) == pytest.approx((0.0886, 0.0399), abs=4e-4)


def test_baby_gives_the_published_values():
    made = published("baby/baby.inter.gz")
    assert (made.n_users, made.n_items) == (19445, 7050)
    assert recall_and_ndcg(made, "popularity") == pytest.approx((0.0505, 0.0210), abs=6e-5)
    knn = recall_and_ndcg(made, "item_knn", k=1000, shrink=10.0)
    assert knn == pytest.approx((0.0647, 0.0322), abs=2e-4)
    assert recall_and_ndcg(made, "ease", lam=500.0) == pytest.approx((0.0835, 0.0390), abs=6e-5)
