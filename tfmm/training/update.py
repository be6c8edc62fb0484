"""Going on from a run with what happened since, in a fraction of the time of a new training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfmm.data.checks import CheckReport
from tfmm.data.files import replacing
from tfmm.data.shop_file.schema import Shop
from tfmm.data.shop_file.table_urls import TableUrl, placed
from tfmm.data.tables import as_text, read_table
from tfmm.data.tables.read import TableRead
from tfmm.evaluation.report import PLOTS
from tfmm.tasks.config import RunFileError
from tfmm.tasks.registry import task_class
from tfmm.training.alone import writes_alone
from tfmm.training.fit import fit
from tfmm.training.run import MODEL, Run, load_run, read_run, task_of
from tfmm.training.train import JOINED, claim_run, write_run


@writes_alone
def update(
    run: str | Path,
    out: str | Path,
    *,
    events: str | Path | None = None,
    shop: str | Path | Mapping[str, Any] | None = None,
    epochs: int = 1,
    replay: float = 1.0,
    say: Callable[[str], None] = print,
) -> Run:
    """Goes on from a finished run with the events since it was trained.

    The model starts from the run's weights, with fresh rows for new items and users, and learns
    from the new events and a sample of the earlier ones, so that it does not forget them; what was
    chosen on validation stays, and EASE and the prior are fitted on all events. Nothing is held
    out: what the new run's `metrics.json` tells is how the run before it ranked the new events,
    before they were learned from.

    ```python
    newer = tfmm.update("runs/hm", "runs/hm-today")
    newer.metrics["updated"]["events"]  # how many it learned from that the run had not met
    ```

    Source: the update of pretrained recommenders with replay, as in Mi et al., Continual learning
    for session-based recommendation, 2020; testing before learning, Gama et al., 2013.

    Args:
        run: the folder of a finished run of a task that can go on.
        out: the folder of the new run.
        events: a table of new events, with the columns of the shop's events; they are joined to the
            shop's, in `out/events.parquet`.
        shop: a shop file or mapping to read in place of the run's own. Without either, the run's
            tables are read as they are now.
        epochs: passes over the new events and the sample.
        replay: earlier pairs to learn from again, for each new one.
        say: takes lines of progress.

    Returns:
        The new run.

    Raises:
        FileNotFoundError: `run` is no finished run.
        RunFileError: its task cannot go on, it does not say until when it was trained, or there is
            nothing new.
        ShopFileError: the tables cannot be read as the shop file says.
        FileExistsError: `out` holds something else, an update by other events included.
    """
    run, out, started = Path(run), Path(out), time.perf_counter()
    config, before = read_run(run)
    if not task_class(config.task).updates:
        raise RunFileError(
            f"{run} holds a run of task {config.task!r}, which has no events to go on with. Train "
            "anew, or with `tfmm train --from`."
        )
    since = before.get("trained_until")
    if since is None:
        raise RunFileError(
            f"{run} does not say until when it was trained: its events have no times, or an "
            "earlier release trained it. Train it anew."
        )
    if epochs < 1 or replay < 0:
        raise ValueError(
            f"`epochs` must be at least 1 and `replay` 0 or more, got {epochs} and {replay}."
        )
    if shop is not None:
        config = config.with_values(shop=shop if isinstance(shop, Mapping) else str(shop))
    joined, reads = None, list[tuple[Path | TableUrl, TableRead]]()
    if events is not None:
        made, joined, reads = _joined(config.shop, Path(events), out, say)
        config = config.with_values(shop=made)
    finished = claim_run(out, config)
    if joined is not None:
        _check_same(joined, out, finished)
    if finished:
        say(f"{out} holds the finished update.")
        return load_run(out)
    if joined is not None:
        with replacing(out / JOINED) as aside:
            pq.write_table(joined, aside)
    # The rate falls over the passes that there are.
    brief = config.with_values(train=config.train.with_values(epochs=epochs))
    task = task_of(brief)
    task.check_data(measured=False)
    for path, read in reads:
        _tell(task.data.report, path, read)
    say(f"Going on from {run}, trained until {since}.")

    def learn(model: Any, part: Any) -> None:
        fit(task, model, part, out / "checkpoints" / "update", epochs=epochs, say=say)

    model, metrics = task.update(run / MODEL, since, before, replay, learn, say)
    task.save(model, out / MODEL)
    seconds = {"update": round(time.perf_counter() - started, 2)}
    metrics |= {"seconds": seconds, "config_sha256": config.sha256}
    metrics["updated"] |= {"from": str(run), "since": since}
    write_run(out, task.report(metrics, [], out / PLOTS), metrics)
    say(f"wrote {out}")
    return Run(out, config, type(task)(config, task.data), model, metrics)


def _joined(
    shop: Any, file: Path, out: Path, say: Callable[[str], None]
) -> tuple[dict[str, Any], pa.Table, list[tuple[Path | TableUrl, TableRead]]]:
    """A shop whose events are its own and those of a file, their table in `out`, and the two that
    were read."""
    made = Shop.of(shop)
    if made.events is None:
        raise RunFileError(f"{made} has no events that those of {file} could join.")
    columns, tables, reads = made.events.columns(), [], []
    for path in (placed(made.root, made.events.table), file.absolute()):
        read = read_table(path, columns, str(made), made.events.format)
        reads.append((path, read))
        table = read.table
        for said in read.notes:
            say(f"{path}: {said}")
        if read.bad:
            say(f"{path}: {len(read.bad)} rows with too many or too few cells are left out.")
        texts = {name: as_text(table.column(name), f"{path}, column {name!r}") for name in columns}
        tables.append(pa.table(texts))
    say(f"{file}: {tables[1].num_rows:,} events join {tables[0].num_rows:,}.")
    mapping = made.to_dict()
    mapping["events"]["table"] = str((out / JOINED).absolute())
    return mapping, pa.concat_tables(tables), reads


def _check_same(joined: pa.Table, out: Path, finished: bool) -> None:
    """Looks whether an update that was begun was begun with the same events.

    Raises:
        FileExistsError: it was not.
    """
    begun = finished or any(path.is_file() for path in (out / "checkpoints").rglob("*"))
    if begun and pq.read_table(out / JOINED) != joined:
        raise FileExistsError(
            f"{out} holds an update by other events than those given now. Choose another folder, "
            "or remove that one."
        )


def _tell(report: CheckReport, path: Path | TableUrl, read: TableRead) -> None:
    """Tells in the report of the joined events how one of their tables was read."""
    name = path.name if isinstance(path, Path) else path
    for said in read.notes:
        report.note("events", f"{name}: {said}")
    report.record("bad_rows", "events", len(read.bad), read.bad)
