"""What the whole suite shares: a tiny shop on disk, with a taste that a model can learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.browser import driver  # noqa: F401

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (30, 50, 200)}
KINDS = ("shirt", "shoe", "hat", "coat")


def write_shop(folder: Path, items: int = 60, users: int = 80, seed: int = 0) -> Path:
    """A shop whose users each buy items of one colour; returns its shop file.

    Ids have leading zeros, one item has no picture and one no title.
    """
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    colour = [list(COLOURS)[i % 3] for i in range(items)]
    kind = [KINDS[i % 4] for i in range(items)]
    ids = [f"{i:05d}" for i in range(items)]
    titles = [f"{c} {k} no {i}" for i, (c, k) in enumerate(zip(colour, kind, strict=True))]
    titles[7] = ""
    for i in range(items):
        if i == 5:
            continue
        noise = rng.normal(0, 12, (24, 24, 3)) + np.array(COLOURS[colour[i]])
        picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8))
        picture.save(folder / "images" / f"{ids[i]}.jpg")
    pd.DataFrame(
        {
            "sku": ids,
            "title": titles,
            "colour": colour,
            "kind": kind,
            "price": rng.uniform(5, 90, items).round(2),
        }
    ).to_csv(folder / "items.csv", index=False)
    rows = []
    for user in range(users):
        own = [i for i in range(items) if i % 3 == user % 3]
        for step, item in enumerate(rng.choice(own, min(9, len(own)), replace=False)):
            rows.append((f"u{user:03d}", ids[item], 1_600_000_000 + 86_400 * step + user))
    pd.DataFrame(rows, columns=["who", "sku", "at"]).to_csv(folder / "events.csv", index=False)
    (folder / "shop.yaml").write_text(
        """\
items:
  table: items.csv
  id: sku
  features:
    title: {kind: text, columns: [title]}
    photo: {kind: image, path: "images/{sku}.jpg"}
    kind: {kind: category, column: kind}
    price: {kind: number, column: price}
events:
  table: events.csv
  user: who
  item: sku
  time: at
"""
    )
    return folder / "shop.yaml"


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny shop's file; do not write to its folder."""
    return write_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps decoded pictures out of the user's own cache."""
    import os

    os.environ["TFMM_CACHE"] = str(tmp_path_factory.mktemp("cache"))
