"""Retrieval keeps the contract of a task: alone, with search, as a blend and as a graph."""

from __future__ import annotations

import pytest

from tests.tasks.contract import TaskContract
from tests.training.test_train import run_of
from tfmm.training import train

KINDS = {
    "two towers": {},
    "search": {"search": {"queries": {"title": "subwords"}, "batch_size": 16}},
    "blend": {"blend": {"ease": True, "rank": 8, "lam": 20.0, "weight": 2.0, "scale": "sum"}},
    "graph": {"graph": {"together": 5}},
    "causal": {"users": {"history": "causal", "id": True}},
}


class TestContract(TaskContract):
    simplest = ("recall@20", "popularity")

    @pytest.fixture(scope="class", params=KINDS, ids=list(KINDS))
    @classmethod
    def run(cls, request, shop_file, tmp_path_factory):
        config = run_of(
            shop_file,
            **{
                "users": {"id": True},
                "evaluate": {"baselines": ["popularity"], "k": [20]},
                **KINDS[request.param],
            },
        )
        return train(config, tmp_path_factory.mktemp("run") / "run", say=lambda _: None)
