"""The report of a retrieval run: what `metrics.json` holds, as tables and plots for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.evaluation.in_words import in_short
from tfmm.evaluation.learning import learning_section
from tfmm.evaluation.names import baseline_name
from tfmm.evaluation.plots import retrieval as plots
from tfmm.evaluation.report import MODEL, Section, escaped, picture, table
from tfmm.tasks.retrieval.in_words import retrieval_in_words
from tfmm.tasks.search.report import search_in_words, search_section

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
#: Those of which more is better.
_HIGHER = ("recall", "ndcg", "mrr", "hit_rate", "map")


def sections(
    metrics: Mapping[str, Any],
    folder: Path,
    history: Sequence[Mapping[str, Any]] = (),
    pictures: Mapping[str, Path] | None = None,
) -> list[Section]:
    """The sections of a report, their plots written into a folder.

    Args:
        metrics: what `metrics.json` holds. Only `model` or `search` is needed; `cold`, `baselines`,
            `breakdowns`, `modalities` and `looked_at` each add to it.
        folder: where plots go; made if it is not there.
        history: a row for each epoch with a validation metric such as `recall@20`, and `epoch` and
            `loss` where known.
        pictures: image file by item id, for the items of `looked_at`.

    Raises:
        ValueError: there is no section `model` with a recall in it, and no section `search`.
    """
    model = metrics.get("model", {})
    ks = sorted(int(name.partition("@")[2]) for name in model if name.startswith("recall@"))
    if not ks and not metrics.get("search"):
        raise ValueError(
            "`metrics` has no section 'model' with a 'recall@k' in it, so there is nothing to "
            "report. To resolve this, pass what tfmm.evaluation.evaluate returned."
        )
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Section] = []
    said = search_in_words(metrics.get("search", {}))
    if ks:
        k = 20 if 20 in ks else ks[-1]
        said = [*retrieval_in_words(metrics, k), *said]
        found += [
            *_overall(metrics, ks, k, folder),
            *_compared(metrics.get("compared", {})),
            *_cold(metrics, k, folder),
            *_breakdowns(metrics.get("breakdowns", {}), metrics.get("baselines", {}), k, folder),
            *_modalities(
                metrics.get("modalities", {}), metrics.get("looked_at", {}), pictures or {}, folder
            ),
            *_history(history, k, folder),
        ]
    return [*in_short(said), *found, *search_section(metrics.get("search", {}))]


def _left_out(metrics: Mapping[str, Any]) -> str:
    again = metrics.get("split", {}).get("repeats")
    return "what a shopper had before too" if again else "what a shopper was trained on left out"


def _joined(blend: Mapping[str, Any], prior: Mapping[str, Any]) -> list[str]:
    """What joins the learned model's scores, in words."""
    said = []
    if blend:
        names = ("lam", "half_life", "rank", "weight", "scale")
        settings = {name: blend[name] for name in names if blend.get(name) is not None}
        said.append(
            f"The model is a blend with EASE: {_settings(settings)}."
            if blend["weight"]
            else "Blended with EASE, the model was no better on validation; it does without."
        )
    if prior:
        age, newcomers = prior["half_life"], prior["newcomers"]
        their_age = prior.get("newcomers_half_life", age)
        also = "" if their_age == age else f"{_by_age(their_age)} and the weight "
        said.append(
            f"A prior of what is popular, {_by_age(age)}, joins with the weight "
            f"{prior['weight']:g}, for new shoppers {also}{newcomers:g}; items without events "
            f"share {prior['new_share']:.1%} of it."
            if prior["weight"] or newcomers
            else "A prior of what is popular was of no use on validation; the model does without."
        )
    return said


def _by_age(half_life: float | None) -> str:
    if half_life is None:
        return "of events of any age"
    return f"with a half-life of {half_life:g} days"


def _settings(params: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )


