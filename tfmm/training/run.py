"""A run folder: what `train` wrote, read back."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from tfmm.data.interactions import Interactions
from tfmm.data.parts import Split
from tfmm.data.schema import Shop
from tfmm.data.shop import ShopData, load
from tfmm.data.splits import split
from tfmm.models.blend import Blend
from tfmm.models.build import two_tower
from tfmm.models.linear_part import LinearPart
from tfmm.models.two_tower import TwoTower
from tfmm.models.weights import restore_weights, saved_states
from tfmm.training.config import RunConfig
from tfmm.training.search import load_hubs, queries_of, search_bias

MODEL = "model"


@dataclass
class Run:
    """A trained model with its data and numbers.

    Attributes:
        path: the run folder.
        config: the complete configuration.
        data: the shop's data.
        model: the trained model, with a row for every item and user of `data`.
        metrics: what `metrics.json` holds.
        linear: the linear part that is blended with the model, if any.
    """

    path: Path
    config: RunConfig
    data: ShopData
    model: TwoTower
    metrics: dict[str, Any]
    linear: LinearPart | None = None

    @property
    def blend(self) -> Blend | None:
        """The model with its linear part, which then is what recommends; None without one."""
        return None if self.linear is None else Blend(self.model, self.linear)

    @cached_property
    def split(self) -> Split:
        """The split that the run was trained and measured on."""
        return split_of(self.config, self.data)

    @cached_property
    def hubs(self) -> NDArray[np.float32] | None:
        """Vectors of training queries `[Q, dim]`, which hubs are found by; None without search."""
        return load_hubs(self.path / MODEL)

    def search_bias(self, items: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The correction for hubs of item vectors `[N, dim]`; None where there is none."""
        return None if self.hubs is None else search_bias(self.config, items, {"": self.hubs})

    @cached_property
    def interactions(self) -> Interactions:
        """All events of the shop as distinct pairs: the histories that an export serves."""
        return Interactions.from_events(
            self.data.events, len(self.data.users), len(self.data.items)
        )


def load_run(path: str | Path) -> Run:
    """Reads a finished run: the shop's tables as they are now, and the model as it was trained.

    Items and users that joined the tables since get rows of their own: items are served by their
    content, users by their history.

    Raises:
        FileNotFoundError: for a folder that is no finished run.
    """
    path = Path(path)
    config, metrics = read_run(path)
    data = load_data(config)
    model = build_model(config, data, states=saved_states(path / MODEL))
    restore_weights(model, path / MODEL, data.items.ids, data.users.ids, served=True)
    linear = LinearPart.load(path / MODEL, data.items.ids)
    return Run(path, config, data, model, metrics, linear)


def read_run(path: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration and the metrics of a finished run.

    Raises:
        FileNotFoundError: for a folder that is no finished run.
    """
    if not (path / "config.yaml").is_file():
        raise FileNotFoundError(
            f"{path} is no run folder: it holds no config.yaml. `tfmm train RUN.yaml --out {path}` "
            "makes one."
        )
    if not (path / "metrics.json").is_file():
        raise FileNotFoundError(
            f"The run in {path} is not finished: it holds no metrics.json. Give the same "
            f"`tfmm train` command again; it goes on from the last checkpoint."
        )
    config = RunConfig.from_dict(yaml.safe_load((path / "config.yaml").read_text()))
    return config, json.loads((path / "metrics.json").read_text())


def load_data(config: RunConfig) -> ShopData:
    """The shop's tables, with the event columns that the split and the graph read."""
    columns = [config.split.column] if config.split.column else []
    shop = config.shop
    if config.graph is not None and config.graph.types:
        if not isinstance(shop, Shop):
            shop = Shop.from_dict(shop) if isinstance(shop, Mapping) else Shop.from_file(shop)
        if shop.events is not None and shop.events.type is not None:
            columns.append(shop.events.type)
    return load(shop, extra_event_columns=tuple(dict.fromkeys(columns)))


def split_of(config: RunConfig, data: ShopData) -> Split:
    """The split that a configuration asks for."""
    return split(data, **dataclasses.asdict(config.split))


def build_model(
    config: RunConfig,
    data: ShopData,
    train: Interactions | None = None,
    *,
    states: dict[str, Any] | None = None,
    keep_media: bool = True,
) -> TwoTower:
    """The untrained model that a configuration asks for.

    Args:
        config: the configuration.
        data: the shop's data; the model has a row for every item and user of it.
        train: the pairs that it is to learn from.
        states: what the encoders of a saved model learned, in place of learning it from `data`.
        keep_media: whether decoded pictures are kept in the cache for later runs.
    """
    items, users, fitting, search = config.items, config.users, config.train, config.search
    events = data.shop.events is not None
    model = two_tower(
        data,
        train,
        encoders=items.encoders,
        fusion=items.fusion,
        dim=items.dim,
        id=items.id and events,
        id_dropout=items.id_dropout,
        modality_dropout=items.modality_dropout,
        budget=items.budget,
        history=users.history,
        history_size=users.history_size,
        user_id=users.id,
        user_id_dropout=users.id_dropout,
        user_features=users.features,
        temperature=fitting.temperature,
        log_q=fitting.log_q,
        hard_negatives=fitting.hard_negatives,
        negatives=fitting.negatives,
        heads=search.heads,
        queries=queries_of(config, data),
        contrast=search.loss,
        search_temperature=search.temperature,
        search_weight=search.weight,
        hide=search.hide,
        cache=cache_folder() if keep_media else None,
        states=states,
        graph=config.graph,
    )
    # Without shoppers nothing trains it.
    model.user_tower.trainable = events
    return model


def cache_folder() -> Path:
    """Where decoded pictures are kept between runs: `$TFMM_CACHE`, or `tfmm` in the user cache."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TFMM_CACHE") or Path(home) / "tfmm")
