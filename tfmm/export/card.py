"""The model card that every exported version carries, for people and for programs."""

from __future__ import annotations

import datetime
import json
import math
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow as tf
import yaml

_PACKAGES = (
    "tensorflow",
    "tf-keras",
    "tensorflow-recommenders",
    "tensorflow-text",
    "keras",
    "keras-nlp",
    "scann",
    "numpy",
)


def make_card(
    card: Mapping[str, Any],
    *,
    name: str,
    version: int,
    signatures: Mapping[str, Any],
    sizes: Mapping[str, int],
    warmup_requests: int,
    warmup_rows: int,
    stock_lacks: Mapping[str, list[str]],
) -> dict[str, Any]:
    """Completes a card with what only the export knows.

    Args:
        card: what the exporter knows: `data` (counts), `metrics` (as in `metrics.json`), `config`,
            `weights` (how tables are stored and what that costs), `intended_use`, `limits`; all
            optional. Other keys are kept.
        name: the model's name.
        version: the version it is written as.
        signatures: concrete functions by name.
        sizes: numbers to state: items, users, dimensions, bytes.
        warmup_requests: number of warm-up requests.
        warmup_rows: rows of the larger ones.
        stock_lacks: ops that the stock server lacks, and the signatures that need them.
    """
    return {
        "name": name,
        "version": version,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "intended_use": "",
        "limits": [],
        "data": {},
        "metrics": {},
        "config": {},
        **card,
        "signatures": {key: describe(value) for key, value in signatures.items()},
        "sizes": dict(sizes),
        "warmup_requests": warmup_requests,
        "warmup_rows": warmup_rows,
        "stock_server": {"serves": not stock_lacks, "lacks": dict(stock_lacks)},
        "packages": package_versions(),
    }


def describe(function: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """Shapes (None where free) and dtypes of a concrete function's inputs and outputs, by name."""
    inputs = {spec.name: spec for spec in tf.nest.flatten(function.structured_input_signature)}
    return {
        side: {
            key: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for key, spec in sorted(specs.items())
        }
        for side, specs in (("inputs", inputs), ("outputs", function.structured_outputs))
    }


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that the export was written with."""
    from tfmm import __version__

    versions = {"python": platform.python_version(), "tfmm": __version__}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def write_card(card: Mapping[str, Any], folder: Path) -> None:
    """Writes `model_card.json` and `model_card.md` into a folder."""
    plain = to_plain(card)
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "model_card.json").write_text(text + "\n", encoding="utf-8")
    (folder / "model_card.md").write_text(to_markdown(plain), encoding="utf-8")


def to_markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown: use and limits, data, metrics beside baselines, signatures, config."""
    config = yaml.safe_dump(card["config"], sort_keys=False, allow_unicode=True).strip()
    created = f"Version {card['version']}, written {card['created']}."
    parts = [f"# {card['name']}", created]
    if card["intended_use"]:
        parts += ["## Intended use", card["intended_use"]]
    if card["limits"]:
        parts += ["## Limits", "\n".join(f"- {limit}" for limit in card["limits"])]
    if card["data"]:
        parts += ["## Data", _table(["", "count"], card["data"].items())]
    if card["metrics"]:
        parts += ["## Metrics", *_metrics(card["metrics"])]
    parts += ["## Signatures", _signatures(card["signatures"])]
    parts += ["## Server", _server(card["stock_server"]["lacks"])]
    if card["warmup_rows"] > 1:
        parts.append(needed_room(card["warmup_rows"]))
    if card.get("refresh"):
        parts += ["## Refresh", _table(["items", "count"], card["refresh"].items())]
    if card.get("index"):
        parts += ["## Index", _table(["", ""], card["index"].items())]
    if card.get("weights"):
        parts += ["## Weights", _table(["", ""], card["weights"].items())]
    parts += ["## Sizes", _table(["", ""], card["sizes"].items())]
    parts += ["## Packages", _table(["package", "version"], card["packages"].items())]
    parts += ["## Configuration", f"```yaml\n{config}\n```"]
    return "\n\n".join(parts) + "\n"


def to_plain(value: Any) -> Any:
    """The value in what JSON and YAML can say: NumPy unwrapped, paths as text, NaN as null."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _metrics(metrics: Mapping[str, Any]) -> list[str]:
    """The model beside its baselines, a table each for warm and for cold items."""
    baselines = metrics.get("baselines") or {}
    tables = []
    for part, title in (("model", "Items known in training"), ("cold", "Items held out")):
        rows = {part: metrics.get(part) or {}}
        if part == "model":
            rows |= {name: values or {} for name, values in baselines.items()}
        names = [name for name, value in rows[part].items() if _is_number(value)]
        if names:
            lines = ([row, *(values.get(n) for n in names)] for row, values in rows.items())
            tables.append(f"{title}:\n\n{_table(['', *names], lines)}")
    searches = metrics.get("search") or {}
    if searches:
        names = [name for name, value in next(iter(searches.values())).items() if _is_number(value)]
        lines = ([row, *(values.get(n) for n in names)] for row, values in searches.items())
        tables.append(f"Search, items held out, asked for by:\n\n{_table(['', *names], lines)}")
    return tables


def _server(lacks: Mapping[str, list[str]]) -> str:
    if not lacks:
        return "The stock TensorFlow Serving image serves it: every op is one of its own."
    named = ", ".join(f"`{op}`" for op in lacks)
    return f"It needs a TensorFlow Serving with these ops, which the stock image lacks: {named}."


def needed_room(rows: int) -> str:
    """What a server that merges requests must have room for."""
    return (
        f"Its warm-up requests have up to {rows} rows: a server with `--enable_batching` whose "
        f"`max_batch_size` is below {rows} does not load it. `tfmm export --warmup-rows` sets them."
    )


def _signatures(signatures: Mapping[str, Any]) -> str:
    def side(specs: Mapping[str, Any]) -> str:
        return ", ".join(
            f"`{name}` {spec['dtype']} "
            + str(["B", *spec["shape"][1:]]).replace("'", "").replace("None", "any")
            for name, spec in specs.items()
        )

    rows = ([f"`{n}`", side(s["inputs"]), side(s["outputs"])] for n, s in signatures.items())
    return _table(["signature", "inputs", "outputs"], rows)


def _table(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    if _is_number(value):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
