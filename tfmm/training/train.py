"""From a run file to a run folder: load, choose on validation, refit, meet the test once,
report."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import yaml

from tfmm.baselines import Content, content_vectors, create
from tfmm.data.columns import CategoryColumn
from tfmm.data.files import write_text
from tfmm.data.shop import ShopData
from tfmm.data.splits import Split
from tfmm.evaluation import write_report
from tfmm.models.blend import Blend
from tfmm.models.linear_part import LinearPart
from tfmm.models.two_tower import TwoTower
from tfmm.models.weights import restore_weights, save_weights
from tfmm.retrieval import index_for
from tfmm.training.blend import BlendChoice, check_blend, choose_blend, fit_linear
from tfmm.training.config import IndexConfig, RunConfig, RunFileError
from tfmm.training.fit import best_epoch, fit
from tfmm.training.measure import CHOICE, measure, measure_parts, validate
from tfmm.training.run import MODEL, Run, build_model, load_data, load_run, split_of


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
    validation too, meet the test once. Splits given by a column are not refitted. A run that was
    killed goes on from its last checkpoint when it is started again with the same configuration.

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
    parts = split_of(config, data)
    check_blend(config.blend, len(data.items))
    seconds = {"load": time.perf_counter() - started}
    say(
        f"Loaded {len(data.items):,} items, {len(data.users):,} users, {len(data.events):,} "
        f"events: {len(parts.train):,} distinct pairs to train on, {len(parts.valid):,} for "
        f"validation, {len(parts.test):,} for the test."
    )

    started = time.perf_counter()
    model, history, examples, choice = _fit_phases(config, data, parts, out, from_run, say)
    linear = _linear(config, parts, choice)
    fitting = time.perf_counter() - started
    if linear is not None:
        linear.save(out / MODEL, data.items.ids)
    save_weights(model, out / MODEL, data.items.ids, data.users.ids)
    seconds["train"] = fitting

    started = time.perf_counter()
    blend = None if linear is None else Blend(model, linear)
    tuned: dict[str, dict[str, Any]] = {}
    if choice is not None and config.blend.lam is None:
        tuned["ease"] = {"lam": choice.lam}
    if Content.name in config.evaluate.baselines:
        tuned[Content.name] = {"item_vectors": content_vectors(data.items)}
    metrics = measure(blend or model, parts, config.evaluate, say, params=tuned)
    if choice is not None:
        metrics["blend"] = {**dataclasses.asdict(choice), "rank": config.blend.rank}
    if blend is not None:
        metrics["blend"] |= measure_parts(blend, parts, config.evaluate)
    seconds["evaluate"] = time.perf_counter() - started
    metrics |= {
        "split": parts.counts(),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "examples_per_second": round(examples / max(sum(r["seconds"] for r in history), 1e-9), 1),
        "config_sha256": config.sha256,
    }
    write_report(metrics, out / "report.md", [row for row in history if CHOICE in row])
    write_text(out / "metrics.json", json.dumps(metrics, indent=1))
    run = Run(out, config, data, model, metrics, linear)
    run.split = parts
    return run


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
    parts: Split,
    out: Path,
    from_run: str | Path | None,
    say: Callable[[str], None],
) -> tuple[TwoTower, list[dict[str, float]], int, BlendChoice | None]:
    """The fitted model, the rows of all epochs, how many examples they saw, and what was chosen
    for the blend."""

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

    model = fresh()
    say(f"Choosing the number of epochs on validation, {config.train.epochs} at most.")
    history = fit(
        model,
        parts.train,
        config.train,
        out / "checkpoints" / "choose",
        ordered=parts.ordered,
        groups=groups,
        validate=lambda: validate(model, parts),
        say=say,
        logs=out / "logs" / "choose",
    )
    examples = len(history) * len(parts.train)
    choice = choose_blend(model, parts, config.blend, say) if config.blend.ease else None
    if not parts.refit:
        return model, history, examples, choice
    epochs = best_epoch(history)
    say(f"Refitting on training and validation for {epochs} epochs.")
    model = fresh()
    refitted = fit(
        model,
        parts.final_train(),
        config.train,
        out / "checkpoints" / "refit",
        ordered=parts.ordered,
        groups=groups,
        epochs=epochs,
        say=say,
        logs=out / "logs" / "refit",
    )
    return model, history + refitted, examples + epochs * len(parts.final_train()), choice


def _linear(config: RunConfig, parts: Split, choice: BlendChoice | None) -> LinearPart | None:
    """The linear part as it was chosen, fitted on what the model is; None where none pays."""
    if choice is None or choice.weight == 0:
        return None
    fitted = fit_linear(parts.final_train(), choice.lam, config.blend.rank)
    return fitted.weighted(choice.weight, choice.scale)


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