def _overall(metrics: Mapping[str, Any], ks: Sequence[int], k: int, folder: Path) -> list[Section]:
    baselines: Mapping[str, Any] = metrics.get("baselines", {})
    measured = {name: row for name, row in baselines.items() if "left_out" not in row}
    blend: Mapping[str, Any] = metrics.get("blend", {})
    shown = {MODEL: metrics["model"]}
    shown |= {f"{part} alone": blend[part] for part in ("learned", "linear") if part in blend}
    shown |= {baseline_name(name): row for name, row in measured.items()}
    known = [name for name in _TITLES if f"{name}@{k}" in metrics["model"]]
    parts = [
        f"All items ranked, {_left_out(metrics)}; means over "
        f"{metrics['model'].get('users', 0):,} shoppers with test items.",
        table(
            ["", *(f"{_TITLES[name]}@{k}" for name in known)],
            [[title, *(row.get(f"{n}@{k}") for n in known)] for title, row in shown.items()],
            higher=[place for place, name in enumerate(known, 1) if name in _HIGHER],
        ),
    ]
    parts += [
        f"{baseline_name(n)} was left out: {escaped(b['left_out'])}"
        for n, b in baselines.items()
        if "left_out" in b
    ]
    parts += _joined(blend, metrics.get("prior", {}))
    chosen = [
        f"{baseline_name(name)} ({_settings(row['params'])})"
        for name, row in measured.items()
        if row.get("params")
    ]
    if chosen:
        parts.append(f"Chosen on validation: {escaped('; '.join(chosen))}.")
    cut = [
        f"{baseline_name(name)} {row['untried']}"
        for name, row in measured.items()
        if "untried" in row
    ]
    if cut:
        parts.append(
            f"`evaluate.minutes` ended the tuning; values that were not tried: {', '.join(cut)}."
        )
    recalls = {"model": metrics["model"][f"recall@{k}"]}
    recalls |= {baseline_name(name): row[f"recall@{k}"] for name, row in measured.items()}
    if measured:
        says = f"Recall@{k} of the model and the baselines"
        parts.append(
            picture(plots.compare(recalls, f"recall@{k}", says, folder / "recall.png"), says)
        )
    if len(ks) > 1:
        columns = [(name, at) for name in ("recall", "ndcg") for at in ks]
        parts.append(
            table(
                ["", *(f"{_TITLES[name]}@{at}" for name, at in columns)],
                [[t, *(row.get(f"{n}@{at}") for n, at in columns)] for t, row in shown.items()],
                higher=range(1, 1 + len(columns)),
            )
        )
    return [Section("The model beside the baselines", parts)]


