"""Frozen encoders: how fast a catalogue is encoded, and an epoch of training on the vectors.

Encoding is measured beside a bare loop that decodes the same pictures in batches with Pillow and
calls the same network, in the same process, the two taken in turn over the same pictures. Then the
whole catalogue is encoded into a cache, and a model that reads the vectors is trained on H&M.

    python benchmarks/features.py
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import common
import numpy as np
import tensorflow as tf

import tfmm
from tfmm.data.media.images import thumbnail
from tfmm.encoders import Pretrained, encoder


def bare_loop(made: Pretrained, paths: list[Path], size: tuple[int, int], batch: int) -> float:
    """Pictures a second of decoding a batch, then calling the network, and so on."""
    network = made.network()
    step = tf.function(lambda pictures: network(pictures, training=False), reduce_retracing=True)
    step(np.zeros((batch, *size, 3), np.uint8))
    started = time.perf_counter()
    for start in range(0, len(paths), batch):
        step(np.stack([thumbnail(path, size) for path in paths[start : start + batch]])).numpy()
    return len(paths) / (time.perf_counter() - started)


def encoding(made: Pretrained, column: tfmm.data.columns.ImageColumn) -> float:
    """Pictures a second of tfmm's encoding, hashing and storing included."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        made.adapt(column, cache=Path(folder))
        return len(column) / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="efficientnet_lite0")
    parser.add_argument("--images", type=int, default=1024, help="pictures of the comparison")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--train-batch", type=int, default=1024)
    args = parser.parse_args()

    data = tfmm.load(Path(__file__).parents[1] / "examples/hm/shop.yaml", verify_media=False)
    photos = data.items.features["photo"]
    few = photos.take(np.flatnonzero(photos.present)[: args.images])
    paths = [paths[0] for paths in few.paths]
    speeds: dict[str, list[float]] = {"bare": [], "tfmm": []}
    for repeat in range(args.repeats + 1):
        made = encoder("image", args.encoder, encode_batch=args.batch)
        bare = bare_loop(made, paths, (made.size[0], made.size[1]), args.batch)
        mine = encoding(made, few)
        if repeat:
            speeds["bare"].append(bare)
            speeds["tfmm"].append(mine)
    bare, mine = (float(np.median(speeds[name])) for name in ("bare", "tfmm"))

    parts = tfmm.split(data, by="user", valid=0.1, test=0.2, seed=1)
    built = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            started = time.perf_counter()
            model = tfmm.TwoTower.from_data(
                data,
                parts.train,
                encoders={"photo": args.encoder, "text": "minilm"},
                dim=64,
                cache=Path(cache),
            )
            built.append(time.perf_counter() - started)
    model.compile(optimizer=tfmm.LazyAdam(0.01, dense_rate=0.3))
    batches = model.batches(parts.train, batch_size=args.train_batch)
    seconds = []
    for _ in range(args.epochs + 1):
        started = time.perf_counter()
        model.fit(batches, epochs=1, verbose=0)
        seconds.append(time.perf_counter() - started)
    common.report(
        "features",
        [
            {"what": "bare loop, pictures/s", "value": round(bare, 1)},
            {"what": "tfmm, pictures/s", "value": round(mine, 1)},
            {"what": "ratio", "value": round(mine / bare, 2)},
            {"what": "model of H&M's pictures and texts, s", "value": round(built[0], 1)},
            {"what": "the same with all vectors kept, s", "value": round(built[1], 1)},
            {"what": "training pairs", "value": len(parts.train)},
            {"what": "seconds an epoch", "value": round(float(np.median(seconds[1:])), 2)},
        ],
        vars(args),
    )


if __name__ == "__main__":
    main()
