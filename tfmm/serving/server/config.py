"""What to serve: a folder of models, or a models.config as TensorFlow Serving reads it.

`model_folder(DIR)` serves every `DIR/NAME/VERSION/`; `read_models_config(FILE)` reads the text form
of `tensorflow.serving.ModelServerConfig`, version policies and labels included.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfmm.serving.server.errors import ServingConfigError

_INT64_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class ModelConfig:
    """One model to serve.

    Attributes:
        name: its name in requests.
        base_path: folder that holds one folder a version, named by a number.
        policy: which versions on disk to serve: "latest", "all" or "specific".
        latest: how many of the newest, where policy is "latest".
        specific: which, where policy is "specific".
        labels: version by label.
    """

    name: str
    base_path: Path
    policy: str = "latest"
    latest: int = 1
    specific: frozenset[int] = frozenset()
    labels: dict[str, int] = field(default_factory=dict)

    def aspired(self, versions: Iterable[int]) -> set[int]:
        """Of the versions on disk, those to serve."""
        present = set(versions)
        if self.policy == "all":
            return present
        if self.policy == "specific":
            return present & self.specific
        return set(sorted(present)[-self.latest :])


ModelSource = Callable[[], list[ModelConfig]]


def version_folders(base_path: Path) -> dict[int, Path]:
    """The version directories of a model: those whose name is a whole number (`00000002` is 2).

    Whatever else lies there, such as an export's temporary folder, is no version.

    Raises:
        OSError: the folder cannot be listed.
    """
    found: dict[int, Path] = {}
    with os.scandir(base_path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.isascii() and entry.name.isdigit() and entry.is_dir():
                version = int(entry.name)
                if version <= _INT64_MAX:
                    found[version] = Path(entry.path)
    return found


def fingerprint(path: Path) -> object:
    """Changes when a file below `path` does: a version that failed is tried again once it was
    mended."""
    files = []
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                stat = os.stat(os.path.join(folder, name))
                files.append((os.path.join(folder, name), stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(files))


def model_folder(folder: Path) -> ModelSource:
    """Serve the newest version of every `folder/NAME/VERSION/`, models that appear later included.

    Raises:
        ServingConfigError: the folder does not exist, or holds no version of any model.
    """
    if not folder.is_dir():
        raise ServingConfigError(
            f"The models folder {folder} does not exist (or is no folder). It must hold "
            "NAME/VERSION/saved_model.pb, as `tfmm export RUN --out MODELS` writes it."
        )

    def source() -> list[ModelConfig]:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
        return [ModelConfig(n, folder / n) for n in names if version_folders(folder / n)]

    if not source():
        hint = ""
        if version_folders(folder):
            hint = f" It holds versions itself: did you mean its parent folder {folder.parent}?"
        raise ServingConfigError(
            f"The models folder {folder} holds no version of any model: expected "
            f"{folder}/NAME/1/saved_model.pb, with NAME the model and 1 its version.{hint}"
        )
    return source


def read_models_config(file: Path) -> list[ModelConfig]:
    """Read a models.config file; relative base paths start from the file's own folder.

    Raises:
        ServingConfigError: the file is missing, does not parse, or asks for what cannot be served.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ServingConfigError(
            f"models.config {file} cannot be read: {error.strerror}."
        ) from None
    config = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(text, config)
    except text_format.ParseError as error:
        raise ServingConfigError(
            f"models.config {file} does not parse as tensorflow.serving.ModelServerConfig: {error}"
        ) from None
    try:
        return model_configs(config, file.parent)
    except ServingConfigError as error:
        raise ServingConfigError(f"models.config {file}: {error}") from None


def model_configs(
    config: model_server_config_pb2.ModelServerConfig, folder: Path
) -> list[ModelConfig]:
    """The models in a `ModelServerConfig` message, relative base paths below `folder`.

    Raises:
        ServingConfigError: naming the model and field at fault.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise ServingConfigError("it needs a model_config_list; nothing else can be served.")
    models: dict[str, ModelConfig] = {}
    for model in config.model_config_list.config:
        if not model.name or not model.base_path:
            raise ServingConfigError(
                f"each config needs a name and a base_path, got name {model.name!r}, base_path "
                f"{model.base_path!r}."
            )
        if model.name in models:
            raise ServingConfigError(f"two models are named {model.name!r}.")
        if model.model_platform != "tensorflow":
            raise ServingConfigError(
                f'model {model.name!r} needs model_platform: "tensorflow", got '
                f"{model.model_platform!r}; nothing else can be served."
            )
        models[model.name] = _model_config(model, folder)
    return list(models.values())


def _model_config(model: model_server_config_pb2.ModelConfig, folder: Path) -> ModelConfig:
    policy = model.model_version_policy
    choice = policy.WhichOneof("policy_choice") or "latest"
    if choice == "specific" and not policy.specific.versions:
        raise ServingConfigError(f"model {model.name!r} has a specific policy without versions.")
    return ModelConfig(
        name=model.name,
        base_path=folder / model.base_path,
        policy=choice,
        latest=max(1, policy.latest.num_versions),
        specific=frozenset(policy.specific.versions),
        labels=dict(model.version_labels),
    )
