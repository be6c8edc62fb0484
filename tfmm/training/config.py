"""The run file: what to train, on which shop, and how, with a default for all but the shop."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmm.data.shop_file.strict_yaml import read_yaml
from tfmm.tasks.retrieval.graph.config import GraphConfig


class RunFileError(ValueError):
    """A run file that cannot be used; the message names the file, the key and what was expected."""


@dataclass(frozen=True)
class SplitConfig:
    """How events are parted, see `tfmm.data.split`."""

    by: str = "user"
    """`user`, `leave_one_out`, `time` or `column`."""
    valid: Any = None
    """Share for validation (`user`, `time`), an instant (`time`) or the column's value
    (`column`)."""
    test: Any = None
    """Likewise for the test."""
    train: Any = None
    """The column's value of training events (`column`)."""
    column: str | None = None
    """The events' column that tells the part (`column`)."""
    seed: int = 1
    cold_items: float = 0.0
    """Share of items that are never trained on, half of them met in validation, half in the
    test."""


@dataclass(frozen=True)
class ItemsConfig:
    """The item tower."""

    encoders: dict[str, Any] | None = None
    """Encoder by feature; by default every feature with the default of its kind."""
    fusion: Any = "gated"
    """`concat`, `weighted`, `gated`, `attention`, `late` or `hybrid`; or `{name: …, …}`."""
    id: bool = True
    """Whether items have an id embedding beside their content."""
    id_dropout: float = 0.5
    """Share of items whose id embedding is hidden in training, so that content stands alone."""
    modality_dropout: float = 0.1
    """Share of modalities hidden in training."""
    dim: int = 256
    """Of the vectors: 64 train and search in a quarter of the time, for some 5 % of recall."""
    budget: int = 4096
    """Items that a training step encodes anew with a heavy encoder (CNN, LSTM)."""


@dataclass(frozen=True)
class UsersConfig:
    """The user tower."""

    id: bool = False
    """Whether users have an id embedding beside their history."""
    id_dropout: float = 0.5
    history: str = "mean"
    """`mean`, `self_attention`, `gru` or `none`."""
    history_size: int = 50
    """The latest items of a history that are read."""
    features: dict[str, Any] | None = None
    """Encoder by feature of the users' table; by default none."""


@dataclass(frozen=True)
class TrainConfig:
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
    """Epochs without a better validation recall after which training stops."""
    temperature: float = 0.1
    log_q: bool = True
    hard_negatives: int | None = None
    negatives: int = 0
    """Uniform negatives that join each batch."""
    balance: float = 0.0
    """0 draws events as they come; 1 draws every item equally often."""
    balance_by: str | None = None
    """A category feature whose classes `balance` evens out, in place of single items."""


@dataclass(frozen=True)
class SearchConfig:
    """Search by words, pictures and sounds, in the space of the item vectors."""

    queries: dict[str, Any] | None = None
    """What can be asked by: an encoder, or a list of encoders whose vectors add up, by feature. By
    default every text feature by `subwords` where the shop has no events, else none: no search.
    Pictures that the item tower reads can be asked by without being named."""
    heads: int = 1
    """Independent parts of `items.dim`, trained each for itself: an ensemble in one index."""
    loss: str = "softmax"
    """`softmax` (InfoNCE) or `sigmoid` (SigLIP)."""
    temperature: float = 0.07
    """What cosines are divided by at first; training goes on from there."""
    weight: float = 1.0
    """The loss's weight where the shop has events; that of recommendation has 1."""
    batch_size: int = 512
    """Items in a batch, which are each other's negatives."""
    hide: float = 0.5
    """Share of a batch's items that show only one of their features."""
    hard_by: str | None = None
    """A category feature whose items stand together, as hard negatives; by default none."""
    hard_block: int = 8
    """How many of one category stand together."""
    hubness: float = 30.0
    """How sharply items near many queries are marked down (`tfmm.tasks.search.hubness`); 0 leaves
    it."""
    hub_queries: int = 8000
    """The most training queries that hubs are found by."""
    valid: float = 0.1
    """Share of the items, whole groups of equal texts, whose search is measured for choosing."""
    test: float = 0.1
    """Likewise for the test. Neither is trained on by search before it is measured."""


@dataclass(frozen=True)
class BlendConfig:
    """A linear model whose scores join the learned model's, in one inner product."""

    ease: bool = False
    """Whether EASE joins."""
    rank: int = 256
    """Dimensions that it adds to every vector: the more, the nearer to the whole of EASE."""
    activity: float = 0.5
    """How much less a shopper of a long history counts when EASE is fitted (`EASE.activity`); 0 is
    EASE as published."""
    lam: float | None = None
    """EASE's ridge penalty; by default chosen on validation, for EASE alone."""
    weight: float | None = None
    """EASE's weight beside the learned model; by default chosen on validation, where 0, the learned
    model alone, may win."""
    scale: str | None = None
    """`sum`, so that EASE weighs more the longer a history is, or `unit`; by default chosen on
    validation."""
    memory: float = 4.0
    """GiB that EASE's matrix of items by items may take: 4 are 32,768 items."""


