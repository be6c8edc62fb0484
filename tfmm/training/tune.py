"""Searches a run file's values on validation, trial by trial, and writes the best run file."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
import yaml
from rich.console import Console
from rich.table import Table

from tfmm.data.files import write_text
from tfmm.data.progress import Bar
from tfmm.data.shop_file.strict_yaml import read_yaml
from tfmm.tasks.base import Metric, Task
from tfmm.tasks.config import RunFileError
from tfmm.training.alone import writes_alone
from tfmm.training.claim import claim
from tfmm.training.run import check_new, read_config, task_of
from tfmm.training.search_space import (
    Choice,
    Range,
    SearchSpace,
    default_space,
    search_space,
    value_of,
    with_values,
)
from tfmm.training.trainer import Trainer, check_choosable

_STUDY = "study.yaml"
#: The first epoch after which a trial may be pruned: low rates and high temperatures start slowly.
_WARMUP = 3
#: What ends one trial alone: values that do not go together among it.
_FAILURES = (FloatingPointError, tf.errors.ResourceExhaustedError, RunFileError)


@dataclass(frozen=True)
class Tuned:
    """What a search found.

    Attributes:
        best: the run file with the best values, ready for `tfmm train`.
        metric: what was searched for, such as `recall@20`.
        value: what the best reached of it on validation.
        values: its values by key.
        trials: a row for every trial: `trial`, `state`, the metric, `epochs`, `seconds` and the
            values by key.
    """

    best: Path
    metric: str
    value: float
    values: dict[str, Any]
    trials: list[dict[str, Any]]


@writes_alone
def tune(
    config: str | Path | Mapping[str, Any],
    out: str | Path,
    *,
    space: Mapping[str, Any] | None = None,
    trials: int = 20,
    minutes: float | None = None,
    seed: int = 1,
    say: Callable[[str], None] = print,
) -> Tuned:
    """Searches for the values of a run file that are best on validation, by its task's choice.

    Every trial is what `tfmm train` does to choose; the test part is never met. The run file's own
    values come first where the space holds them; then Optuna's tree-structured Parzen estimator
    proposes. A trial that after its third epoch, or a later one, is worse than the median of the
    earlier ones was then is stopped. Every trial, and the best run file so far, is kept in the
    study folder at once: started again, the search goes on, and a trial that was cut off is run
    again.

    Writes to `out`: `study.yaml` (the run file and the space), `journal.log` (Optuna's storage),
    `trials.csv` and `trials.json`, and `best.yaml`.

    Source: Akiba et al., Optuna, KDD 2019.

    Args:
        config: a run file, or what it would hold.
        out: the study folder: new, or that of the same search.
        space: by dotted key a range `low..high` or `low..high:log`, or a list of values; by default
            learning rate, temperature, batch size and dimensions (`search_space.default_space`).
        trials: how many in all, those of an earlier start included.
        minutes: start no new trial after so many.
        seed: of the proposals; every model is trained with the run file's own seed.
        say: takes lines of progress.

    Raises:
        ModuleNotFoundError: Optuna is not installed.
        RunFileError: a run file or a space that cannot be used, or no trial that succeeded.
        FileExistsError: `out` holds something else.
    """
    optuna = _optuna()
    if trials < 1:
        raise ValueError(f"`trials` must be at least 1, got {trials}.")
    base, where = _base(config)
    complete = read_config(base)
    searched = search_space(default_space(complete) if space is None else space, base, where)
    check_new(complete)
    out = Path(out)
    _claim(out, base, searched)
    task = task_of(complete)
    name = task.choice.name
    task.check_data(measured=False)
    check_choosable(task, where)
    _check_values(base, searched, task, where)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(out / "journal.log"))
    )
    study = optuna.create_study(
        study_name="tfmm",
        storage=storage,
        direction="maximize" if task.choice.higher_is_better else "minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=_WARMUP),
    )
    cut_off = _end_cut_off(study, optuna)
    done = _finished(study, optuna)
    if done:
        say(f"{out} holds {done} finished trials of this search.")
    elif not cut_off:
        own = {key: value_of(complete, key) for key in searched}
        outside = [key for key, value in own.items() if value not in searched[key]]
        if outside:
            say(f"The run file's own values are not tried: the space leaves out {outside}.")
        else:
            study.enqueue_trial({key: _asked(searched[key], own[key]) for key in searched})
    study.sampler = optuna.samplers.TPESampler(seed=seed + done)

    started = time.perf_counter()
    bar = Bar(trials, "trials", unit="trials", done=done)
    while done < trials and (minutes is None or time.perf_counter() - started < 60 * minutes):
        trial = study.ask()
        values = _propose(trial, searched)
        began = time.perf_counter()
        state, reached = optuna.trial.TrialState.COMPLETE, None
        try:
            with tempfile.TemporaryDirectory() as folder:
                changed = with_values(base, values)
                reached = _run_trial(changed, task, Path(folder), trial, optuna)
        except optuna.TrialPruned:
            state = optuna.trial.TrialState.PRUNED
        except _FAILURES as error:
            state = optuna.trial.TrialState.FAIL
            say(f"trial {trial.number}: {error}")
        trial.set_user_attr("seconds", round(time.perf_counter() - began, 1))
        study.tell(trial, reached, state=state)
        _keep(out, base, searched, _rows(study, searched, task.choice), task.choice)
        before, done = done, _finished(study, optuna)
        bar.advance(done - before)
        line = "  ".join(f"{key} {_short(value)}" for key, value in values.items())
        found = f"{reached:.4f}" if reached is not None else state.name.lower()
        say(f"trial {done}/{trials}  {name} {found}  {line}")
    bar.stop()
    rows = _rows(study, searched, task.choice)
    best = _keep(out, base, searched, rows, task.choice)
    if best is None:
        raise RunFileError(f"No trial succeeded of the {len(rows)} in {out / 'trials.csv'}.")
    values = {key: best[key] for key in searched}
    return Tuned(out / "best.yaml", name, best[name], values, rows)


def _check_values(base: Mapping[str, Any], searched: SearchSpace, task: Task, where: str) -> None:
    """Refuses values of which no model could be made, each beside the run file's own others.

    Raises:
        RunFileError: the message names the key and the value.
    """
    for key, part in searched.items():
        for value in part.values if isinstance(part, Choice) else (part.low, part.high):
            try:
                config = read_config(with_values(base, {key: value}))
                check_new(config)
                task.over(config, task.data).check_data(measured=False)
            except ValueError as error:
                raise RunFileError(f"{where}: `{key}: {value}`: {error}") from error


def _keep(
    out: Path,
    base: Mapping[str, Any],
    searched: SearchSpace,
    rows: list[dict[str, Any]],
    choice: Metric,
) -> dict[str, Any] | None:
    """Writes the trials and the best run file so far; returns its row, None without any."""
    write_text(out / "trials.json", json.dumps(rows, indent=1))
    if rows:
        table = io.StringIO()
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(out / "trials.csv", table.getvalue())
    complete = [row for row in rows if row["state"] == "complete"]
    if not complete:
        return None
    best = complete[choice.best([row[choice.name] for row in complete])]
    values = {key: best[key] for key in searched}
    found = f"{choice.name} {best[choice.name]:.4f}"
    text = f"# The best of {len(rows)} trials: {found} on validation.\n"
    text += yaml.safe_dump(with_values(base, values), sort_keys=False, allow_unicode=True)
    write_text(out / "best.yaml", text)
    return best


def print_trials(tuned: Tuned, most: int = 15) -> None:
    """Prints the best trials as a table."""
    best_first = sorted(
        tuned.trials,
        key=lambda row: abs(tuned.value - row[tuned.metric]) if row[tuned.metric] else math.inf,
    )
    rows = best_first[:most]
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "state" else "right")
    for row in rows:
        table.add_row(*("" if value is None else _short(value) for value in row.values()))
    Console().print(table)


def _base(config: str | Path | Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The run file's mapping with its shop's path made absolute, and what errors call it."""
    if isinstance(config, Mapping):
        return {**config, "shop": read_config(config).shop}, "the run configuration"
    complete = read_config(config)
    value = read_yaml(config, RunFileError)
    return {**value, "shop": complete.shop}, str(config)


def _claim(out: Path, base: Mapping[str, Any], searched: SearchSpace) -> None:
    """Makes the folder this search's."""
    mine = {"run": dict(base), "space": {key: str(value) for key, value in searched.items()}}
    mine = json.loads(json.dumps(mine, default=str))
    other = "a search of another run file or space"
    claim(out / _STUDY, mine, lambda before: before == mine, other, "study folder")


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "`tfmm tune` needs the package optuna, which is not installed. To resolve this, "
            "`pip install tfmm[tune]`.",
            name="optuna",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def _propose(trial: Any, searched: SearchSpace) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, part in searched.items():
        if isinstance(part, Choice):
            asked = [_asked(part, value) for value in part.values]
            values[key] = part.values[asked.index(trial.suggest_categorical(key, asked))]
        elif part.whole:
            values[key] = trial.suggest_int(key, int(part.low), int(part.high), log=part.log)
        else:
            values[key] = trial.suggest_float(key, part.low, part.high, log=part.log)
    trial.set_user_attr("values", values)
    return values


def _asked(part: Range | Choice, value: Any) -> Any:
    """A value as Optuna is asked for it: mappings and lists, which it refuses, by their YAML."""
    if isinstance(part, Range) or isinstance(value, (str, int, float, bool)):
        return value
    return yaml.safe_dump(value, default_flow_style=True).strip()


def _run_trial(
    value: Mapping[str, Any], base: Task, folder: Path, trial: Any, optuna: Any
) -> float:
    """What one trial reached on validation, or TrialPruned."""
    config = read_config(value)
    tf.keras.backend.clear_session()
    # The tables are read once, unless these values ask for another column of the events.
    columns = base.event_columns(config, base.data.shop)
    task = task_of(config, base.data if set(columns) <= set(base.data.events.extra) else None)
    name = task.choice.name

    def watch(row: dict[str, float]) -> None:
        epoch = trial.user_attrs.get("epochs", 0) + 1
        trial.report(row[name], epoch)
        trial.set_user_attr("epochs", epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    reached = Trainer(task, folder).choose(watch).value
    assert reached is not None
    return reached


def _end_cut_off(study: Any, optuna: Any) -> int:
    """Ends the trials that an earlier start left running, and asks for their values again."""
    states = (optuna.trial.TrialState.RUNNING,)
    left = study.get_trials(deepcopy=False, states=states)
    for trial in left:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params)
    return len(left)


def _finished(study: Any, optuna: Any) -> int:
    """Trials that came to an end of their own."""
    return sum(
        "seconds" in trial.user_attrs and trial.state.is_finished() for trial in study.trials
    )


def _rows(study: Any, searched: SearchSpace, choice: Metric) -> list[dict[str, Any]]:
    rows = []
    for trial in study.trials:
        if "seconds" not in trial.user_attrs:
            continue
        # A trial that ended early is told by its best epoch.
        reported = list(trial.intermediate_values.values())
        value = reported[choice.best(reported)] if reported else None
        rows.append(
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                choice.name: trial.value if trial.state.name == "COMPLETE" else value,
                "epochs": trial.user_attrs.get("epochs", 0),
                "seconds": trial.user_attrs["seconds"],
                **{key: trial.user_attrs["values"][key] for key in searched},
            }
        )
    return rows


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
