"""The audio encoder: telling sounds apart, masks, its cache, its export."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.media import tone, wav
from tfmm.data.columns import AudioColumn
from tfmm.encoders import AudioCNN
from tfmm.encoders.audio import audio
from tfmm.export import check_stock

SMALL: dict[str, Any] = {"seconds": 0.5, "widths": (8, 16)}


def column(folder: Path, files: dict[str, bytes]) -> AudioColumn:
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return AudioColumn(tuple((folder / name,) for name in files))


def adapted(shown: AudioColumn, **config: Any) -> AudioCNN:
    tf.keras.utils.set_random_seed(0)
    encoder = AudioCNN(8, **{**SMALL, **config})
    encoder.adapt(shown)
    return encoder


def train(encoder: AudioCNN, inputs: np.ndarray, labels: np.ndarray, steps: int) -> Any:
    """Trains the encoder with a linear head; returns what tells the class of inputs."""
    head = tf.keras.layers.Dense(1)
    model = tf.keras.Sequential([encoder, head])
    model.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.BinaryCrossentropy(True))
    model.fit(inputs, labels.astype(np.float32), epochs=steps, batch_size=32, verbose=0)
    return lambda x: model.predict(x, verbose=0)[:, 0] > 0


@pytest.mark.parametrize("difference", ["pitch", "timbre"])
def test_it_learns_to_tell_tones_apart(tmp_path: Path, difference: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(64) % 2
    files = {}
    for i, label in enumerate(labels):
        higher, overtones = (1 + label, 1) if difference == "pitch" else (1, 1 + 7 * label)
        sound = tone(rng.uniform(300, 400) * higher, rng.uniform(0.2, 0.6), overtones=overtones)
        files[f"{i}.wav"] = wav(rng.uniform(0.1, 0.9) * sound + rng.normal(0, 0.01, len(sound)))
    shown = column(tmp_path, files)
    encoder = adapted(shown)
    inputs = encoder.prepare(shown)
    tell = train(encoder, inputs[:32], labels[:32], 20)
    assert (tell(inputs[32:]) == labels[32:]).mean() > 0.9


def test_prepared_sound_is_compact(tmp_path: Path) -> None:
    shown = column(tmp_path, {"a.wav": wav(tone(440, 9.0))})
    encoder = AudioCNN(8)
    encoder.adapt(shown)
    inputs = encoder.prepare(shown)
    assert inputs.dtype == np.float16
    assert inputs.shape == (1, 200, 41)
    assert inputs.nbytes < 17_000


def test_silence_after_the_end_plays_no_part(tmp_path: Path) -> None:
    short, long = wav(tone(440, 0.2)), wav(np.pad(tone(440, 0.2), (0, 4_800)))
    shown = column(tmp_path, {"short.wav": short, "long.wav": long})
    encoder = adapted(shown)
    inputs = encoder.prepare(shown)
    assert inputs[:, :, -1].sum(axis=1).tolist() == [8, 20]
    vectors = encoder(inputs).numpy()
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    changed = np.array(inputs)
    changed[0, 8:, :-1] = 7.0
    np.testing.assert_array_equal(encoder(changed)[0], vectors[0])


def test_missing_sound_gives_zeros(tmp_path: Path) -> None:
    shown = AudioColumn((*column(tmp_path, {"a.wav": wav(tone(440, 0.2))}).paths, ()))
    encoder = adapted(shown)
    for training in (False, True):
        vectors = encoder(encoder.prepare(shown), training=training).numpy()
        assert vectors[0].any()
        assert not vectors[1].any()


def test_sound_that_does_not_decode_counts_as_missing(tmp_path: Path) -> None:
    whole = wav(tone(440, 0.2))
    shown = column(tmp_path, {"a.wav": whole, "cut.wav": whole[:-9], "b.wav": whole})
    encoder = AudioCNN(8, **SMALL)
    message = r"1 sound files do not decode .*cut\.wav as sound: it is cut short"
    with pytest.warns(UserWarning, match=message):
        encoder.adapt(shown, cache=tmp_path / "cache")
    with pytest.warns(UserWarning, match=message):
        inputs = encoder.prepare(shown, cache=tmp_path / "cache")
    assert inputs.any(axis=(1, 2)).tolist() == [True, False, True]


def test_frames_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{i}.wav": wav(tone(200 + 50 * i, 0.3)) for i in range(4)}
    shown = column(tmp_path / "a", files)
    first = adapted(shown).prepare(shown, cache=tmp_path / "cache")
    moved = column(tmp_path / "b", files)
    encoder = adapted(moved)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(audio, "wav_bytes", refuse)
    np.testing.assert_array_equal(encoder.prepare(moved, cache=tmp_path / "cache"), first)
    # Where they are too many for memory, they stay on disk.
    monkeypatch.setattr("tfmm.encoders.cache.IN_MEMORY", 0)
    mapped = encoder.prepare(moved, cache=tmp_path / "cache")
    assert mapped.shape == first.shape
    np.testing.assert_array_equal(mapped[1:3], first[1:3])


def test_embedder_takes_wav_bytes_and_loads_without_tfmm(tmp_path: Path) -> None:
    files = {"a.wav": wav(tone(440, 0.4)), "b.wav": wav(tone(900, 0.3, 44_100), 44_100, 24)}
    shown = column(tmp_path, files)
    encoder = adapted(shown)
    expected = encoder(encoder.prepare(shown)).numpy()
    module = encoder.embedder()
    np.testing.assert_allclose(module(tf.constant([*files.values()])), expected, atol=1e-5)
    tf.saved_model.save(
        module, str(tmp_path / "saved" / "1"), signatures={"search_audio": module.embed}
    )
    np.save(tmp_path / "expected.npy", expected)
    script = (
        "import sys, pathlib, numpy as np, tensorflow as tf\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "module = tf.saved_model.load(str(folder / 'saved' / '1'))\n"
        "files = [(folder / name).read_bytes() for name in ('a.wav', 'b.wav')]\n"
        "found = module.embed(tf.constant([*files, b'']))\n"
        "np.testing.assert_allclose(found[:2], np.load(folder / 'expected.npy'), atol=1e-4)\n"
        "assert not found[2].numpy().any()\n"
        "assert 'tfmm' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True)
    (verdict,) = check_stock(tmp_path / "saved")
    assert verdict.ok, verdict


def test_hiding_leaves_most_and_only_in_training() -> None:
    encoder = AudioCNN(8, **SMALL)
    x = tf.ones([50, 40, 30])
    shares = 1 - encoder.hide(x).numpy()
    assert 0.05 < shares.mean() < 0.36
    assert shares[:, -1, -1].max() <= 1
    assert shares.reshape(50, -1).mean(axis=1).max() <= 0.4


def test_state_of_other_frames_is_refused() -> None:
    encoder = AudioCNN(8, front_end="mfcc")
    with pytest.raises(ValueError, match=r"20 numbers by 'mfcc', but the state is of frames of 2"):
        encoder.load_state({"mean": [0, 0], "std": [1, 1]})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"front_end": "mel"}, "Unknown front end: 'mel'. Did you mean 'log_mel'"),
        ({"seconds": 0.01}, r"seconds must be as long as one window \(0.05\) or longer, but got"),
        ({"rate": -1}, "rate must be an integer of 1 or more, but got -1"),
        ({"augment": 1.0}, r"augment must be a number in \[0, 1\), but got 1.0"),
        ({"widths": ()}, r"widths must be channels of one or more stages, but got \(\)"),
    ],
)
def test_bad_config_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AudioCNN(**config)
