"""models.config and models folders: what is served, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfmm.serving.server.config import (
    ModelConfig,
    model_folder,
    read_models_config,
    version_folders,
)
from tfmm.serving.server.errors import ServingConfigError


def _model(**fields: str) -> str:
    fields = {"name": '"a"', "base_path": '"/m/a"', "model_platform": '"tensorflow"', **fields}
    lines = " ".join(f"{key}: {value}" for key, value in fields.items() if value)
    return f"model_config_list {{ config {{ {lines} }} }}"


def _read(tmp_path: Path, text: str) -> list[ModelConfig]:
    file = tmp_path / "models.config"
    file.write_text(text)
    return read_models_config(file)


def test_the_default_policy_is_the_newest_version(tmp_path):
    (config,) = _read(tmp_path, _model())
    assert config == ModelConfig("a", Path("/m/a"))
    assert config.aspired([1, 10, 9]) == {10}
    assert config.aspired([]) == set()


@pytest.mark.parametrize(
    ("policy", "aspired"),
    [
        ("latest { num_versions: 2 }", {9, 10}),
        ("all {}", {1, 9, 10}),
        ("specific { versions: 1 versions: 7 }", {1}),
    ],
)
def test_policies(tmp_path, policy, aspired):
    text = _model().replace("} }", f"model_version_policy {{ {policy} }} }} }}")
    (config,) = _read(tmp_path, text)
    assert config.aspired([1, 9, 10]) == aspired


def test_labels_and_relative_paths(tmp_path):
    text = _model(base_path='"models/a"').replace(
        "} }", 'version_labels { key: "stable" value: 3 } } }'
    )
    (config,) = _read(tmp_path, text)
    assert config.labels == {"stable": 3}
    assert config.base_path == tmp_path / "models/a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model_config_list {", "does not parse as tensorflow.serving.ModelServerConfig"),
        ("", "needs a model_config_list"),
        (_model(name=""), "needs a name and a base_path"),
        (_model(model_platform='"torch"'), "needs model_platform: \"tensorflow\", got 'torch'"),
        (_model().replace("} }", "} " + _model()[19:]), "two models are named 'a'"),
        (
            _model().replace("} }", "model_version_policy { specific {} } } }"),
            "has a specific policy without versions",
        ),
    ],
)
def test_a_config_that_cannot_be_served_names_file_and_fault(tmp_path, text, words):
    with pytest.raises(ServingConfigError, match=r"models\.config") as caught:
        _read(tmp_path, text)
    assert words in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_config_that_is_not_there(tmp_path):
    with pytest.raises(ServingConfigError, match="cannot be read: No such file"):
        read_models_config(tmp_path / "models.config")


def test_only_whole_numbers_are_versions(tmp_path):
    for name in ("1", "00000002", ".3.tmp", "4.tmp", "five", "-6", "²", "9" * 30):
        (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file")
    assert version_folders(tmp_path) == {1: tmp_path / "1", 2: tmp_path / "00000002"}


def test_a_models_folder_serves_every_name_that_has_a_version(tmp_path):
    (tmp_path / "b/1").mkdir(parents=True)
    (tmp_path / "a/1").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    source = model_folder(tmp_path)
    assert [config.name for config in source()] == ["a", "b"]
    (tmp_path / "notes/3").mkdir()
    assert [config.name for config in source()] == ["a", "b", "notes"]


def test_folders_that_hold_nothing_to_serve_are_named(tmp_path):
    with pytest.raises(ServingConfigError, match=f"{tmp_path}/nope does not exist"):
        model_folder(tmp_path / "nope")
    with pytest.raises(ServingConfigError, match=f"{tmp_path} holds no version of any model"):
        model_folder(tmp_path)
    (tmp_path / "3").mkdir()
    with pytest.raises(
        ServingConfigError, match=f"did you mean its parent folder {tmp_path.parent}"
    ):
        model_folder(tmp_path)
