"""From a run file to a run folder: load, choose on validation, refit, meet the test once,
report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfmm.data.files import replacing
from tfmm.data.manifest import write_manifest
from tfmm.evaluation.report import PLOTS, Section, write_report
from tfmm.tasks.config import RunConfig
from tfmm.training.alone import writes_alone
from tfmm.training.claim import claim
from tfmm.training.run import CONFIG, METRICS, MODEL, Run, check_new, load_run, read_config, task_of
from tfmm.training.trainer import Trainer, check_choosable, warm_start

#: The events that `tfmm.training.update` joined, in the folder of its run.
JOINED = "events.parquet"


@writes_alone
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

    ```python
    run = tfmm.train("run.yaml", "runs/first")
    run.metrics["model"]["recall@20"], run.metrics["baselines"]["popularity"]["recall@20"]
    ```

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
    config = read_config(config)
    check_new(config)
    out = Path(out)
    if claim_run(out, config):
        say(f"{out} holds the finished run of this configuration.")
        return load_run(out)

    started = time.perf_counter()
    task = task_of(config)
    task.check_data()
    summary = task.summary()
    check_choosable(task)
    seconds = {"load": time.perf_counter() - started}
    say(f"Loaded {summary}")

    started = time.perf_counter()
    start = None if from_run is None else warm_start(task, Path(from_run) / MODEL, say)
    trainer = Trainer(task, out, start=start, say=say)
    say(f"Choosing the number of epochs on validation, {config.train.epochs} at most.")
    choice = trainer.choose()
    model = trainer.refit(choice)
    task.save(model, out / MODEL)
    seconds["train"] = time.perf_counter() - started

    started = time.perf_counter()
    metrics = task.evaluate(model, choice.decided, say)
    seconds["evaluate"] = time.perf_counter() - started
    trained = sum(row["seconds"] for row in trainer.history)
    metrics |= {
        "validation": {task.choice.name: choice.value, "epochs": choice.epochs},
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "examples_per_second": round(trainer.examples / max(trained, 1e-9), 1),
        "config_sha256": config.sha256,
    }
    sections = task.report(metrics, trainer.history, out / PLOTS)
    write_run(out, sections, metrics)
    return Run(out, config, task, model, metrics)


def write_run(out: Path, sections: list[Section], metrics: Mapping[str, Any]) -> None:
    """Writes the report, the metrics and the manifest of a run whose model is saved."""
    write_report(out / "report.md", sections, metrics)
    # The metrics say that a run is finished: they come last.
    with replacing(out / METRICS) as aside:
        aside.write_text(json.dumps(metrics, indent=1), encoding="utf-8")
        write_manifest(out, CONFIG, METRICS, MODEL, soon={METRICS: aside})


def claim_run(out: Path, config: RunConfig) -> bool:
    """Makes the folder this configuration's; True when its run is finished already.

    Raises:
        FileExistsError: the folder holds something else.
    """
    known = claim(
        out / CONFIG,
        config.to_dict(),
        lambda before: read_config(before).sha256 == config.sha256,
        "a run of another configuration",
        "run folder",
        inputs=(JOINED,),
    )
    return known and (out / METRICS).exists()
