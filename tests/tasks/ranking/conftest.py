"""Shared by the tests of ranking."""

from __future__ import annotations

from typing import Any

import pytest

import tfmm
from tests.tasks.ranking.shops import write_ranking_shop
from tfmm.tasks.config import RunConfig
from tfmm.tasks.ranking.build import Builder


@pytest.fixture(scope="session")
def ranking_shop(tmp_path_factory) -> dict[str, Any]:
    return write_ranking_shop(tmp_path_factory.mktemp("ranking"))


@pytest.fixture(scope="session")
def builder_of():
    """A builder of a shop and sections of a run file."""

    def build(shop: dict[str, Any], columns: tuple[str, ...] = (), **sections: Any) -> Builder:
        config = RunConfig.from_dict({"task": "ranking", "shop": shop, **sections})
        return Builder(config, tfmm.load(shop, columns))

    return build
