"""A run that is all arrays, for the tests of what is exported."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.export.shops import ITEMS, USERS, Column, MeanSession, kind_column
from tfmm.data.catalog import Variants
from tfmm.tasks.retrieval.config import EvaluateConfig, IndexConfig
from tfmm.tasks.retrieval.task import Retrieval


class Catalog(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.ids)


@pytest.fixture
def run() -> SimpleNamespace:
    rng = np.random.default_rng(5)
    items, users = rng.normal(size=(30, 6)).astype("f"), rng.normal(size=(12, 6)).astype("f")
    events = SimpleNamespace(
        user=np.array([3, 3, 3, 0], np.int32),
        item=np.array([8, 9, 8, 1], np.int32),
        time=None,
        weight=np.ones(4, np.float32),
    )
    name, index = "little_shop", IndexConfig(k=7)
    users_config = SimpleNamespace(history_size=9)
    features = {"kind": kind_column(), "price": Column(kind="number", codes=[0] * 30)}
    config = SimpleNamespace(
        name=name,
        index=index,
        users=users_config,
        evaluate=EvaluateConfig(),
        to_dict=lambda: {"name": name},
    )
    data = SimpleNamespace(
        items=Catalog(ids=np.array(ITEMS, object), features=features, variants=Variants()),
        users=Catalog(ids=np.array(USERS, object), features={}),
        events=events,
        shop=SimpleNamespace(events=SimpleNamespace(user="who", disliked="keep")),
    )
    model = SimpleNamespace(
        item_vectors=lambda: items,
        item_tower=SimpleNamespace(dim=6),
        user_tower=SimpleNamespace(history="none"),
        linear=None,
        user_vectors=lambda pairs, items: users,
        session_module=MeanSession,
        join=lambda learned: learned,
        as_of=lambda pairs: model,
        prior=None,
        width=6,
        history_vectors=lambda items: None,
        alignment=None,
        queries=None,
        hubs=None,
    )
    model.learned = model
    return SimpleNamespace(
        config=config,
        data=data,
        task=Retrieval(config, data),
        metrics={"model": {"recall@20": 0.5}, "baselines": {}},
        model=model,
        pristine=False,
    )
