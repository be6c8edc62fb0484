"""The worked examples of the documentation run, and do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf
import yaml

from tfmm.data.columns import TextColumn
from tfmm.encoders import encoder, registry
from tfmm.encoders.raw import RawReader
from tfmm.export import export_model
from tfmm.layers.fusion import base as fusions
from tfmm.layers.fusion import fusion
from tfmm.serving import Client, Server
from tfmm.training import train

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def examples() -> dict[str, str]:
    """The Python of each section of docs/reference/architecture.md, by its heading."""
    text = (DOCS / "reference/architecture.md").read_text("utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {
        section.splitlines()[0]: "\n".join(re.findall(r"```python\n(.*?)```", section, re.DOTALL))
        for section in sections
    }


def run(source: str) -> dict:
    names: dict = {}
    exec(compile(source, "docs/reference/architecture.md", "exec"), names)
    return names


def test_the_encoder_encodes_and_reads_raw_values(examples):
    run(examples["Add an encoder"])
    try:
        made = encoder("text", "length", dim=4)
        column = TextColumn(np.array(["a", "four", "短"], object))
        made.adapt(column)
        vectors = made(made.prepare(column))
        np.testing.assert_allclose(RawReader(made)(tf.constant(column.values))[0], vectors)
        np.testing.assert_allclose(vectors[0], vectors[2])
    finally:
        del registry._ENCODERS["text"]["length"]


def test_the_fusion_fuses_and_leaves_out_what_is_missing(examples):
    run(examples["Add a fusion"])
    try:
        made = fusion("largest", dim=3, normalize=False)
        tokens = tf.constant([[[1.0, 5.0, 0.0], [2.0, 4.0, 9.0]]])
        vectors, weights = made(tokens, tf.constant([[True, True]]))
        np.testing.assert_array_equal(vectors, [[2.0, 5.0, 9.0]])
        alone, weights = made(tokens, tf.constant([[True, False]]))
        np.testing.assert_array_equal(alone, [[1.0, 5.0, 0.0]])
        np.testing.assert_array_equal(weights, [[1.0, 0.0]])
    finally:
        del fusions._FUSIONS["largest"]


def test_the_metric_is_what_it_says(examples):
    first_hit = run(examples["Add a metric"])["first_hit"]
    users, items = np.eye(2, dtype="f"), np.array([[3, 1], [2, 2], [1, 3]], "f")
    truth = sp.csr_matrix(np.array([[0, 1, 0], [0, 0, 0]]))
    assert first_hit(users, items, truth, k=2) == (2 + 3) / 2


def test_the_task_trains_exports_and_is_asked(examples, shop_file, tmp_path):
    from tfmm.tasks import registry as tasks

    run(examples["Add a task"])
    try:
        config = {"task": "frequencies", "shop": str(shop_file), "train": {"epochs": 30}}
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(config))
        made = train(tmp_path / "run.yaml", tmp_path / "run", say=lambda _: None)
        export_model(made, tmp_path / "models", say=lambda _: None)
        with (
            Server(tmp_path / "models", grpc_port=0, rest_port=0) as server,
            Client(server.grpc_address, "shop") as client,
        ):
            chance = client.ask(item=["anything"])["chance"]
        np.testing.assert_allclose(chance, np.full((1, 4), 0.25), atol=0.05)
    finally:
        del tasks._REGISTERED["frequencies"]
