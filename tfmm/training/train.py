"""From a run file to a run folder: load, choose on validation, refit, meet the test once,
report."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import yaml

from tfmm.baselines import Content, content_vectors, create
from tfmm.data.columns import CategoryColumn, ImageColumn
from tfmm.data.files import write_text
from tfmm.data.interactions import Interactions
from tfmm.data.parts import Split
from tfmm.data.shop import ShopData
from tfmm.evaluation import write_report
from tfmm.models.blend import Blend
from tfmm.models.linear_part import LinearPart
from tfmm.models.two_tower import TwoTower
from tfmm.models.weights import restore_weights, save_weights
from tfmm.retrieval import index_for
from tfmm.training.blend import BlendChoice, check_blend, choose_blend, fit_linear
from tfmm.training.config import IndexConfig, RunConfig, RunFileError
from tfmm.training.fit import best_epoch, fit
from tfmm.training.measure import CHOICE, looked_at, measure, measure_parts, validate
from tfmm.training.run import MODEL, Run, build_model, load_data, load_run, split_of
from tfmm.training.search import (
    SEARCH_CHOICE,
    Aligned,
    SearchParts,
    aligned,
    hub_queries,
    measure_search,
    save_hubs,
    search_parts,
)


def train(
    config: RunConfig | Mapping[str, Any] | str | Path,
    out: str | Path,
    *,
    from_run: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Run:
    """Trains as a run file says and writes the run folder `out`.

    The model is fitted on the training part and its number of epochs chosen on validation; then a
    new one is fitted on training and validation together, and it and every baseline, tuned on
    validation too, meet the test once. A shop without events is trained for search alone, and
    measured by items whose texts and files were held out whole. Splits given by a column are not
    refitted. A run that was killed goes on from its last checkpoint when it is started again with
    the same configuration.

    Args:
        config: a run file, or what it would hold.
        out: the run folder: new, or one of the same configuration.
        from_run: an earlier run, whose weights the training starts from; items, users, words and
            categories that it did not have join with fresh rows.
        say: takes lines of progress.

    Returns:
        The finished run.

    Raises:
        RunFileError: for a configuration that cannot be used.
        ValueError, ModuleNotFoundError: for a baseline that there is not, or whose package is not
            installed.
        FileExistsError: when `out` holds something else.
    """
    if isinstance(config, (str, Path)):
        config = RunConfig.from_file(config)
    elif not isinstance(config, RunConfig):
        config = RunConfig.from_dict(config)
    _check_index(config.index)
    check_blend(config.blend)
    for name in config.evaluate.baselines:
        create(name)
    out = Path(out)
    if _claim(out, config):
        say(f"{out} holds the finished run of this configuration.")
        return load_run(out)

    started = time.perf_counter()
    data = load_data(config)
    parts = None if data.shop.events is None else split_of(config, data)
    check_blend(config.blend, len(data.items))
    _check_together(config, parts)
    seconds = {"load": time.perf_counter() - started}
    say(f"Loaded {len(data.items):,} items" + _said(data, parts))

    started = time.perf_counter()
    fitted = _fit_phases(config, data, parts, out, from_run, say)
    model, search, linear = fitted.model, fitted.search, _linear(config, parts, fitted.blend)
    fitting = time.perf_counter() - started
    (out / MODEL).mkdir(parents=True, exist_ok=True)
    if search is not None:
        save_hubs(out / MODEL, hub_queries(model, config, search.final_train()))
    if linear is not None:
        linear.save(out / MODEL, data.items.ids)
    save_weights(model, out / MODEL, data.items.ids, data.users.ids)
    seconds["train"] = fitting

    started = time.perf_counter()
    metrics = {} if parts is None else _measure(config, data, fitted, linear, parts, say)
    if parts is not None:
        metrics["split"] = parts.counts()
    if search is not None and len(search.test):
        say(f"Measuring search by the {len(search.test):,} items held out for its test.")
        metrics["search"] = measure_search(model, config, search, search.test, search.final_train())
    seconds["evaluate"] = time.perf_counter() - started
    trained = sum(row["seconds"] for row in fitted.history)
    metrics |= {
        "looked_at": {} if parts is None else looked_at(model, parts, data.items),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "examples_per_second": round(fitted.examples / max(trained, 1e-9), 1),
        "config_sha256": config.sha256,
    }
    choice = SEARCH_CHOICE if parts is None else CHOICE
    learned = [row for row in fitted.history if choice in row]
    write_report(metrics, out / "report.md", learned, _pictures(data, metrics["looked_at"]))
    write_text(out / "metrics.json", json.dumps(metrics, indent=1))
    run = Run(out, config, data, model, metrics, linear)
    if parts is not None:
        run.split = parts
    return run


def _pictures(data: ShopData, rows: Mapping[str, Any]) -> dict[str, Path]:
    """The first picture, where there is one, of each item that `looked_at` tells of."""
    ids = [row["item"] for part in rows.values() for row in part]
    found: dict[str, Path] = {}
    for column in data.items.features.values():
        if isinstance(column, ImageColumn):
            shown = zip(ids, column.take(data.items.rows(ids)).paths, strict=True)
            found = {item: paths[0] for item, paths in shown if paths} | found
    return found


def _said(data: ShopData, parts: Split | None) -> str:
    if parts is None:
        return "; there are no events, so the model learns to search."
    return (
        f", {len(data.users):,} users, {len(data.events):,} events: {len(parts.train):,} distinct "
        f"pairs to train on, {len(parts.valid):,} for validation, {len(parts.test):,} for the test."
    )


def _check_index(index: IndexConfig) -> None:
    """Refuses an index that the export could not make, before the training rather than after."""
    options = {"recall": index.recall, "storage": index.storage}
    try:
        index_for(index.kind, k=index.k, n_candidates=0, **options)
    except ValueError as error:
        raise RunFileError(f"`index`: {error}") from error


def _claim(out: Path, config: RunConfig) -> bool:
    """Makes the folder this configuration's; True when its run is finished already."""
    written = out / "config.yaml"
    if written.exists():
        before = RunConfig.from_dict(yaml.safe_load(written.read_text()))
        if before.sha256 != config.sha256:
            raise FileExistsError(
                f"{out} holds a run of another configuration ({written}). Choose another folder, "
                "or remove that one."
            )
        return (out / "metrics.json").exists()
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(
            f"{out} exists and is no run folder. Choose a new or an empty folder."
        )
    out.mkdir(parents=True, exist_ok=True)
    write_text(written, yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True))
    return False


