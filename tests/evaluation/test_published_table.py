"""The protocol of the published tables against its definition, worked out slowly."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.evaluation import naive
from tfmm.data.events.splits import split

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def published():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("published")
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_the_protocol_is_that_of_the_naive_reference(published):
    rng = np.random.default_rng(4)
    users, items = 30, 40
    pairs = np.argwhere(rng.random((users, items)) < 0.3)
    events = SimpleNamespace(
        user=pairs[:, 0].astype(np.int32),
        item=pairs[:, 1].astype(np.int32),
        time=None,
        weight=np.ones(len(pairs), np.float32),
        extra={"x_label": rng.integers(0, 3, len(pairs))},
        n_users=users,
        n_items=items,
    )
    parts = split(events, "column", column="x_label", train=0, valid=1, test=2)
    of_users = rng.normal(size=(parts.n_users, 5)).astype(np.float32)
    of_items = rng.normal(size=(parts.n_items, 5)).astype(np.float32)

    def rows(part):
        return [set(part.item[part.user == user].tolist()) for user in range(parts.n_users)]

    # Validation items stay in the ranking: the model has not been trained on them.
    lists = naive.rank(of_users @ of_items.T, rows(parts.train), 20)
    expected = naive.metrics(
        lists,
        rows(parts.test),
        20,
        np.bincount(parts.train.item, minlength=items),
        users,
        items,
        of_items,
    )
    found = published.tested(of_users, of_items, parts)
    for metric in published.METRICS:
        assert found[metric] == pytest.approx(expected[metric], abs=1e-6)


def test_every_row_of_every_table_has_a_configuration_and_a_source(published):
    for name, rows in published.ROWS.items():
        for row in rows:
            config = published.config_of(name, row, seed=5)
            assert config.train.seed == 5
            assert config.split.by == "column"
            assert (config.graph is None) == ("two-tower" in row)
        assert all(source for _, _, source in published.PUBLISHED[name].values())


def test_a_line_is_the_mean_and_deviation_over_seeds(published):
    rows = [
        {"model": "m", "seed": seed, "recall@20": value, "ndcg@20": 0.5, "seconds": 2.0}
        for seed, value in ((1, 0.1), (2, 0.3))
    ]
    line = published.summed_up(rows)
    assert (line["seeds"], line["recall@20"], line["recall@20 ±"]) == (2, "0.2000", "0.1000")