def _compared(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[Section]:
    if not rows:
        return []
    metrics = list(next(iter(rows.values())))

    def cells(found: Mapping[str, float]) -> list[str]:
        low, high = found["low"], found["high"]
        verdict = "better" if low > 0 else "worse" if high < 0 else "undecided"
        return [f"{found['difference']:+.4f}", f"{low:+.4f} to {high:+.4f}", verdict]

    header = ["the model less", *(c for m in metrics for c in (_metric(m), "95 % of it", ""))]
    parts = [
        "Differences over the same shoppers, with the interval that a paired bootstrap gives them: "
        "where it holds 0, another test might turn the order round.",
        table(
            header,
            [
                [baseline_name(n), *(c for m in metrics for c in cells(row[m]))]
                for n, row in rows.items()
            ],
        ),
    ]
    return [Section("Is the difference more than chance?", parts)]


def _metric(name: str) -> str:
    title, _, at = name.partition("@")
    return f"{_TITLES[title]}@{at}"


def _cold(metrics: Mapping[str, Any], k: int, folder: Path) -> list[Section]:
    if not metrics.get("cold"):
        return []
    rows = {MODEL: metrics["cold"]}
    for name, row in metrics.get("baselines", {}).items():
        if "cold" in row:
            rows[baseline_name(name)] = row["cold"]
    names = [
        name for name in ("recall", "ndcg", "mrr", "hit_rate") if f"{name}@{k}" in metrics["cold"]
    ]
    parts = [
        f"Items of which no event was trained on, ranked among all items; means "
        f"over {metrics['cold'].get('users', 0):,} shoppers who have some in the test.",
        table(
            ["", *(f"{_TITLES[name]}@{k}" for name in names)],
            [[title, *(row.get(f"{name}@{k}") for name in names)] for title, row in rows.items()],
            higher=range(1, 1 + len(names)),
        ),
    ]
    if len(rows) > 1:
        says = f"Recall@{k} on cold items"
        values = {title.strip("*"): row[f"recall@{k}"] for title, row in rows.items()}
        parts.append(picture(plots.compare(values, f"recall@{k}", says, folder / "cold.png"), says))
    return [Section("Cold items", parts)]


def _breakdowns(
    found: Mapping[str, Any], baselines: Mapping[str, Any], k: int, folder: Path
) -> list[Section]:
    made = []
    groups = found.get("users", {})
    if len(groups) > 1:
        columns = [(name, group) for name in ("recall", "ndcg") for group in groups]
        shown = {MODEL: groups}
        shown |= {
            baseline_name(name): row["breakdowns"]["users"]
            for name, row in baselines.items()
            if "breakdowns" in row
        }
        told = ", ".join(f"{row['users']:,} {group}" for group, row in groups.items())
        parts = [
            f"New shoppers have no training items: {told}. To them a baseline gives what is "
            "popular, as far as it knows nothing else.",
            table(
                ["", *(f"{_TITLES[name]}@{k}, {group}" for name, group in columns)],
                [
                    [title, *(row.get(group, {}).get(f"{name}@{k}") for name, group in columns)]
                    for title, row in shown.items()
                ],
                higher=range(1, 1 + len(columns)),
            ),
        ]
        made.append(Section("Warm and new shoppers", parts))
    rows = found.get("popularity", [])
    if rows:
        metric = f"recall@{k}"
        says = f"{metric} by popularity"
        parts = [
            "The items with training events, divided into tenths by their "
            "number of shoppers; recall is hits / test items of the tenth.",
            table(
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
            picture(plots.deciles(rows, metric, folder / "popularity.png"), says),
        ]
        made.append(Section("By popularity", parts))
    return made


def _modalities(
    rows: Mapping[str, Mapping[str, float]],
    items: Mapping[str, Sequence[Mapping[str, Any]]],
    pictures: Mapping[str, Path],
    folder: Path,
) -> list[Section]:
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
        table(
            ["", *(columns[column] for column in shown)],
            [[name, *(row.get(column) for column in shown)] for name, row in rows.items()],
        ),
    ]
    if any({"recall_drop", "weight"} & set(row) for row in rows.values()):
        drawn = plots.modalities(rows, folder / "modalities.png")
        parts.append(picture(drawn, "Recall lost without each modality, and its weight"))
    return [Section("What the model looks at", [*parts, *_looked_at(items, pictures, folder)])]


def _looked_at(
    parts: Mapping[str, Sequence[Mapping[str, Any]]], pictures: Mapping[str, Path], folder: Path
) -> list[str]:
    if not any(len(row["weights"]) > 1 for rows in parts.values() for row in rows):
        return []
    says = "The weights that fusion gave the features of some items"
    return [
        "The items that the test asks for most, warm ones and those that were never trained on; "
        "a feature that an item lacks has no weight.",
        picture(plots.looked_at(parts, pictures, folder / "looked_at.png"), says),
    ]


def _history(history: Sequence[Mapping[str, Any]], k: int, folder: Path) -> list[Section]:
    names = [f"{name}@{k}" for name in ("recall", "ndcg")]
    found = (learning_section(history, name, folder) for name in names)
    return next((section for section in found if section), [])
