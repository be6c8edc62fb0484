"""The report of a run: what `metrics.json` holds, as tables and plots for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.evaluation import plots

_TITLES = {
    "recall": "Recall",
    "ndcg": "NDCG",
    "mrr": "MRR",
    "hit_rate": "Hit rate",
    "map": "MAP",
    "coverage": "Coverage",
    "novelty": "Novelty",
    "intra_list_diversity": "Diversity",
}
_NAMES = {"item_knn": "item-kNN", "user_knn": "user-kNN", "ease": "EASE", "ials": "iALS"}


def write_report(
    metrics: Mapping[str, Any],
    path: str | Path,
    history: Sequence[Mapping[str, Any]] | None = None,
    pictures: Mapping[str, Path] | None = None,
) -> Path:
    """Writes `report.md`, and its plots into the folder `plots` beside it.

    Args:
        metrics: what `metrics.json` holds. Only `model` or `search` is needed; `cold`, `baselines`,
            `breakdowns`, `modalities`, `looked_at`, `split`, `seconds`, `examples_per_second` and
            `config_sha256` each add a section.
        path: of the report; its folder is made if it is not there.
        history: a row for each epoch with a validation metric such as `recall@20`, and `epoch` and
            `loss` where known.
        pictures: image file by item id, for the items of `looked_at`.

    Returns:
        The path.

    Raises:
        ValueError: there is no section `model` with a recall in it, and no section `search`.
    """
    path = Path(path)
    model = metrics.get("model", {})
    ks = sorted(int(name.partition("@")[2]) for name in model if name.startswith("recall@"))
    if not ks and not metrics.get("search"):
        raise ValueError(
            "`metrics` has no section 'model' with a 'recall@k' in it, so there is nothing to "
            "report. To resolve this, pass what tfmm.evaluation.evaluate returned."
        )
    folder = path.parent / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    parts = ["# Report"]
    if ks:
        k = 20 if 20 in ks else ks[-1]
        parts += [
            *_overall(metrics, ks, k, folder),
            *_cold(metrics, k, folder),
            *_breakdowns(metrics.get("breakdowns", {}), k, folder),
            *_modalities(metrics.get("modalities", {}), folder),
            *_looked_at(metrics.get("looked_at", {}), pictures or {}, folder),
            *_history(history or [], k, folder),
        ]
    parts += [*_search(metrics.get("search", {})), *_run(metrics)]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _name(name: str) -> str:
    return _NAMES.get(name, name)


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _settings(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("| --- |" + " ---: |" * (len(header) - 1))
    lines += ["| " + " | ".join(_number(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _picture(path: Path, says: str) -> str:
    return f"![{says}](plots/{path.name})"


def _overall(metrics: Mapping[str, Any], ks: Sequence[int], k: int, folder: Path) -> list[str]:
    baselines: Mapping[str, Any] = metrics.get("baselines", {})
    measured = {name: row for name, row in baselines.items() if "left_out" not in row}
    blend: Mapping[str, Any] = metrics.get("blend", {})
    sections = {"**model**": metrics["model"]}
    sections |= {f"{part} alone": blend[part] for part in ("learned", "linear") if part in blend}
    sections |= {_name(name): row for name, row in measured.items()}
    known = [name for name in _TITLES if f"{name}@{k}" in metrics["model"]]
    parts = [
        f"## The model beside the baselines\n\nAll items ranked, what a shopper was trained on "
        f"left out; means over {metrics['model'].get('users', 0):,} shoppers with test items.",
        _table(
            ["", *(f"{_TITLES[name]}@{k}" for name in known)],
            [[title, *(row.get(f"{n}@{k}") for n in known)] for title, row in sections.items()],
        ),
    ]
    parts += [
        f"{_name(n)} was left out: {b['left_out']}" for n, b in baselines.items() if "left_out" in b
    ]
    if blend:
        settings = {name: blend[name] for name in ("lam", "rank", "weight", "scale")}
        parts.append(
            f"The model is a blend with EASE: {_settings(settings)}."
            if blend["weight"]
            else "Blended with EASE, the model was no better on validation; it stands alone."
        )
    chosen = [
        f"{_name(name)} ({_settings(row['params'])})"
        for name, row in measured.items()
        if row.get("params")
    ]
    if chosen:
        parts.append(f"Chosen on validation: {'; '.join(chosen)}.")
    recalls = {"model": metrics["model"][f"recall@{k}"]}
    recalls |= {_name(name): row[f"recall@{k}"] for name, row in measured.items()}
    if measured:
        says = f"Recall@{k} of the model and the baselines"
        parts.append(
            _picture(plots.compare(recalls, f"recall@{k}", says, folder / "recall.png"), says)
        )
    if len(ks) > 1:
        columns = [(name, at) for name in ("recall", "ndcg") for at in ks]
        parts.append(
            _table(
                ["", *(f"{_TITLES[name]}@{at}" for name, at in columns)],
                [[t, *(row.get(f"{n}@{at}") for n, at in columns)] for t, row in sections.items()],
            )
        )
    return parts


def _search(search: Mapping[str, Any]) -> list[str]:
    if not search:
        return []
    names = [n for n in next(iter(search.values())) if n.startswith("recall@")] + ["mrr", "queries"]
    rows = ([feature, *(row.get(name) for name in names)] for feature, row in search.items())
    titles = [name.replace("recall", "Recall").replace("mrr", "MRR") for name in names]
    return [
        "## Search\n\nItems held out whole, asked for by what they are described by; all items "
        "ranked, all of equal text right.",
        _table(["asked by", *titles], rows),
    ]


def _cold(metrics: Mapping[str, Any], k: int, folder: Path) -> list[str]:
    if not metrics.get("cold"):
        return []
    rows = {"**model**": metrics["cold"]}
    for name, row in metrics.get("baselines", {}).items():
        if "cold" in row:
            rows[_name(name)] = row["cold"]
    names = [
        name for name in ("recall", "ndcg", "mrr", "hit_rate") if f"{name}@{k}" in metrics["cold"]
    ]
    parts = [
        f"## Cold items\n\nItems of which no event was trained on, ranked among all items; means "
        f"over {metrics['cold'].get('users', 0):,} shoppers who have some in the test.",
        _table(
            ["", *(f"{_TITLES[name]}@{k}" for name in names)],
            [[title, *(row.get(f"{name}@{k}") for name in names)] for title, row in rows.items()],
        ),
    ]
    if len(rows) > 1:
        says = f"Recall@{k} on cold items"
        values = {title.strip("*"): row[f"recall@{k}"] for title, row in rows.items()}
        parts.append(
            _picture(plots.compare(values, f"recall@{k}", says, folder / "cold.png"), says)
        )
    return parts


def _breakdowns(found: Mapping[str, Any], k: int, folder: Path) -> list[str]:
    parts = []
    groups = found.get("users", {})
    if len(groups) > 1:
        names = ("recall", "ndcg", "mrr", "hit_rate")
        parts += [
            "## Warm and new shoppers\n\nNew shoppers have no training items.",
            _table(
                ["", *(f"{_TITLES[name]}@{k}" for name in names), "shoppers"],
                [
                    [group, *(row.get(f"{name}@{k}") for name in names), row["users"]]
                    for group, row in groups.items()
                ],
            ),
        ]
    rows = found.get("popularity", [])
    if rows:
        metric = f"recall@{k}"
        says = f"{metric} by popularity"
        parts += [
            "## By popularity\n\nThe items with training events, divided into tenths by their "
            "number of shoppers; recall is hits / test items of the tenth.",
            _table(
                ["tenth", "items", "test items", f"Recall@{k}"],
                [
                    [
                        "no training events" if row["decile"] == 0 else row["decile"],
                        row["items"],
                        row["test_items"],
                        row[metric],
                    ]
                    for row in rows
                ],
            ),
            _picture(plots.deciles(rows, metric, folder / "popularity.png"), says),
        ]
    return parts


def _modalities(rows: Mapping[str, Mapping[str, float]], folder: Path) -> list[str]:
    if not rows:
        return []
    columns = {
        "recall_drop": "Recall@20 lost when masked",
        "cold_recall_drop": "on cold items",
        "weight": "weight in fusion",
    }
    shown = [column for column in columns if any(column in row for row in rows.values())]
    if not shown:
        return []
    parts = [
        "## What the model looks at",
        _table(
            ["", *(columns[column] for column in shown)],
            [[name, *(row.get(column) for column in shown)] for name, row in rows.items()],
        ),
    ]
    if any({"recall_drop", "weight"} & set(row) for row in rows.values()):
        picture = plots.modalities(rows, folder / "modalities.png")
        parts.append(_picture(picture, "Recall lost without each modality, and its weight"))
    return parts


def _looked_at(
    parts: Mapping[str, Sequence[Mapping[str, Any]]], pictures: Mapping[str, Path], folder: Path
) -> list[str]:
    if not any(len(row["weights"]) > 1 for rows in parts.values() for row in rows):
        return []
    says = "The weights that fusion gave the features of some items"
    return [
        "The items that the test asks for most, warm ones and those that were never trained on; "
        "a feature that an item lacks has no weight.",
        _picture(plots.looked_at(parts, pictures, folder / "looked_at.png"), says),
    ]


def _history(history: Sequence[Mapping[str, Any]], k: int, folder: Path) -> list[str]:
    at = next(
        (f"{n}@{k}" for n in ("recall", "ndcg") if any(f"{n}@{k}" in row for row in history)), None
    )
    if at is None:
        return []
    rows = [row for row in history if at in row]
    epochs = [float(row.get("epoch", i)) for i, row in enumerate(rows, 1)]
    losses = [float(row["loss"]) for row in rows] if all("loss" in row for row in rows) else None
    values = [float(row[at]) for row in rows]
    picture = plots.learning_curve(epochs, at, values, losses, folder / "learning.png")
    best = max(range(len(values)), key=values.__getitem__)
    return [
        f"## Learning\n\nOn validation, {at} was best after epoch {epochs[best]:g}: "
        f"{values[best]:.4f}.",
        _picture(picture, "Learning curve"),
    ]


def _run(metrics: Mapping[str, Any]) -> list[str]:
    rows: list[tuple[str, Any]] = [
        (name.replace("_", " "), count) for name, count in metrics.get("split", {}).items()
    ]
    rows += [(f"seconds to {name}", f"{v:,.1f}") for name, v in metrics.get("seconds", {}).items()]
    if "examples_per_second" in metrics:
        rows.append(("training examples per second", f"{metrics['examples_per_second']:,.0f}"))
    if "config_sha256" in metrics:
        rows.append(("configuration, SHA-256", f"`{metrics['config_sha256']}`"))
    return ["## The run", _table(["", ""], rows)] if rows else []
