"""The sample shop, trained for a moment and served, once for all that talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from tests.serving.assistant.dialogues import FAQ, Talk
from tfmm import sample_shop
from tfmm.data import SearchCatalog
from tfmm.data.search_catalog import CATALOG_FILE
from tfmm.export import export_model
from tfmm.serving import Assistant, Client, Server
from tfmm.training import train

RUN = {
    "name": "shop",
    "shop": str(sample_shop.path()),
    "split": {"by": "user"},
    "items": {
        "encoders": {
            "title": "bag",
            "photo": "classic",
            "type": "embedding",
            "colour": "embedding",
        },
        "dim": 16,
    },
    "search": {"queries": {"title": "subwords"}},
    "train": {"epochs": 1, "batch_size": 256},
    "blend": {"ease": False},
    "index": {"k": 50},
    "evaluate": {"baselines": [], "k": [20]},
}


@dataclass(frozen=True)
class SampleShop:
    """The folder of its models, a server of them, and what is known of its products."""

    models: Path
    server: Server
    catalog: SearchCatalog
    items: pd.DataFrame


def sample_items() -> pd.DataFrame:
    """The shop's table by id."""
    table = pd.read_csv(sample_shop.path().parent / "items.csv", dtype={"item_id": str})
    return table.set_index("item_id")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleShop]:
    folder = tmp_path_factory.mktemp("sample_shop")
    run = train(RUN, folder / "run", say=lambda _: None)
    version = export_model(run, folder / "models", say=lambda _: None, k=50)
    catalog = SearchCatalog.load(version / CATALOG_FILE)
    with Server(folder / "models", grpc_port=0, rest_port=0) as server:
        yield SampleShop(folder / "models", server, catalog, sample_items())


@pytest.fixture(scope="session")
def client(served: SampleShop) -> Iterator[Client]:
    with Client(served.server.grpc_address, "shop") as client:
        yield client


@pytest.fixture
def assistant(served: SampleShop, client: Client) -> Assistant:
    """A fresh conversation."""
    return Assistant(client, served.catalog, faq=FAQ)


@pytest.fixture
def talk(served: SampleShop, assistant: Assistant, tmp_path: Path) -> Talk:
    return Talk(assistant, served.items, sample_shop.path().parent / "images", tmp_path)
