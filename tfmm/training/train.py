"""From a run file to a run folder: load, choose on validation, refit, meet the test once,
report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import yaml

from tfmm.data.columns import CategoryColumn
from tfmm.data.files import write_text
from tfmm.data.interactions import Interactions
from tfmm.data.shop import ShopData
from tfmm.data.splits import Split
from tfmm.evaluation import write_report
from tfmm.models.two_tower import TwoTower
from tfmm.models.weights import restore_weights, save_weights
from tfmm.retrieval import index_for
from tfmm.training.config import IndexConfig, RunConfig, RunFileError
from tfmm.training.fit import best_epoch, fit
from tfmm.training.measure import CHOICE, measure, validate
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
        FileExistsError: when `out` holds something else.
    """
    if isinstance(config, (str, Path)):
        config = RunConfig.from_file(config)
    elif not isinstance(config, RunConfig):
        config = RunConfig.from_dict(config)
    _check_index(config.index)
    out = Path(out)
    if _claim(out, config):
        say(f"{out} holds the finished run of this configuration.")
        return load_run(out)

    started = time.perf_counter()
    data = load_data(config)
    parts = None if data.shop.events is None else split_of(config, data)
    seconds = {"load": time.perf_counter() - started}
    say(f"Loaded {len(data.items):,} items" + _said(data, parts))

    started = time.perf_counter()
    model, search, history, examples = _fit_phases(config, data, parts, out, from_run, say)
    fitting = time.perf_counter() - started
    if search is not None:
        (out / MODEL).mkdir(parents=True, exist_ok=True)
        save_hubs(out / MODEL, hub_queries(model, config, search.final_train()))
    save_weights(model, out / MODEL, data.items.ids, data.users.ids)
    seconds["train"] = fitting

    started = time.perf_counter()
    metrics = {} if parts is None else measure(model, parts, config.evaluate, say)
    if parts is not None:
        metrics["split"] = parts.counts()
    if search is not None and len(search.test):
        say(f"Measuring search by the {len(search.test):,} items held out for its test.")
        metrics["search"] = measure_search(model, config, search, search.test, search.final_train())
    seconds["evaluate"] = time.perf_counter() - started
    metrics |= {
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "examples_per_second": round(examples / max(sum(r["seconds"] for r in history), 1e-9), 1),
        "config_sha256": config.sha256,
    }
    choice = SEARCH_CHOICE if parts is None else CHOICE
    write_report(metrics, out / "report.md", [row for row in history if choice in row])
    write_text(out / "metrics.json", json.dumps(metrics, indent=1))
    run = Run(out, config, data, model, metrics)
    if parts is not None:
        run.split = parts
    return run


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


def _fit_phases(
    config: RunConfig,
    data: ShopData,
    parts: Split | None,
    out: Path,
    from_run: str | Path | None,
    say: Callable[[str], None],
) -> tuple[TwoTower, SearchParts | None, list[dict[str, float]], int]:
    """The fitted model, what search learned from, the rows of all epochs, how many examples."""

    groups = _groups(config, data)

    def fresh() -> TwoTower:
        tf.keras.utils.set_random_seed(config.train.seed)
        model = build_model(config, data)
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

    model = fresh()
    search = None
    if model.alignment is not None:
        read = [*model.alignment.queries, *model.items.columns]
        search = search_parts(config, data, read, None if parts is None else parts.warm_items)
    choice = SEARCH_CHOICE if parts is None else CHOICE

    def aligned_with(model: TwoTower, rows: Any, pairs: Interactions | None) -> Aligned | None:
        if search is None:
            return None
        steps = None if pairs is None else -(-len(pairs) // config.train.batch_size)
        return aligned(config, data, model, rows, steps)

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
    pairs = None if parts is None else parts.train
    batches = aligned_with(model, search.train if search else None, pairs)
    ordered = parts is not None and parts.ordered
    history = fit(
        model,
        pairs,
        config.train,
        out / "checkpoints" / "choose",
        ordered=ordered,
        aligned=batches,
        choice=choice,
        groups=groups,
        validate=valid,
        say=say,
        logs=out / "logs" / "choose",
    )
    seen = len(history) * examples(pairs, batches)
    if parts is not None and not parts.refit:
        return model, search, history, seen
    epochs = best_epoch(history, choice)
    say(f"Refitting on training and validation for {epochs} epochs.")
    model = fresh()
    pairs = None if parts is None else parts.final_train()
    batches = aligned_with(model, search.final_train() if search else None, pairs)
    refitted = fit(
        model,
        pairs,
        config.train,
        out / "checkpoints" / "refit",
        ordered=ordered,
        aligned=batches,
        choice=choice,
        groups=groups,
        epochs=epochs,
        say=say,
        logs=out / "logs" / "refit",
    )
    return model, search, history + refitted, seen + epochs * examples(pairs, batches)


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
