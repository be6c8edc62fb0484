"""A shop with names that break pages, its model, and a storefront over it and a model of sounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
import pytest

import tfmm  # noqa: F401  (chooses Keras before TensorFlow loads)
from tests.conftest import write_shop
from tests.serving.search_exports import save_searcher
from tfmm.export import export_model
from tfmm.serving import Server
from tfmm.storefront import Storefront
from tfmm.training import train

SCRIPT = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'> shirt"
#: What some of the items are called instead, by place: id and title.
NAMES = {
    0: ("帽/子 红", "红色 帽子 & “好”"),
    1: ("😀/../%2e?x=1#y", SCRIPT),
    2: ("a<b>\"'&c", "blue hat"),
    3: ("outside", "red coat outside"),
    4: ("linked", "green shirt linked"),
    6: ("no-picture-at-all", "red hat of no picture"),
    8: ("text-file", "blue shirt of text"),
}


@dataclass(frozen=True)
class World:
    """Where the test's files are, and its servers."""

    folder: Path
    shop_file: Path
    models: Path
    server: Server
    storefront: Storefront


def write_awkward_shop(folder: Path) -> Path:
    """`write_shop` with the items of `NAMES`, and pictures that are not to be shown."""
    file = write_shop(folder, users=40)
    items = pd.read_csv(folder / "items.csv", dtype=str, keep_default_na=False)
    events = pd.read_csv(folder / "events.csv", dtype=str)
    items["picture"] = items["sku"] + ".jpg"
    items["colour"] = [title.split(" ")[0] or "none" for title in items["title"]]
    (folder.parent / "secret.jpg").write_bytes((folder / "images" / "00000.jpg").read_bytes())
    (folder / "images" / "link.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "images" / "text.jpg").write_text("root:x:0:0")
    pictures = {
        "outside": "../../secret.jpg",
        "linked": "link.jpg",
        "no-picture-at-all": "none.jpg",
        "text-file": "text.jpg",
    }
    for place, (sku, title) in NAMES.items():
        old = items.loc[place, "sku"]
        events.loc[events["sku"] == old, "sku"] = sku
        # Escaped twice, markup outlives the cleaning of texts that the shop's tables go through.
        items.loc[place, ["sku", "title"]] = sku, escape(escape(title))
        items.loc[place, "picture"] = pictures.get(sku, f"{old}.jpg")
    items.to_csv(folder / "items.csv", index=False)
    events.to_csv(folder / "events.csv", index=False)
    file.write_text(
        file.read_text()
        .replace("images/{sku}.jpg", "images/{picture}")
        .replace("    kind: {kind", "    colour: {kind: category, column: colour}\n    kind: {kind")
    )
    return file


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("storefront") / "own_shop"
    shop_file = write_awkward_shop(folder)
    run = train(
        {
            "name": "shop",
            "shop": str(shop_file),
            "split": {"by": "user"},
            "items": {"encoders": {"title": "bag", "photo": "classic"}, "dim": 8},
            "search": {"queries": {"title": "subwords"}, "batch_size": 16},
            "train": {"epochs": 1, "batch_size": 64},
            "blend": {"ease": False},
            "index": {"k": 10},
            "evaluate": {"baselines": [], "k": [20]},
        },
        folder.parent / "run",
        say=lambda _: None,
    )
    models = folder.parent / "models"
    export_model(run, models, say=lambda _: None, k=10)
    save_searcher(models / "sounds" / "1")
    with (
        Server(models, grpc_port=0, rest_port=0) as server,
        Storefront(models, server=server.grpc_address, port=0) as storefront,
    ):
        yield World(folder, shop_file, models, server, storefront)


@pytest.fixture(scope="session")
def away(world: World) -> Iterator[Storefront]:
    """A storefront whose server is not there."""
    with Storefront(world.models, server="127.0.0.1:1", names=["shop"], port=0) as running:
        yield running
