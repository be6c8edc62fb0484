"""How long a search takes: words, a picture, and both, one at a time through the embedded server.

python benchmarks/search_serving.py                      # after one epoch: speed is not quality
python benchmarks/search_serving.py --run runs/fashion   # of a run that is there

The server is a process of its own; requests are TensorFlow Serving's Predict over gRPC. "signature"
is the same question without a server, which tells what the protocol costs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
from common import data_folder, report

import tfmm  # noqa: F401  (first of all: it chooses Keras 2)

# isort: split
import numpy as np
import tensorflow as tf
from serving import serving
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfmm.export import export_model
from tfmm.training import RunConfig, load_run, train
from tfmm.training.run import Run

ROOT = Path(__file__).resolve().parents[1]
WARM = 30


def main() -> None:
    """Exports, serves, asks and reports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run of examples/fashion")
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    data_folder()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        run = load_run(options.run) if options.run else quick(Path(folder) / "run")
        version = export_model(run, Path(folder) / "models", k=10, exclude_size=8, allow_size=8)
        loaded = tf.saved_model.load(str(version))
        with (
            serving(Path(folder) / "models") as (_, addresses),
            grpc.insecure_channel(addresses["grpc"]) as channel,
        ):
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            ways = {
                "gRPC": lambda s, q: stub.Predict(request(s, q)),
                "signature": lambda s, q: loaded.signatures[s](**tensors(q)),
            }
            for signature, queries in questions(run).items():
                line: dict[str, Any] = {"signature": signature}
                for way, ask in ways.items():
                    before = time.process_time()
                    spent = timed(ask, signature, queries, options.calls)
                    busy = 1e3 * (time.process_time() - before) / (WARM + options.calls)
                    line[f"{way} p50, ms"] = round(float(np.percentile(spent, 50)), 2)
                    line[f"{way} p95, ms"] = round(float(np.percentile(spent, 95)), 2)
                # Of all cores together; it does not depend on what else the machine does.
                line["signature CPU, ms"] = round(busy, 2)
                rows.append(line)
    report(
        "search_serving",
        rows,
        {
            "items": len(run.data.items),
            "dim": run.config.items.dim,
            "calls": options.calls,
            "load of the machine": round(os.getloadavg()[0], 1),
        },
    )


def quick(folder: Path) -> Run:
    """A run of the example after one epoch."""
    config = RunConfig.from_file(ROOT / "examples/fashion/run.yaml").to_dict()
    config["train"]["epochs"] = 1
    return train(config, folder)


def questions(run: Run) -> dict[str, list[dict[str, bytes]]]:
    """What is asked of each signature: titles and pictures of the catalogue, in turn."""
    titles: Any = run.data.items.features["title"]
    photos: Any = run.data.items.features["photo"]
    texts = [str(title).encode() for title in titles.values[:200]]
    files = [paths[0].read_bytes() for paths in photos.paths[:200] if paths]
    return {
        "search_text": [{"text": text} for text in texts],
        "search_image": [{"image": file} for file in files],
        "search_mixed": [
            {"text": text, "image": file} for text, file in zip(texts, files, strict=False)
        ],
    }


def timed(ask: Any, signature: str, queries: list[dict[str, bytes]], calls: int) -> list[float]:
    """Milliseconds of each call, after some that warm up."""
    spent = []
    for number in range(WARM + calls):
        started = time.perf_counter()
        ask(signature, queries[number % len(queries)])
        spent.append(1e3 * (time.perf_counter() - started))
    return spent[WARM:]


def tensors(query: dict[str, bytes]) -> dict[str, tf.Tensor]:
    """The inputs of one row."""
    none = tf.fill([1, 8], "")
    return {**{k: tf.constant([v]) for k, v in query.items()}, "exclude": none, "allow": none}


def request(signature: str, query: dict[str, bytes]) -> predict_pb2.PredictRequest:
    """The same as a Predict request."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name, made.model_spec.signature_name = "fashion", signature
    for name, value in tensors(query).items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(value.numpy(), dtype=tf.string))
    return made


if __name__ == "__main__":
    main()
