"""The files for TensorFlow Serving parse, agree, and serve on the embedded server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tfmm.serving import Client, Server
from tfmm.serving.config import read_models_config

FOLDER = Path(__file__).parents[2] / "serving_config"


def test_models_config_serves_on_the_embedded_server(tmp_path, exports):
    shutil.copytree(exports["shop1"], tmp_path / "shop/1")
    text = (FOLDER / "models.config").read_text()
    config = tmp_path / "models.config"
    config.write_text(text.replace('"/models/', f'"{tmp_path}/'))
    with (
        Server(models_config=config, grpc_port=0, rest_port=0) as server,
        Client(server.grpc_address, "shop") as client,
    ):
        assert client.recommend("ann").item_id


def test_every_file_the_compose_file_names_is_there_and_mounted():
    service = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["serving"]
    assert service["image"] == "tensorflow/serving:2.20.0"
    mounts = [volume.rsplit(":", 2) for volume in service["volumes"]]
    for source, _, mode in mounts:
        assert mode == "ro"
        assert source.startswith("${MODELS:?") or (FOLDER / source).is_file()
    inside = {target for _, target, _ in mounts}
    for flag in service["command"]:
        if "=/config/" in flag:
            assert flag.split("=")[1] in inside
    (model,) = read_models_config(FOLDER / "models.config")
    assert str(model.base_path) == f"/models/{model.name}"
    assert f"/v1/models/{model.name}" in service["healthcheck"]["test"][-1]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_batching_ends_at_its_largest_batch():
    text = (FOLDER / "batching.config").read_text()
    largest = re.search(r"max_batch_size \{ value: (\d+) \}", text)
    sizes = re.findall(r"^allowed_batch_sizes: (\d+)", text, re.MULTILINE)
    assert largest is not None
    assert sizes[-1] == largest[1]
    assert sizes == sorted(sizes, key=int)


@pytest.mark.parametrize("name", ["batching.config", "monitoring.config"])
def test_braces_are_closed(name):
    text = re.sub(r"#.*", "", (FOLDER / name).read_text())
    assert text.count("{") == text.count("}") > 0
