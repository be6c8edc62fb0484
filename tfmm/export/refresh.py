"""Refreshing an exported model's items and users from the shop's tables, without training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmm.data.catalog import Catalog
from tfmm.data.media import MEDIA, find_corrupt
from tfmm.data.schema import Shop
from tfmm.data.shop import ShopData, load
from tfmm.export.errors import ExportError
from tfmm.export.fingerprints import id_fingerprints, item_fingerprints, model_fingerprint
from tfmm.export.model import ExportSettings, write_run
from tfmm.export.vector_file import VectorFile, vectors_path
from tfmm.export.versions import list_versions
from tfmm.models.linear_part import LinearPart
from tfmm.models.two_tower import TwoTower
from tfmm.models.weights import restore_weights, saved_states
from tfmm.training.config import RunConfig
from tfmm.training.run import MODEL, Run, build_model, read_run


@dataclass(frozen=True)
class Refresh:
    """What a refresh did.

    Attributes:
        version: the folder of the version written.
        items: items in the index now.
        encoded: items that the item tower encoded: those that are new, and those that changed.
        new: items that were not in the index before.
        removed: items that were in the index before.
        users: users known now.
    """

    version: Path
    items: int
    encoded: int
    new: int
    removed: int
    users: int

    def __str__(self) -> str:
        changed = self.encoded - self.new
        return (
            f"Encoded {self.encoded:,} of {self.items:,} items ({self.new:,} new, {changed:,} "
            f"changed); {self.removed:,} removed; {self.users:,} users."
        )


def refresh_index(
    run: str | Path,
    models_dir: str | Path,
    shop: Any = None,
    name: str | None = None,
    say: Callable[[str], None] = print,
) -> Refresh:
    """Writes a version with the items, users and events of the shop's tables as they are now.

    Items whose features, files included, were met by this model before keep their vectors, which
    the run folder holds in `vectors.npy`; only the others are encoded. Items that left the table
    leave the index. Items that were never trained on are served by their content alone, without an
    id embedding; users that were never trained on by their history. Histories hold all events of
    the tables. The settings of the model's newest version (k, weights and so on) stay.

    Args:
        run: the folder of a finished run.
        models_dir: the folder of models; a version is added to `models_dir/name`.
        shop: a shop file or mapping to read in place of the run's own.
        name: the model's name; the run's own if None.
        say: takes lines of progress.

    Returns:
        What was done.

    Raises:
        FileNotFoundError: `run` is no finished run.
        ShopFileError: the tables cannot be read as the shop file says.
        CheckError: a check whose policy is `raise` found something.
        ExportError: the shop lacks a feature that the model reads, or a step failed.
    """
    run = Path(run)
    config, metrics = read_run(run)
    if shop is not None:
        config = dataclasses.replace(config, shop=shop)
    model_folder = Path(models_dir) / (name or config.name)
    settings = _settings(model_folder, config)
    data = _load(config)
    features, asked = _features(run, data)
    ids = id_fingerprints(data.items.ids)
    contents = item_fingerprints(data.items, features, model_fingerprint(run / MODEL, config))
    stored = VectorFile.read(vectors_path(run), config.items.dim)
    rows, known = stored.find(ids, contents)
    fresh = np.flatnonzero(rows < 0)

    model = _model(run, config, data, fresh, [*features, *asked])
    vectors = np.empty((len(data.items), config.items.dim), np.float32)
    vectors[rows >= 0] = stored.vectors(rows[rows >= 0])
    if len(fresh):
        encoded = model.item_vectors()
        vectors[fresh] = encoded if len(encoded) == len(fresh) else encoded[fresh]
    removed = len(stored) - int(known.sum())
    # Before the slow part, so that an export that fails has not encoded in vain.
    VectorFile.write(vectors_path(run), ids, contents, vectors)

    counts = {"encoded": len(fresh), "new": int((~known).sum()), "removed": removed}
    version = write_run(
        Run(run, config, data, model, metrics, LinearPart.load(run / MODEL, data.items.ids)),
        vectors,
        models_dir,
        settings,
        name=name,
        card={"refresh": {**counts, "shop": str(data.shop)}},
        say=say,
    )
    done = Refresh(version, items=len(data.items), users=len(data.users), **counts)
    say(str(done))
    return done


def _settings(model: Path, config: RunConfig) -> ExportSettings:
    """The settings of the model's newest version; the run's own where there is none."""
    defaults = ExportSettings(k=config.index.k, history_size=config.users.history_size)
    versions = list_versions(model) if model.is_dir() else []
    if not versions:
        return defaults
    cards = [card for card in model.glob("*/model_card.json") if card.parent.name.isdigit()]
    newest = [card for card in cards if int(card.parent.name) == versions[-1]]
    if not newest:
        return defaults
    try:
        written = json.loads(newest[0].read_text("utf-8")).get("export", {})
    except ValueError as error:
        raise ExportError(
            f"{newest[0]}, whose settings the new version would keep, cannot be read: {error}. "
            "Remove that version, or export with `tfmm export`, which takes settings."
        ) from error
    fields = {field.name for field in dataclasses.fields(ExportSettings)}
    return dataclasses.replace(defaults, **{k: v for k, v in written.items() if k in fields})


def _load(config: RunConfig) -> ShopData:
    """The shop's tables, without decoding every file, which `_checked` does for the new ones."""
    given = config.shop
    shop = given if isinstance(given, Shop) else None
    if shop is None:
        shop = Shop.from_dict(given) if isinstance(given, Mapping) else Shop.from_file(given)
    # Where a corrupt file costs an item its place, all must be known.
    drops = any(shop.checks.get(medium.corrupt) == "drop" for medium in MEDIA.values())
    return load(shop, verify_media=drops)


