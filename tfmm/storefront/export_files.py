"""What an export's folder carries beside its SavedModel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tfmm.data.search_catalog import CATALOG_FILE, SearchCatalog
from tfmm.serving.server.config import version_folders


def model_names(models: Path) -> list[str]:
    """The models of a folder `models/NAME/VERSION/`, in order. Raises OSError."""
    return sorted(
        child.name for child in models.iterdir() if child.is_dir() and version_folders(child)
    )


def newest_version(model: Path) -> Path | None:
    """The folder of a model's newest version; None where there is none any more."""
    versions = version_folders(model) if model.is_dir() else {}
    return versions[max(versions)] if versions else None


def catalog_of(version: Path) -> SearchCatalog:
    """The items that the version names: its search catalogue, or their ids alone.

    Raises:
        SearchCatalogError: the catalogue's file is broken.
    """
    file = version / CATALOG_FILE
    if file.is_file():
        return SearchCatalog.load(file)
    return catalog_of_ids(_lines(version / "assets" / "item_ids.txt"))


def catalog_of_ids(ids: list[str]) -> SearchCatalog:
    """Items of which nothing but the id is known."""
    named = np.array([*ids], object)
    return SearchCatalog(named, named, named, {})


def shopper_ids(version: Path) -> list[str]:
    """The shoppers whom the version knows; none for a model without shoppers."""
    return _lines(version / "assets" / "user_ids.txt")


def shop_file_of(version: Path) -> Path | None:
    """The shop file that the version's model card names, if it is on this machine."""
    try:
        card = json.loads((version / "model_card.json").read_text(encoding="utf-8"))
        named = card["config"]["shop"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    file = Path(named) if isinstance(named, str) else None
    return file if file is not None and file.is_file() else None


def _lines(file: Path) -> list[str]:
    # Not splitlines: ids may hold what Python takes for line ends, such as U+2028.
    return file.read_text(encoding="utf-8").split("\n")[:-1] if file.is_file() else []
