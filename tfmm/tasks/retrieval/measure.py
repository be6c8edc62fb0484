"""Measures a fitted model on its split, beside the baselines and with each modality hidden in
turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfmm.baselines import CategoryPopularity
from tfmm.data.catalog import Catalog
from tfmm.data.columns import TextColumn
from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import Split
from tfmm.evaluation import evaluate, evaluate_split_baselines
from tfmm.evaluation.bootstrap import paired_bootstrap
from tfmm.evaluation.compare import default_names
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.config import EvaluateConfig
from tfmm.tasks.retrieval.two_tower import TwoTower

#: What choices are made on.
CHOICE = "recall@20"


def validate(model: TwoTower, parts: Split) -> dict[str, float]:
    """Recall@20 and NDCG@20 on the validation part, for the model fitted on the training part."""
    cold, repeats = parts.cold_valid_pairs, parts.repeats
    found = ranked(model, parts.train, parts.valid, (20,), cold=cold, repeats=repeats)
    row = {key: found["model"][key] for key in (CHOICE, "ndcg@20")}
    if "cold" in found:
        row[f"cold_{CHOICE}"] = found["cold"][CHOICE]
    return row


def measure(
    model: TwoTower | Blend,
    parts: Split,
    config: EvaluateConfig,
    say: Callable[[str], None] = lambda line: None,
    *,
    params: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The sections `model`, `cold`, `baselines`, `compared` and `modalities` of `metrics.json`, on
    the test part.

    Args:
        model: fitted on `parts.final_train()`.
        parts: the split; the baselines are tuned on its validation part.
        config: list lengths and baselines.
        say: takes lines of progress.
        params: configuration of baselines, by name, that was chosen on validation already.
    """
    ks = list_lengths(config)
    seen, test = parts.final_train(), parts.test
    both: dict[str, Any] = {"cold": parts.cold_test_pairs, "repeats": parts.repeats}
    say("Measuring the model on the test part.")
    metrics = ranked(model, seen, test, ks, per_user=True, **both)
    own = metrics.pop("per_user")
    weights = model.modality_weights()
    metrics["modalities"] = {}
    for name in model.reads:
        without = ranked(model, seen, test, (20,), mask=name, **both)
        row = {"recall_drop": metrics["model"][CHOICE] - without["model"][CHOICE]}
        if "cold" in without:
            row["cold_recall_drop"] = metrics["cold"][CHOICE] - without["cold"][CHOICE]
        if name in weights:
            row["weight"] = weights[name]
        metrics["modalities"][name] = row
    names = measured_baselines(parts, config, params or {})
    if names:
        say(f"Tuning and measuring the baselines: {', '.join(names)}.")
        metrics["baselines"] = evaluate_split_baselines(
            parts, names=names, ks=ks, params=params, minutes=config.minutes, per_user=True
        )
        others = {name: row.pop("per_user", None) for name, row in metrics["baselines"].items()}
        metrics["compared"] = {
            name: {metric: _compared(own[metric], row[metric]) for metric in (CHOICE, "ndcg@20")}
            for name, row in others.items()
            if row is not None
        }
    return metrics


def measured_baselines(
    parts: Split, config: EvaluateConfig, params: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """The baselines that the run file names; by default all that the data allow."""
    if config.baselines is not None:
        return tuple(config.baselines)
    names = default_names(parts.train, repeats=parts.repeats)
    by_category = (CategoryPopularity.name,) if CategoryPopularity.name in params else ()
    return (*names, *by_category)


def _compared(own: np.ndarray, other: np.ndarray) -> dict[str, float]:
    difference, low, high = paired_bootstrap(own, other)
    return {"difference": difference, "low": low, "high": high}


def looked_at(model: TwoTower, parts: Split, items: Catalog, count: int = 6) -> dict[str, Any]:
    """The fusion weights of the items that the test asks for most, the section `looked_at` of
    `metrics.json`.

    Args:
        model: fitted.
        parts: the split.
        items: the catalogue.
        count: warm items, and as many cold ones where the split has some.

    Returns:
        `warm` and `cold`: a list of `{item, title, weights}` each, `title` the item's first text
        and `weights` by feature; empty where the model reads no feature.
    """
    if not model.items.columns:
        return {}
    weights = model.item_modality_weights()
    texts = [column for column in items.features.values() if isinstance(column, TextColumn)]
    titles = texts[0].values if texts else items.ids
    found = {}
    for part, rows in asked_for(parts, count).items():
        found[part] = [
            {
                "item": str(items.ids[row]),
                "title": str(titles[row]),
                "weights": {
                    name: round(float(weight), 4)
                    for name, weight in zip(model.items.columns, weights[row], strict=True)
                },
            }
            for row in rows
        ]
    return {part: rows for part, rows in found.items() if rows}


def asked_for(parts: Split, count: int) -> dict[str, np.ndarray]:
    """Rows of the items that the test asks for most: at most `count` `warm` ones, and `cold`
    ones."""
    found = {}
    for part, pairs in (("warm", parts.test), ("cold", parts.cold_test_pairs)):
        asked = np.bincount(pairs.item)
        rows = np.argsort(-asked, kind="stable")[:count]
        found[part] = rows[asked[rows] > 0]
    return found


def measure_parts(blend: Blend, parts: Split, config: EvaluateConfig) -> dict[str, Any]:
    """What each part of a blend is worth alone on the test part: `learned` and `linear`.

    Each holds the metrics over warm test items, and under `cold` those over cold ones.
    """
    ks = list_lengths(config)
    seen, cold = parts.final_train(), parts.cold_test_pairs
    items = blend.item_vectors(refresh=False)
    users = blend.user_vectors(seen, items=items)
    found = {}
    for name, span in (("learned", slice(blend.dim)), ("linear", slice(blend.dim, None))):
        result = evaluate(
            (users[:, span], items[:, span]),
            parts.test,
            seen=seen,
            cold=cold if len(cold) else None,
            ks=ks,
            repeats=parts.repeats,
        )
        found[name] = result["model"] | ({"cold": result["cold"]} if "cold" in result else {})
    return found


def ranked(
    model: TwoTower | Blend,
    seen: Pairs,
    truth: Pairs,
    ks: tuple[int, ...],
    *,
    repeats: bool,
    cold: Pairs | None = None,
    mask: str | None = None,
    per_user: bool = False,
) -> dict[str, Any]:
    """How a model ranks what shoppers take, see `tfmm.evaluation.evaluate`; `mask` names an item
    feature to hide."""
    items = model.item_vectors(mask=mask, refresh=mask is None)
    users = model.user_vectors(seen, items=items)
    return evaluate(
        (users, items),
        truth,
        seen=seen,
        cold=cold if cold is not None and len(cold) else None,
        ks=ks,
        repeats=repeats,
        per_user=per_user,
    )


def list_lengths(config: EvaluateConfig) -> tuple[int, ...]:
    """Those that are measured: the run file's, and what choices are made on."""
    return tuple(sorted({*config.k, 20}))
