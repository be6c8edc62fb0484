"""The run file: what to train, on which shop, and how; the sections that every task has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from tfmm.config import Section, ToldAs, checked
from tfmm.data.shop_file.form import ShopForm
from tfmm.data.shop_file.strict_yaml import read_yaml


class RunFileError(ValueError):
    """A run file that cannot be used; the message names the file, the key and what was expected."""


class TrainConfig(Section):
    """Training."""

    epochs: int = 10
    batch_size: int = 2048
    optimizer: str = "lazy_adam"
    """`lazy_adam`, `adagrad` or `adam` (dense: its step grows with the number of ids)."""
    learning_rate: float = 0.01
    dense_rate: float = 0.3
    """The rate of a network's weights, as a share of that of embedding rows (`lazy_adam`)."""
    schedule: str = "cosine"
    """`cosine` (to zero over all epochs) or `constant`."""
    seed: int = 1
    patience: int = 3
    """Epochs without a better value of the task's choice after which training stops."""


class RunConfig(Section):
    """A run file. `RunConfig.from_file` and `RunConfig.from_dict` read one in its task's form.

    A task's own form is a subclass with further sections, and perhaps a longer `train`.
    """

    shop: Annotated[Any, ToldAs(lambda: str | ShopForm)]
    """The shop file, relative to the run file; or the shop as a mapping."""
    task: str = "retrieval"
    """What the model is for."""
    name: str = "shop"
    """The model's name: the folder of its exported versions and its name on the server."""
    train: TrainConfig = TrainConfig()

    #: Keys that name a file or a folder, relative to the run file.
    PATHS: ClassVar[tuple[str, ...]] = ("shop",)

    @classmethod
    def from_file(cls, path: str | Path) -> RunConfig:
        """Reads a run file.

        Raises:
            FileNotFoundError: when there is none.
            RunFileError: for YAML that does not parse, a task that there is not, unknown keys and
                values of the wrong type.
        """
        return cls.from_dict(read_yaml(path, RunFileError, "run file"), source=Path(path))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], source: Path | None = None) -> RunConfig:
        """Checks a mapping of the run file's form; `source` is the file that errors name.

        Relative paths (`PATHS`) are resolved against the folder of `source`.

        Raises:
            RunFileError: as by `from_file`.
        """
        where = str(source) if source else "the run configuration"
        form = cls._form(value, where) if cls is RunConfig else cls
        config = checked(form, value, where, RunFileError)
        base = source.parent if source else Path()
        named = {name: getattr(config, name) for name in form.PATHS}
        return config.with_values(
            **{
                name: str((base / path).resolve())
                for name, path in named.items()
                if isinstance(path, (str, Path))
            }
        )

    @staticmethod
    def _form(value: Any, where: str) -> type[RunConfig]:
        """The form that the task of a run file has."""
        from tfmm.tasks.registry import task_class

        name = value.get("task", "retrieval") if isinstance(value, Mapping) else "retrieval"
        try:
            return task_class(str(name)).Config
        except ValueError as error:
            raise RunFileError(f"{where}: `task`: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """The complete configuration, as plain YAML and JSON values."""
        value = json.loads(json.dumps(self.model_dump(), default=str))
        if self.task == "retrieval":
            # Left out, so that the hash of a configuration stays what it was before there were
            # tasks.
            del value["task"]
        return value

    @property
    def sha256(self) -> str:
        """Hash of the complete configuration."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def with_values(self, **values: Any) -> Self:
        """The same configuration with other sections or values."""
        return self.model_copy(update=values)


def check_baselines(asked: Collection[str], known: Collection[str]) -> None:
    """Refuses baselines that there are not, by RunFileError."""
    for name in asked:
        if name not in known:
            raise RunFileError(
                f"`evaluate.baselines` must be some of {', '.join(known)}, got {name!r}."
            )


def from_keywords(
    form: type[Section], places: Mapping[str, str], given: Mapping[str, Any], where: str
) -> Any:
    """Sections of a run file from flat keywords, such as a notebook gives.

    Args:
        form: holds the sections.
        places: by keyword, the dotted key that it sets.
        given: values by keyword.
        where: what errors name as their source: the function that was called.

    Raises:
        ValueError: a keyword that there is not, with the nearest, or a value of another type.
    """
    from tfmm.config.names import unknown

    nested: dict[str, Any] = {}
    for name, value in given.items():
        if name not in places:
            raise ValueError(f"{where}: {unknown('argument', name, list(places))}")
        section, _, key = places[name].partition(".")
        if key:
            nested.setdefault(section, {})[key] = value
        else:
            nested[section] = value
    return checked(form, nested, where, ValueError)
