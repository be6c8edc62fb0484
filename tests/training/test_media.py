"""Shops with sound and video, from files to a trained run that is exported and refreshed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.conftest import COLOURS, write_shop
from tests.media import tone, wav, write_gif
from tfmm.export import export_model, refresh_index
from tfmm.training import load_run, train
from tfmm.training.features import build_features

PITCH = {"red": 250.0, "green": 700.0, "blue": 1_900.0}


def with_feature(shop: Path, feature: str) -> None:
    """Adds a line to the item features of the shop file."""
    text = shop.read_text()
    shop.write_text(text.replace("  features:\n", f"  features:\n    {feature}\n"))


def write_songs(shop: Path) -> None:
    """Gives each item a tone whose pitch goes with its colour, one that is cut short excepted."""
    rng = np.random.default_rng(0)
    table = pd.read_csv(shop.parent / "items.csv", dtype=str)
    for sku, colour in zip(table.sku, table.colour, strict=True):
        sound = tone(PITCH[colour] * rng.uniform(0.9, 1.1), rng.uniform(0.3, 0.6), 8_000, 3)
        (shop.parent / f"{sku}.wav").write_bytes(wav(sound, 8_000))
    cut = shop.parent / f"{table.sku[4]}.wav"
    cut.write_bytes(cut.read_bytes()[:-100])
    with_feature(shop, 'song: {kind: audio, path: "{sku}.wav"}')


def write_clips(shop: Path) -> None:
    """Gives each item a clip of its colour, of one to five frames, one item excepted."""
    rng = np.random.default_rng(0)
    table = pd.read_csv(shop.parent / "items.csv", dtype=str)
    for row, (sku, colour) in enumerate(zip(table.sku, table.colour, strict=True)):
        frames = rng.normal(0, 12, (1 + row % 5, 16, 16, 3)) + np.array(COLOURS[colour])
        if row != 4:
            write_gif(shop.parent / f"{sku}.gif", frames.clip(0, 255).astype(np.uint8))
    with_feature(shop, 'clip: {kind: video, path: "{sku}.gif"}')


def run_of(shop: Path, encoders: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "shop": str(shop),
        "split": {"by": "user", "cold_items": 0.2},
        "blend": {"ease": False},
        "prior": {"weight": 0},
        "items": {"encoders": encoders, "dim": 16, "id": False},
        "train": {"epochs": 4, "batch_size": 128},
        "evaluate": {"baselines": ["popularity"], "k": [10]},
        **changes,
    }


def test_a_shop_with_sound_trains_and_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMM_CACHE", str(tmp_path / "cache"))
    shop = write_shop(tmp_path / "shop")
    write_songs(shop)
    cnn = {"name": "cnn", "rate": 8_000, "seconds": 0.5, "widths": [8, 16]}
    run = train(run_of(shop, {"song": cnn}), tmp_path / "run", say=lambda _: None)
    (finding,) = [f for f in run.data.report.findings if f.column == "song"]
    assert (finding.check, finding.count) == ("corrupt_audio", 1)
    cold, popular = run.metrics["cold"], run.metrics["baselines"]["popularity"]
    assert cold["recall@10"] > 0.5  # nothing but sound tells of items never bought
    assert run.metrics["model"]["recall@10"] > popular["recall@10"]
    loaded = load_run(run.path)
    np.testing.assert_allclose(loaded.model.item_vectors(), run.model.item_vectors(), atol=1e-4)
    export_model(tmp_path / "run", tmp_path / "models", k=5)
    items = (tmp_path / "shop" / "items.csv").read_text()
    (tmp_path / "shop" / "items.csv").write_text(f"{items}99999,new,red,hat,9\n")
    (tmp_path / "shop" / "99999.wav").write_bytes(wav(tone(250, 0.4, 8_000, 3), 8_000))
    done = refresh_index(tmp_path / "run", tmp_path / "models", say=lambda _: None)
    # The new item, and the one whose file is corrupt, which has had no sound to keep.
    assert done.encoded <= 2


def test_a_shop_with_video_trains_on_vectors_that_were_made_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMM_CACHE", str(tmp_path / "cache"))
    shop = write_shop(tmp_path / "shop")
    write_clips(shop)
    image = {"name": "classic", "size": [16, 16]}
    clip = {"name": "frames", "frames": 3, "image": image, "pooling": "attention"}
    lines: list[str] = []
    assert build_features(shop, {"clip": clip}, say=lines.append) == {"clip": 59}
    assert "59 videos by frames, 230 components each" in lines[0]
    run = train(run_of(shop, {"clip": clip}), tmp_path / "run", say=lambda _: None)
    (finding,) = [f for f in run.data.report.findings if f.column == "clip"]
    assert (finding.check, finding.count) == ("missing_videos", 1)
    assert run.metrics["cold"]["recall@10"] > 0.5
    loaded = load_run(run.path)
    np.testing.assert_allclose(loaded.model.item_vectors(), run.model.item_vectors(), atol=1e-4)


def test_a_shop_with_video_trains_a_network_over_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMM_CACHE", str(tmp_path / "cache"))
    shop = write_shop(tmp_path / "shop")
    write_clips(shop)
    image = {"name": "cnn", "size": [16, 16], "widths": [8, 8]}
    clip = {"name": "frames", "frames": 3, "image": image, "pooling": "gru"}
    run = train(run_of(shop, {"clip": clip}), tmp_path / "run", say=lambda _: None)
    assert run.metrics["cold"]["recall@10"] > 0.5
