"""Items of no, one or three pictures: all are learned from, and served."""

from __future__ import annotations

from pathlib import Path

import grpc
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from tensorflow_serving.apis import classification_pb2, prediction_service_pb2_grpc

from tests.conftest import COLOURS
from tfmm.export import check_stock, export_model
from tfmm.serving import Client, Server
from tfmm.tasks.classification.fill import labels_for
from tfmm.training import load_run, train

CNN = {"name": "cnn", "size": [16, 16], "widths": [8, 16]}
ENCODERS = {
    "trained": CNN,
    "trained, attention": CNN | {"pool": "attention"},
    "frozen": {"name": "classic", "size": [16, 16]},
}


def write_several(folder: Path, items: int = 90) -> Path:
    """A shop whose items tell their colour by their pictures: by the one that they have, or, of
    three, by the others than the first, which is grey; the second of some is broken."""
    rng = np.random.default_rng(0)
    (folder / "照片").mkdir(parents=True)
    rows = []
    for item in range(items):
        name = list(COLOURS)[item % 3]
        cells = []
        for place in range((1, 3, 3, 1, 3, 0, 3)[item % 7]):
            grey = place == 0 and item % 7 not in (0, 3)
            colour = (128, 128, 128) if grey else COLOURS[name]
            pixels = rng.normal(0, 12, (16, 16, 3)) + np.array(colour)
            file = folder / "照片" / f"图 {item}-{place}.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file)
            if place == 1 and item % 7 == 4:
                file.write_bytes(b"no picture")
            cells.append(f"照片/{file.name}")
        rows.append((f"商品{item}", "|".join(cells), name))
    # A picture of two items, and one twice in a cell.
    rows[0] = (rows[0][0], f"{rows[0][1]}|{rows[3][1]}", rows[0][2])
    rows[1] = (rows[1][0], f"{rows[1][1]}|{rows[1][1]}", rows[1][2])
    pd.DataFrame(rows, columns=["sku", "photos", "colour"]).to_csv(folder / "items.csv")
    photo = {"kind": "image", "column": "photos", "pictures": 5}
    colour = {"kind": "category", "column": "colour"}
    features = {"照片": photo, "colour": colour}
    shop = {"items": {"table": "items.csv", "id": "sku", "features": features}}
    (folder / "shop.yaml").write_text(yaml.safe_dump(shop, allow_unicode=True), "utf-8")
    return folder / "shop.yaml"


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    return write_several(tmp_path_factory.mktemp("shop") / "店")


@pytest.fixture(scope="module", params=ENCODERS)
def run(request, shop, tmp_path_factory):
    config = {
        "task": "classification",
        "name": "colours",
        "shop": str(shop),
        "label": {"feature": "colour"},
        "split": {"valid": 0.15, "test": 0.2},
        "items": {"encoders": {"照片": ENCODERS[request.param]}, "dim": 16},
        "train": {"epochs": 12, "batch_size": 16, "learning_rate": 0.02},
        "evaluate": {"baselines": ["majority", "vectors"]},
    }
    return train(config, tmp_path_factory.mktemp("run") / "run", say=lambda _: None)


def test_what_only_later_pictures_show_is_learned(run):
    several = np.array([len(paths) > 1 for paths in run.data.items.features["照片"].paths])
    labels = run.task.labels
    right = run.model.probabilities().argmax(axis=1) == labels.codes
    assert several.sum() > 45
    assert right[several].mean() > 0.85
    assert set(labels_for(run, 0.5, everything=True).item_id) == set(run.data.items.ids)
    loaded = load_run(run.path)
    np.testing.assert_allclose(loaded.model.probabilities(), run.model.probabilities(), atol=1e-4)


def test_items_are_served_by_all_their_pictures_or_one(run, tmp_path):
    transport = "rest" if "pool" in run.config.items.encoders["照片"] else "grpc"
    export_model(run.path, tmp_path, say=lambda _: None)
    (verdict,) = check_stock(tmp_path)
    assert verdict.ok, str(verdict)
    paths = run.data.items.features["照片"].paths
    rows = [0, 1, 2, 4, 5, 3]
    albums = [[path.read_bytes() for path in paths[row]] for row in rows]
    assert [len(album) for album in albums] == [2, 3, 3, 2, 0, 1]
    expected = run.model.probabilities(np.array(rows))
    names = list(run.task.labels.names)
    with Server(tmp_path, grpc_port=0, rest_port=0) as server:
        address = server.grpc_address if transport == "grpc" else server.rest_address
        with Client(address, "colours", transport=transport) as client:
            signatures = client.metadata().signatures
            (photo,) = signatures["classify_item"].inputs
            assert signatures["classify_item"].inputs[photo].shape == (-1,)
            assert signatures["classify_item_pictures"].inputs[photo].shape == (-1, 5)
            found = client.ask("classify_item_pictures", **{photo: albums})
            one = client.ask("classify_item", **{photo: [albums[5][0], albums[1][0], b""]})
            same = client.ask(
                "classify_item_pictures", **{photo: [albums[5], albums[1][:1], [b""]]}
            )
            with pytest.raises(ValueError, match="at most 5 entries a request"):
                client.ask("classify_item_pictures", **{photo: [albums[1] * 2]})
        for place in range(len(rows)):
            if rows[place] == 5:
                assert not any(found["label"][place])
                continue
            answer = dict(zip(found["label"][place], found["probability"][place], strict=True))
            near = dict(zip(names, expected[place], strict=True))
            assert answer == pytest.approx(near, abs=2e-3)
        np.testing.assert_array_equal(same["label"], one["label"])
        np.testing.assert_allclose(same["probability"], one["probability"], rtol=1e-5)
        if transport == "grpc":
            request = classification_pb2.ClassificationRequest()
            request.model_spec.name, request.model_spec.signature_name = "colours", "classify"
            for album in (albums[1], albums[4]):
                example = request.input.example_list.examples.add()
                example.features.feature[photo].bytes_list.value.extend(album)
            with grpc.insecure_channel(server.grpc_address) as channel:
                stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
                classified = stub.Classify(request, timeout=20).result.classifications
            assert classified[0].classes[0].label == found["label"][1][0]
            assert classified[0].classes[0].score == pytest.approx(found["probability"][1][0])
            assert classified[1].classes[0].label == ""
