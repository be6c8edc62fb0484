"""The files for TensorFlow Serving parse, agree, and serve on the embedded server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tfmm.serving import BatchingParameters, Client, Server, ServingConfigError
from tfmm.serving.server.config import read_models_config
from tfmm.serving.server.config_messages import read_message
from tfmm.serving.server.fronts.tls import ServerTls
from tfmm.serving.server.metrics import Metrics, metrics_path

FOLDER = Path(__file__).parents[3] / "serving_config"


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
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    for volume in services["prometheus"]["volumes"]:
        assert (FOLDER / volume.split(":")[0]).is_file()
    service = services["serving"]
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


def test_batching_parameters_are_what_both_servers_take():
    parameters = BatchingParameters.from_file(FOLDER / "batching_parameters.txt")
    assert parameters.allowed_batch_sizes[-1] == parameters.max_batch_size == 64


def test_monitoring_config_names_the_path_that_prometheus_asks():
    path = metrics_path(FOLDER / "monitoring.config")
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]
    assert path == scraped["metrics_path"] == "/monitoring/prometheus/metrics"
    assert scraped["static_configs"][0]["targets"] == ["serving:8501"]


def test_alerts_ask_for_metrics_that_there_are():
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    exposed = Metrics().text().decode()
    for rule in group["rules"]:
        for name in re.findall(r'__name__="([^"]+)"', rule["expr"]):
            assert f"# TYPE {name.removesuffix('_bucket')} " in exposed
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_ssl_example_parses_and_says_what_is_missing(tmp_path):
    message = read_message(FOLDER / "ssl.config.example", "SSLConfig")
    assert message.server_key.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert not message.client_verify
    with pytest.raises(ServingConfigError, match="fit together"):
        ServerTls.from_file(FOLDER / "ssl.config.example")


def test_kubernetes_objects_refer_to_each_other():
    documents = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
    objects = {document["kind"]: document for document in documents}
    deployment = objects["Deployment"]["spec"]
    pod = deployment["template"]
    labels = pod["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    assert objects["Service"]["spec"]["selector"] == labels
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    scaled = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) == (
        "Deployment",
        objects["Deployment"]["metadata"]["name"],
    )
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    for flag in container["args"]:
        if "=/config/" in flag:
            assert (FOLDER / flag.rsplit("/", 1)[1]).is_file()
    (model,) = read_models_config(FOLDER / "models.config")
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": f"/v1/models/{model.name}", "port": "rest"}
    assert container["readinessProbe"]["grpc"]["port"] == 8500
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == "8501"
