"""`tfmm export`: writes a servable SavedModel, or checks one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, ModelName, argument, at_least_0, at_least_1, option

app = typer.Typer()


@app.command(cls=Command, help="write a servable SavedModel, or check one")
def export(
    context: typer.Context,
    run: Annotated[Path | None, argument("RUN", "the run folder")] = None,
    out: Annotated[
        Path | None, option("--out", metavar="MODELS", help="the folder of all models")
    ] = None,
    check: Annotated[
        Path | None,
        option(
            "--check",
            metavar="DIR",
            help="write nothing; say whether the stock TensorFlow Serving server can serve the "
            "versions in DIR (a version, a model or a folder of models, of any origin)",
        ),
    ] = None,
    name: ModelName = None,
    k: Annotated[
        int | None,
        option(
            "--k",
            metavar="K",
            help="items in an answer (default: the run's)",
            check=at_least_1,
        ),
    ] = None,
    index: Annotated[
        str | None,
        option(
            "--index",
            metavar="KIND",
            help="auto, brute_force, ivf or scann (default: the run's index.kind)",
        ),
    ] = None,
    no_exclude_seen: Annotated[
        bool,
        option("--no-exclude-seen", help="also recommend items that the user has events of"),
    ] = False,
    weights: Annotated[
        Literal["float32", "bfloat16", "int8"],
        option(
            "--weights",
            help="how the tables of vectors are stored; the loss in recall is measured and said",
        ),
    ] = "float32",
    rank: Annotated[
        Path | None,
        option(
            "--rank",
            metavar="RUN",
            help="a ranking run, which puts what RUN finds in order, in the same request",
        ),
    ] = None,
    candidates: Annotated[
        int,
        option("--candidates", metavar="M", help="items that it judges", check=at_least_1),
    ] = 500,
    by: Annotated[
        str | None,
        option("--by", metavar="LABEL", help="the label that answers are ordered by (--rank)"),
    ] = None,
    diversity: Annotated[
        float,
        option(
            "--diversity",
            metavar="SHARE",
            help="how much unlikeness to the items before counts (--rank), 0 to below 1",
        ),
    ] = 0.0,
    cap: Annotated[
        list[str] | None,
        option(
            "--cap",
            metavar="FEATURE=N",
            help="the most items of one value of a category, such as brand=3 (--rank)",
        ),
    ] = None,
    warmup_rows: Annotated[
        int | None,
        option(
            "--warmup-rows",
            metavar="N",
            help="rows of the larger warm-up request of each signature, which the max_batch_size "
            "of a server that merges requests must have room for; 0 for none (default 16)",
            check=at_least_0,
        ),
    ] = None,
    debug: Debug = False,
) -> int:
    if check is not None:
        if run is not None or out is not None:
            context.fail("--check DIR takes no RUN and no --out: it writes nothing")
        return _check_export(check)
    if run is None or out is None:
        context.fail("expected RUN --out MODELS, or --check DIR")
    from tfmm.export import export_model

    # What was not asked for is the task's own to say, and not every task has all of these.
    given = {
        "k": k,
        "exclude_seen": False if no_exclude_seen else None,
        "weights": None if weights == "float32" else weights,
        "index": index,
        "warmup_rows": warmup_rows,
    }
    asked: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if rank is not None or by is not None or diversity or cap:
        asked |= {"rank": rank, "candidates": candidates, "by": by, "diversity": diversity}
        asked["cap"] = dict(_capped(context, one) for one in cap or [])
    version = export_model(run, out, name=name, **asked)
    print(f"wrote {version}")
    print(f"serve it with: tfmm serve {out}")
    return 0


def _capped(context: typer.Context, given: str) -> tuple[str, int]:
    name, _, most = given.rpartition("=")
    if not name or not most.isdecimal():
        context.fail(f"--cap expects FEATURE=N, such as brand=3, but got {given!r}")
    return name, int(most)


def _check_export(folder: Path) -> int:
    from tfmm.export import check_stock

    verdicts = check_stock(folder)
    for verdict in verdicts:
        print(verdict)
    return 0 if all(verdict.ok for verdict in verdicts) else 1
