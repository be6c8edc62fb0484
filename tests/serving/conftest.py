"""Two tiny exports that the serving tests share: a recommender and a model of every JSON form."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfmm  # noqa: F401  (chooses Keras before TensorFlow loads)
from tests.serving.exports import save_forms, save_recommender
from tests.serving.real_server import REAL_SERVER, RealServer, real_server
from tfmm.serving import Server


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """SavedModels to copy from: `shop1`, `shop2` (scores twice as high) and `forms`."""
    root = tmp_path_factory.mktemp("exports")
    save_recommender(root / "shop1", factor=1.0)
    save_recommender(root / "shop2", factor=2.0)
    save_forms(root / "forms")
    return {path.name: path for path in root.iterdir()}


@pytest.fixture
def install(exports: dict[str, Path], tmp_path: Path):
    """`install("shop1", "shop/3")` puts an export into the models folder the way an export does:
    aside, then renamed into place. Returns the models folder."""
    models = tmp_path / "models"
    models.mkdir()

    def put(export: str, place: str) -> Path:
        target = models / place
        target.parent.mkdir(exist_ok=True)
        aside = target.parent / f".{target.name}.tmp"
        shutil.copytree(exports[export], aside)
        aside.rename(target)
        return models

    return put


@pytest.fixture(scope="session")
def models_config(exports: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both exports: `shop` in versions 1 and 2, `forms` in version 1."""
    folder = tmp_path_factory.mktemp("config")
    for export, place in (("shop1", "shop/1"), ("shop2", "shop/2"), ("forms", "forms/1")):
        shutil.copytree(exports[export], folder / place)
    config = folder / "models.config"
    config.write_text(
        f"""
        model_config_list {{
          config {{
            name: "shop" base_path: "{folder}/shop" model_platform: "tensorflow"
            model_version_policy {{ all {{}} }}
            version_labels {{ key: "stable" value: 1 }}
            version_labels {{ key: "gone" value: 9 }}
          }}
          config {{ name: "forms" base_path: "{folder}/forms" model_platform: "tensorflow" }}
        }}
        """
    )
    return config


@pytest.fixture(scope="session")
def embedded_server(models_config: Path) -> Iterator[Server]:
    """The embedded server of `models_config`, running."""
    with Server(models_config=models_config, grpc_port=0, rest_port=0) as running:
        yield running


_SERVERS = ["embedded"] + ([REAL_SERVER] if shutil.which(REAL_SERVER) else [])


@pytest.fixture(scope="session", params=_SERVERS)
def server(request: pytest.FixtureRequest, models_config: Path) -> Iterator[Server | RealServer]:
    """A running server of `models_config`: the embedded one, and TensorFlow Serving where it is on
    the PATH."""
    if request.param == "embedded":
        yield request.getfixturevalue("embedded_server")
    else:
        with real_server(models_config) as running:
            yield running
