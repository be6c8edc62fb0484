"""Prometheus metrics under the names that TensorFlow Serving gives them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence

import prometheus_client
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tfmm.serving.server.config_messages import read_message
from tfmm.serving.server.steps import Run
from tfmm.serving.server.versions.states import ModelEvent

DEFAULT_PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SERVING = ":tensorflow:serving:"
# Clients choose the names they ask for: only those that are served may become label values.
_UNKNOWN_MODEL = "(unknown)"
# TensorFlow Serving's buckets, microseconds; rows from 1 to 16,384.
_LATENCY = [10 * 1.8**power for power in range(33)]
_QUEUING = [100 * 1.2**power for power in range(52)]
_ROWS = [2.0**power for power in range(15)]


def metrics_path(monitoring_config: str | os.PathLike[str] | None) -> str | None:
    """Where a monitoring.config wants the metrics; None where it, or its lack, wants none.

    Raises:
        ServingConfigError: the file is missing or does not parse.
    """
    if monitoring_config is None:
        return None
    prometheus = read_message(monitoring_config, "MonitoringConfig").prometheus_config
    return (prometheus.path or DEFAULT_PATH) if prometheus.enable else None


class _Counts(Collector):
    """A counter without the `_total` that the library's own puts behind every name."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...]):
        self._name = name
        self._text = text
        self._labels = labels
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, *values: str) -> None:
        with self._lock:
            self._counts[values] += 1

    def collect(self) -> Iterable[Metric]:
        metric = Metric(self._name, self._text, "unknown")
        with self._lock:
            counts = dict(self._counts)
        for values, count in counts.items():
            metric.add_sample(self._name, dict(zip(self._labels, values, strict=True)), count)
        return [metric]


class Metrics:
    """Counts and times what a server does; every method may be called from any thread.

    Args:
        thread_pool_name: label of the batching metrics.
    """

    def __init__(self, thread_pool_name: str = "batch_threads"):
        self._registry = registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=registry)
        self._requests = _Counts(
            f"{_SERVING}request_count", "Requests by model and status.", ("model_name", "status")
        )
        self._loads = _Counts(
            ":tensorflow:cc:saved_model:load_attempt_count",
            "Versions loaded and versions that failed to load.",
            ("model_path", "status"),
        )
        registry.register(self._requests)
        registry.register(self._loads)
        self._latency = prometheus_client.Histogram(
            f"{_SERVING}request_latency",
            "Microseconds from a request's arrival to its answer.",
            ["model_name", "API", "entrypoint"],
            buckets=_LATENCY,
            registry=registry,
        )
        self._runtime = prometheus_client.Histogram(
            f"{_SERVING}runtime_latency",
            "Microseconds inside TensorFlow.",
            ["model_name", "API", "runtime"],
            buckets=_LATENCY,
            registry=registry,
        )
        batching = f"{_SERVING}batching_session:"
        self._queuing, self._input_rows, self._run_rows, self._padding = (
            prometheus_client.Histogram(
                batching + name, text, ["thread_pool_name"], buckets=buckets, registry=registry
            ).labels(thread_pool_name)
            for name, text, buckets in (
                ("queuing_latency", "Microseconds a request waited for its batch.", _QUEUING),
                ("input_batch_size", "Rows of a request.", _ROWS),
                ("processed_batch_size", "Rows of a run, padding included.", _ROWS),
                ("padding_size", "Rows of padding in a run.", _ROWS),
            )
        )

    def answered(
        self, model: str, known: bool, api: str, entrypoint: str, status: str, seconds: float
    ) -> None:
        """A request was answered; `entrypoint` is GRPC or REST, `status` the code's name."""
        name = model if known else _UNKNOWN_MODEL
        self._requests.add(name, status)
        if status == "OK":
            self._latency.labels(name, api, entrypoint).observe(seconds * 1e6)

    def ran(self, run: Run, seconds: float) -> None:
        """TensorFlow answered a run."""
        self._runtime.labels(run.servable.name, run.api, "TF1").observe(seconds * 1e6)

    def merged(self, waited: Sequence[float], rows: Sequence[int], padded: int) -> None:
        """A batch was formed of requests that waited these seconds and have these rows."""
        for seconds in waited:
            self._queuing.observe(seconds * 1e6)
        for count in rows:
            self._input_rows.observe(count)
        self._run_rows.observe(padded)
        self._padding.observe(padded - sum(rows))

    def loaded(self, event: ModelEvent) -> None:
        """A version was loaded or failed to load; its place on disk is nobody's business."""
        if event.kind in ("loaded", "failed"):
            status = "success" if event.kind == "loaded" else "fail"
            self._loads.add(f"{event.name}/{event.version}", status)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return prometheus_client.generate_latest(self._registry)