def _check_together(config: RunConfig, parts: Split | None) -> None:
    """Refuses parts of a configuration that do not go together."""
    if config.blend.ease and parts is None:
        raise RunFileError("`blend` needs events to learn EASE from, and the shop has none.")
    if config.blend.ease and config.search.queries:
        raise RunFileError(
            "`blend` makes item vectors longer than the queries of `search` are, so a model has "
            "one or the other. To resolve this, leave one out, or train two models."
        )


@dataclass
class _Fitted:
    """What came of fitting.

    Attributes:
        model: the fitted model.
        history: the rows of all epochs.
        examples: how many examples they saw.
        search: what search learned from, where it did.
        blend: what was chosen for the blend, where one was asked for.
    """

    model: TwoTower
    history: list[dict[str, float]]
    examples: int
    search: SearchParts | None
    blend: BlendChoice | None


def _fit_phases(
    config: RunConfig,
    data: ShopData,
    parts: Split | None,
    out: Path,
    from_run: str | Path | None,
    say: Callable[[str], None],
) -> _Fitted:
    """Chooses the number of epochs, and the blend, on validation; then fits anew on all there is
    to train on, where the split asks for that."""
    groups = _groups(config, data)

    def fresh(pairs: Interactions | None) -> TwoTower:
        tf.keras.utils.set_random_seed(config.train.seed)
        model = build_model(config, data, pairs)
        if from_run is not None:
            moved = restore_weights(model, Path(from_run) / MODEL, data.items.ids, data.users.ids)
            say(
                f"Starting from {from_run}: {moved['restored']} weights taken over, "
                f"{moved['new_items']:,} new items."
            )
        return model

    def examples(pairs: Interactions | None, items: Aligned | None) -> int:
        if pairs is not None:
            return len(pairs)
        return items.steps * min(config.search.batch_size, len(items.rows)) if items else 0

    pairs = None if parts is None else parts.train
    model = fresh(pairs)
    search = None
    if model.alignment is not None:
        read = [*model.alignment.queries, *model.items.columns]
        search = search_parts(config, data, read, None if parts is None else parts.warm_items)
    choice = SEARCH_CHOICE if parts is None else CHOICE

    def phase(
        model: TwoTower, name: str, pairs: Interactions | None, rows: Any, **more: Any
    ) -> tuple[list[dict[str, float]], int]:
        """Fits on pairs and the items that search learns from; epochs' rows, and examples seen."""
        batches = None
        if search is not None:
            steps = None if pairs is None else -(-len(pairs) // config.train.batch_size)
            batches = aligned(config, data, model, rows, steps)
        history = fit(
            model,
            pairs,
            config.train,
            out / "checkpoints" / name,
            ordered=parts is not None and parts.ordered,
            aligned=batches,
            choice=choice,
            groups=groups,
            say=say,
            logs=out / "logs" / name,
            **more,
        )
        return history, len(history) * examples(pairs, batches)

    def valid() -> dict[str, float]:
        row = {} if parts is None else validate(model, parts)
        if search is not None and len(search.valid):
            found = measure_search(
                model, config, search, search.valid, search.train, refresh=parts is None
            )
            first = next(iter(found.values()))
            row |= {SEARCH_CHOICE: first["recall@10"], "search_mrr": first["mrr"]}
        return row

    if parts is None and search is not None and not len(search.valid):
        raise RunFileError(
            "`search.valid` leaves no items to choose the number of epochs by; raise it."
        )
    say(f"Choosing the number of epochs on validation, {config.train.epochs} at most.")
    rows = None if search is None else search.train
    history, seen = phase(model, "choose", pairs, rows, validate=valid)
    blend = None
    if parts is not None and config.blend.ease:
        blend = choose_blend(model, parts, config.blend, say)
    if parts is not None and not parts.refit:
        return _Fitted(model, history, seen, search, blend)
    epochs = best_epoch(history, choice)
    say(f"Refitting on training and validation for {epochs} epochs.")
    pairs = None if parts is None else parts.final_train()
    model = fresh(pairs)
    rows = None if search is None else search.final_train()
    refitted, again = phase(model, "refit", pairs, rows, epochs=epochs)
    return _Fitted(model, history + refitted, seen + again, search, blend)


def _linear(
    config: RunConfig, parts: Split | None, choice: BlendChoice | None
) -> LinearPart | None:
    """The linear part as it was chosen, fitted on what the model is; None where none pays."""
    if parts is None or choice is None or choice.weight == 0:
        return None
    fitted = fit_linear(parts.final_train(), choice.lam, config.blend)
    return fitted.weighted(choice.weight, choice.scale)


def _measure(
    config: RunConfig,
    data: ShopData,
    fitted: _Fitted,
    linear: LinearPart | None,
    parts: Split,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """What `metrics.json` says of the model, blended where it is, and of the baselines."""
    choice = fitted.blend
    blend = None if linear is None else Blend(fitted.model, linear)
    given = {}
    if Content.name in config.evaluate.baselines:
        given[Content.name] = {"item_vectors": content_vectors(data.items)}
    metrics = measure(blend or fitted.model, parts, config.evaluate, say, params=given)
    if choice is not None:
        of_file = {"rank": config.blend.rank, "activity": config.blend.activity}
        metrics["blend"] = {**dataclasses.asdict(choice), **of_file}
    if blend is not None:
        metrics["blend"] |= measure_parts(blend, parts, config.evaluate)
    return metrics


def _groups(config: RunConfig, data: ShopData) -> np.ndarray | None:
    """The class of each item that `train.balance` evens out; None for every item its own."""
    name = config.train.balance_by
    if name is None:
        return None
    column = data.items.features.get(name)
    if not isinstance(column, CategoryColumn):
        categories = [n for n, c in data.items.features.items() if c.kind == "category"]
        raise RunFileError(
            f"`train.balance_by` must name a category feature of the items, got {name!r}; there "
            f"are: {', '.join(categories) or 'none'}."
        )
    return column.codes + 1