def _features(run: Path, data: ShopData) -> tuple[list[str], list[str]]:
    """The item features that the saved model reads, and those that only its queries read."""
    states = saved_states(run / MODEL)
    joined_by = states.get("graph", {}).get("features", [])
    features = list(dict.fromkeys([*states.get("items", {}), *joined_by]))
    asked = [name for name in states.get("queries", {}) if name not in features]
    missing = [name for name in [*features, *asked] if name not in data.items.features]
    if missing:
        raise ExportError(
            f"The model in {run} reads the item features {', '.join([*features, *asked])}, but "
            f"{data.shop} has no {', '.join(missing)}. Name them in the shop file as they were in "
            "training, or train a new model."
        )
    return features, asked


def _model(
    run: Path, config: RunConfig, data: ShopData, fresh: np.ndarray, features: Sequence[str]
) -> TwoTower:
    """The saved model with rows for all users, but only for the items to encode."""
    # A tower has at least one row, also where nothing is to be encoded. A graph model reaches new
    # items through those that they are like, so it needs them all.
    everything = config.graph is not None and len(fresh) > 0
    items = data.items if everything else data.items.take(fresh if len(fresh) else [0])
    items = Catalog(items.ids, {name: _checked(items, name, data) for name in features})
    some = dataclasses.replace(data, items=items)
    model = build_model(config, some, states=saved_states(run / MODEL), keep_media=False)
    restore_weights(model, run / MODEL, items.ids, data.users.ids, served=True)
    return model


def _checked(items: Catalog, feature: str, data: ShopData) -> Any:
    """A feature's column without the files that do not decode."""
    column: Any = items.features[feature]
    medium = MEDIA.get(column.kind)
    if medium is None:
        return column
    files = [str(path) for paths in column.paths for path in paths]
    corrupt = find_corrupt(column.kind, files, f"checking {feature}")
    data.report.record(
        medium.corrupt, "items", len(corrupt), list(corrupt.values()), column=feature
    )
    return medium.column(
        tuple(tuple(path for path in paths if str(path) not in corrupt) for paths in column.paths)
    )
