"""A client of a model wherever it is: at an address, in an export's folder or in a run's."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfmm.data.search_catalog import CATALOG_FILE
from tfmm.serving.client.client import Client


class OpenModelError(ValueError):
    """What was given is neither an address nor a folder with a model."""


@contextlib.contextmanager
def open_model(where: str, model: str | None = None, **options: Any) -> Iterator[Client]:
    """A client of what `where` names; a folder is served by the embedded server meanwhile.

    ```python
    with open_model("models/shop") as client:
        client.search(text="red shoes")
    ```

    Args:
        where: `host:port/model`, `host:port` with `model` given; or the folder of a version, of a
            model (its newest version is taken), of models, or of a run, which is exported first.
        model: the model's name, where an address or a folder of several leaves it open.
        options: of `Client`, for an address.

    Raises:
        OpenModelError: it is none of these.
    """
    if not Path(where).is_dir():
        with _at_address(where, model, options) as client:
            yield client
        return
    from tfmm.serving.server.server import Server

    with tempfile.TemporaryDirectory() as name:
        version = _version(Path(where), model, Path(name) / "exported")
        served = Path(name) / "models" / version.parent.name
        served.mkdir(parents=True)
        (served / version.name).symlink_to(version)
        with (
            Server(served.parent, grpc_port=0, rest_port=0) as server,
            Client(server.grpc_address, served.name, timeout=60.0) as client,
        ):
            yield client


def find_catalog(where: str, model: str | None = None) -> Path | None:
    """The search catalogue in an export's folder; None where there is none."""
    folder = Path(where)
    if not folder.is_dir() or (folder / "config.yaml").is_file():
        return None
    file = _exported(folder, model) / CATALOG_FILE
    return file if file.is_file() else None


def _at_address(where: str, model: str | None, options: dict[str, Any]) -> Client:
    scheme, separator, rest = where.rpartition("://")
    address, _, name = rest.partition("/")
    name = model or name
    if not name or ":" not in address:
        raise OpenModelError(
            f"{where!r} is no folder, and no address of a model either: expected "
            "host:port/MODEL, as in 127.0.0.1:8500/shop, or the folder of an export."
        )
    return Client(f"{scheme}{separator}{address}", name, **options)


def _version(folder: Path, model: str | None, scratch: Path) -> Path:
    if (folder / "config.yaml").is_file():
        from tfmm.export import export_model

        return export_model(folder, scratch)
    return _exported(folder, model)


def _exported(folder: Path, model: str | None) -> Path:
    folder = folder.resolve()
    if (folder / "saved_model.pb").is_file():
        return folder
    versions = _versions(folder)
    if versions:
        return versions[-1]
    models = {child.name: found[-1] for child in _folders(folder) if (found := _versions(child))}
    if model is not None and model in models:
        return models[model]
    if model is None and len(models) == 1:
        return next(iter(models.values()))
    if not models:
        raise OpenModelError(
            f"{folder} holds no model: expected what `tfmm export` wrote (a version, a model or a "
            "folder of models), or a run of `tfmm train`."
        )
    raise OpenModelError(
        f"{folder} holds the models {', '.join(sorted(models))}: say which by --model, got {model}."
    )


def _versions(folder: Path) -> list[Path]:
    found = [child for child in _folders(folder) if child.name.isdigit()]
    return sorted(
        (child for child in found if (child / "saved_model.pb").is_file()),
        key=lambda child: int(child.name),
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir())