@dataclass(frozen=True)
class IndexConfig:
    """The retrieval index of the export."""

    kind: str = "auto"
    """`brute_force` (exact), `ivf`, `scann`, or `auto`: exact for small catalogues, else `ivf`."""
    k: int = 100
    """Items in an answer."""
    recall: float | None = None
    """The share of the k best items that an approximate index finds; by default 0.95."""
    storage: str | None = None
    """Of the rows that `ivf` scans: `float32` (default), `bfloat16` or `int8`."""


@dataclass(frozen=True)
class EvaluateConfig:
    """What is measured."""

    k: tuple[int, ...] = (5, 10, 20, 50)
    baselines: tuple[str, ...] = ("popularity", "item_knn", "user_knn", "ease")


@dataclass(frozen=True)
class RunConfig:
    """A whole run file. Build it with `RunConfig.from_file` or `RunConfig.from_dict`."""

    shop: Any
    """The shop file, relative to the run file; or the shop as a mapping."""
    task: str = "retrieval"
    """What the model is for."""
    name: str = "shop"
    """The model's name: the folder of its exported versions and its name on the server."""
    split: SplitConfig = field(default_factory=SplitConfig)
    items: ItemsConfig = field(default_factory=ItemsConfig)
    users: UsersConfig = field(default_factory=UsersConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    blend: BlendConfig = field(default_factory=BlendConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    graph: GraphConfig | None = None
    """Makes the model a graph model; `graph: {}` takes all its defaults."""

    @classmethod
    def from_file(cls, path: str | Path) -> RunConfig:
        """Reads a run file.

        Raises:
            FileNotFoundError: when there is none.
            RunFileError: for YAML that does not parse, unknown keys and values of the wrong type.
        """
        return cls.from_dict(read_yaml(path, RunFileError, "run file"), source=Path(path))

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], source: Path | None = None) -> RunConfig:
        """Checks a mapping of the run file's form; `source` is the file that errors name.

        A relative `shop` is resolved against the folder of `source`.
        """
        where = str(source) if source else "the run configuration"
        if not isinstance(value, Mapping):
            raise RunFileError(f"{where}: expected a mapping of keys to values, got {value!r}.")
        if "shop" not in value:
            raise RunFileError(f"{where}: the key `shop` is missing; it names the shop file.")
        config = _build(cls, value, where, "")
        if isinstance(config.shop, (str, Path)):
            base = source.parent if source else Path()
            shop = str((base / config.shop).resolve())
            config = dataclasses.replace(config, shop=shop)
        return config

    def to_dict(self) -> dict[str, Any]:
        """The complete configuration, as plain YAML and JSON values."""
        value = json.loads(json.dumps(dataclasses.asdict(self), default=str))
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


def _build(cls: type, value: Mapping[str, Any], where: str, prefix: str) -> Any:
    hints = typing.get_type_hints(cls)
    known = {f.name for f in dataclasses.fields(cls)}
    arguments = {}
    for key, part in value.items():
        label = f"{prefix}{key}"
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean `{prefix}{near[0]}`?" if near else ""
            raise RunFileError(
                f"{where}: unknown key `{label}`{hint} Known here: {', '.join(sorted(known))}."
            )
        kind = hints[key]
        section = section_of(kind)
        if section is not None and (part is not None or section is kind):
            if not isinstance(part, Mapping):
                raise RunFileError(f"{where}: `{label}` must be a mapping, got {part!r}.")
            arguments[key] = _build(section, part, where, f"{label}.")
        else:
            arguments[key] = _typed(kind, part, where, label)
    return cls(**arguments)


def section_of(kind: Any) -> type | None:
    """The class of a key that holds a section, perhaps one that may be left out."""
    for one in (kind, *typing.get_args(kind)):
        if isinstance(one, type) and dataclasses.is_dataclass(one):
            return one
    return None


def _typed(kind: Any, value: Any, where: str, label: str) -> Any:
    """`value` as `kind`, a plain type or a union or tuple of such, or a RunFileError."""
    if kind is Any:
        return value
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for option in options:
        origin = typing.get_origin(option) or option
        if origin is tuple and isinstance(value, (list, tuple)):
            inner = typing.get_args(option)[0]
            return tuple(_typed(inner, part, where, label) for part in value)
        if origin is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if origin is int and isinstance(value, bool):
            continue
        if isinstance(origin, type) and isinstance(value, origin):
            return value
    expected = " or ".join(getattr(o, "__name__", str(o)) for o in options)
    raise RunFileError(f"{where}: `{label}` must be {expected}, got {value!r}.")
