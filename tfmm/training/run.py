"""A run folder: what `train` wrote, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tfmm.data.fetch.addresses import Addresses
from tfmm.data.manifest import check_manifest
from tfmm.data.media.media import MEDIA
from tfmm.data.names import MODEL_RULE, is_model_name
from tfmm.data.shop import ShopData, load
from tfmm.data.shop_file.schema import Shop
from tfmm.tasks.base import Task
from tfmm.tasks.config import RunConfig, RunFileError
from tfmm.tasks.registry import task_class
from tfmm.training.fit import make_optimizer

CONFIG, METRICS, MODEL = "config.yaml", "metrics.json", "model"


@dataclass
class Run:
    """A trained model with its data and numbers.

    Attributes:
        path: the run folder.
        config: the complete configuration, of the form that the task has.
        task: the `Task` that it was trained for, with the shop's data and the parts.
        model: the finished model, with a row for every item and user of the data.
        metrics: what `metrics.json` holds.
        pristine: the model is as its folder has it.
    """

    path: Path
    config: Any
    task: Any
    model: Any
    metrics: dict[str, Any]
    pristine: bool = False

    @property
    def data(self) -> ShopData:
        """The shop's data."""
        return self.task.data


def load_run(path: str | Path) -> Run:
    """Reads a finished run: the shop's tables as they are now, and the model as it was trained.

    Items and users that joined the tables since get rows of their own: items are served by their
    content, users by their history.

    ```python
    run = tfmm.load_run("runs/hm")
    run.metrics["model"]["recall@20"], run.model.item_vectors().shape
    ```

    Raises:
        FileNotFoundError: for a folder that is no finished run.
        ManifestError: one of its files was changed, removed or added.
    """
    path = Path(path)
    config, metrics = read_run(path)
    task = task_of(config)
    return Run(path, config, task, task.load(path / MODEL), metrics)


def read_run(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration and the metrics of a finished run.

    Raises:
        FileNotFoundError: for a folder that is no finished run.
        ManifestError: its configuration, metrics or model is not as it was written.
    """
    if not (path / CONFIG).is_file():
        raise FileNotFoundError(
            f"{path} is no run folder: it holds no config.yaml. `tfmm train RUN.yaml --out {path}` "
            "makes one."
        )
    if not (path / METRICS).is_file():
        raise FileNotFoundError(
            f"The run in {path} is not finished: it holds no metrics.json. Give the same "
            f"`tfmm train` command again; it goes on from the last checkpoint."
        )
    check_manifest(path)
    config = read_config(yaml.safe_load((path / CONFIG).read_text("utf-8")))
    return config, json.loads((path / METRICS).read_text("utf-8"))


def read_config(config: RunConfig | Mapping[str, Any] | str | Path) -> RunConfig:
    """The configuration of a run file, or of what it would hold.

    Raises:
        FileNotFoundError, RunFileError: as by `RunConfig.from_file`.
    """
    if isinstance(config, RunConfig):
        return config
    if isinstance(config, (str, Path)):
        return RunConfig.from_file(config)
    return RunConfig.from_dict(config)


def check_new(config: RunConfig) -> None:
    """Refuses a configuration that could not be trained and exported, before any work.

    Raises:
        RunFileError: the message names the key, what came and what was expected.
    """
    if not is_model_name(config.name):
        raise RunFileError(
            f"`name` must be {MODEL_RULE}, got {config.name!r}. The words that people read may be "
            "in any language: ids, columns, features, categories and files."
        )
    task = task_class(config.task)
    task.check(config)
    make_optimizer(config.train, 1)
    try:
        task.settings(config, {})
    except ValueError as error:
        raise RunFileError(f"What it says of the export cannot be: {error}") from error


def task_of(config: RunConfig, data: ShopData | None = None) -> Task:
    """The task of a configuration, over its shop's tables.

    Args:
        config: the configuration.
        data: the tables, where they are at hand.

    Raises:
        RunFileError: the configuration cannot be used.
    """
    kind = task_class(config.task)
    kind.check(config)
    return kind.over(config, load_data(config) if data is None else data)


def load_data(config: RunConfig, refresh: bool = False) -> ShopData:
    """The shop's tables, with the event columns that the task reads; files at addresses that were
    never tried are fetched.

    Args:
        config: the configuration.
        refresh: decode no picture or sound, unless a corrupt one costs its item its place: a
            refresh looks at those that are new.
    """
    shop = Shop.of(config.shop)
    columns = tuple(task_class(config.task).event_columns(config, shop))
    verify = not refresh or any(shop.checks.get(m.corrupt) == "drop" for m in MEDIA.values())
    addresses = Addresses(shop, "new")
    return load(shop, extra_event_columns=columns, verify_media=verify, addresses=addresses)
