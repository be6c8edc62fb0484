"""Prometheus metrics: TensorFlow Serving's path, names and labels."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.http_tools import ask, post
from tfmm.serving import BatchingParameters, Client, Server, ServingConfigError, ServingError

PATH = "/monitoring/prometheus/metrics"


@pytest.fixture
def monitoring(tmp_path):
    file = tmp_path / "monitoring.config"
    file.write_text("prometheus_config { enable: true }")
    return file


def _samples(server, path=PATH) -> dict[tuple, float]:
    status, content_type, text = ask(server.rest_address, "GET", path)
    assert status == 200
    assert content_type.startswith("text/plain")
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_model_and_status(install, monitoring):
    models = install("shop1", "shop/1")
    with Server(models, grpc_port=0, rest_port=0, monitoring_config=monitoring) as server:
        with Client(server.grpc_address, "shop") as client:
            client.recommend("ann")
            with pytest.raises(ServingError):
                client.predict("recommend", {"user_id": ["ann"]})
        assert post(server.rest_address, "/v1/models/shop:predict", {"instances": ["a"]})[0] == 200
        for name in ("nope", "nope2", "%0a{}"):
            path = f"/v1/models/{name}:predict"
            assert post(server.rest_address, path, {"instances": ["a"]})[0] == 404
        found = _samples(server)
    count = ":tensorflow:serving:request_count"
    ok = (("model_name", "shop"), ("status", "OK"))
    assert found[count, *ok] == 2
    assert found[count, ("model_name", "shop"), ("status", "INVALID_ARGUMENT")] == 1
    # Strangers' names do not become series.
    assert found[count, ("model_name", "(unknown)"), ("status", "NOT_FOUND")] == 3
    latency = ":tensorflow:serving:request_latency_count"
    for api, entrypoint in (("Predict", "GRPC"), ("predict", "REST")):
        key = (("API", api), ("entrypoint", entrypoint), ("model_name", "shop"))
        assert found[latency, *key] == 1
    run = (("API", "Predict"), ("model_name", "shop"), ("runtime", "TF1"))
    assert found[":tensorflow:serving:runtime_latency_count", *run] == 2
    assert 0 < found[":tensorflow:serving:runtime_latency_sum", *run] < 60e6
    loads = ":tensorflow:cc:saved_model:load_attempt_count"
    assert found[loads, ("model_path", "shop/1"), ("status", "success")] == 1
    assert found[("process_resident_memory_bytes",)] > 0


def test_batches_are_measured(install, monitoring):
    models = install("shop1", "shop/1")
    parameters = BatchingParameters(
        max_batch_size=4, allowed_batch_sizes=(4,), thread_pool_name="mine"
    )
    with Server(
        models, grpc_port=0, rest_port=0, monitoring_config=monitoring, batching=parameters
    ) as server:
        with Client(server.grpc_address, "shop") as client:
            client.recommend(["ann", "bob", "eve"])
        found = _samples(server)
    prefix, label = ":tensorflow:serving:batching_session:", ("thread_pool_name", "mine")
    assert found[prefix + "input_batch_size_sum", label] == 3
    assert found[prefix + "processed_batch_size_sum", label] == 4
    assert found[prefix + "padding_size_sum", label] == 1
    assert found[prefix + "queuing_latency_count", label] == 1


def test_the_path_is_the_configs_and_nothing_answers_without_one(
    install, tmp_path, embedded_server
):
    server = embedded_server
    assert ask(server.rest_address, "GET", PATH)[0] == 404
    models = install("shop1", "shop/1")
    file = tmp_path / "monitoring.config"
    file.write_text('prometheus_config { enable: true path: "/metrics" }')
    with Server(models, grpc_port=0, rest_port=0, monitoring_config=file) as other:
        assert _samples(other, "/metrics")
        assert ask(other.rest_address, "POST", "/metrics")[0] == 404
        assert ask(other.rest_address, "GET", PATH)[0] == 404
    file.write_text("prometheus_config { enabled: true }")
    with pytest.raises(ServingConfigError, match=r"MonitoringConfig file .* does not parse"):
        Server(models, monitoring_config=file)
