"""ScaNN: a SavedModel that loads where scann is, and several in one process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.index.clusters import clustered, exactly, recall
from tfmm.index import ScaNN

pytest.importorskip("scann")


def saved(index: ScaNN, folder: Path) -> Path:
    module = tf.Module()
    module.held = list(index.variables)
    module.ask = tf.function(
        lambda queries, exclude: index.search(queries, 10, exclude)[1],
        input_signature=[tf.TensorSpec([None, 16]), tf.TensorSpec([None, 2], tf.int32)],
    )
    tf.saved_model.save(module, str(folder), options=index.save_options())
    return folder


def test_saved_models_answer_as_their_index_each_for_itself(tmp_path: Path) -> None:
    # Each set is asked by queries that are like it, as those are that an index is tuned on.
    queries, exclude = clustered(400, seed=3), tf.zeros([400, 2], tf.int32)
    sets, asked = [clustered(6000), -clustered(6000)], [queries, -queries]
    indices = [ScaNN(k=10).index(candidates) for candidates in sets]
    loaded = [
        tf.saved_model.load(str(saved(index, tmp_path / str(i)))) for i, index in enumerate(indices)
    ]
    for model, index, candidates, queries in zip(loaded, indices, sets, asked, strict=True):
        rows = model.ask(queries, exclude)
        np.testing.assert_array_equal(rows, index.search(queries, 10, exclude)[1])
        assert recall(rows, exactly(candidates).search(queries, 10, exclude)[1]) >= 0.9
