"""The report of a shop's shoppers: one page and tables, in a folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.data.files import write_text
from tfmm.data.shop import ShopData, load
from tfmm.data.shop_file.schema import Shop
from tfmm.evaluation.html.report import folder_page
from tfmm.evaluation.report import PLOTS, write_report
from tfmm.shoppers.analysis import Analysis, Settings, analyse, write_each
from tfmm.shoppers.sections import sections
from tfmm.shoppers.segments.rfm import score_table

#: Says that a folder is such a report.
MARK = "shoppers.json"
PAGE = "shoppers.html"


def report_shoppers(
    source: str | Path,
    out: str | Path,
    settings: Settings | None = None,
    *,
    each: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Analyses a shop's shoppers and writes the folder `out`.

    It holds `shoppers.html`, a page that needs no other file; a Parquet table for each part;
    `shoppers.json` with the settings and why parts are missing. Nothing in it is about fewer
    shoppers than `settings.at_least`.

    ```python
    page = report_shoppers("shop.yaml", "report", say=lambda line: None)
    ```

    Args:
        source: a shop file, or a finished run; clusters need one of retrieval.
        out: the folder: new, empty or an earlier report, which it replaces.
        settings: what is asked.
        each: a Parquet file to write a row a shopper to; personal data, and so not in `out`.
        say: takes lines of progress.

    Returns:
        The page's path.

    Raises:
        FileExistsError: `out` holds something else.
        FileNotFoundError: `source` is neither a shop file nor a run.
        ValueError: the shop has no purchases, or too few shoppers.
    """
    settings, out = settings or Settings(), Path(out)
    check_replaceable(out)
    data, vectors = _read(Path(source), settings)
    found = analyse(data, settings, vectors, say)
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    aside.mkdir(parents=True)
    try:
        _write(found, Path(source), aside)
        if out.exists():
            old = out.with_name(f".{out.name}.{os.getpid()}.old")
            out.rename(old)
            aside.rename(out)
            shutil.rmtree(old)
        else:
            aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    if each is not None:
        say(f"wrote {write_each(found, Path(each)):,} shoppers, a row each, to {each}")
    return out / PAGE


def check_replaceable(out: Path) -> None:
    """Refuses a folder that holds something else than an earlier report.

    Raises:
        FileExistsError: naming it.
    """
    if out.is_dir() and (not any(out.iterdir()) or (out / MARK).is_file()):
        return
    if out.exists():
        raise FileExistsError(
            f"{out} exists and is no earlier report of shoppers. Give --out a new folder."
        )


def tables_of(found: Analysis) -> dict[str, pd.DataFrame]:
    """What is written as Parquet, by name; nothing in it is about too few shoppers."""
    at_least = found.settings.at_least
    tables = {
        "segments": found.rfm.segments,
        "scores": score_table(found.rfm.shoppers, at_least),
        "funnel": found.funnel,
        "gaps": found.gaps,
        "cohorts": None if found.cohorts is None else found.cohorts.cells,
    }
    if found.taste is not None:
        sizes = np.bincount(found.taste.clusters.of)
        names = {"cluster": found.taste.names, "shoppers": sizes, "share": sizes / sizes.sum()}
        tables["clusters"] = pd.DataFrame(names)
        more = found.taste.lifts.rename(columns={"group": "cluster"})
        tables["lifts"] = more.assign(cluster=[found.taste.names[one] for one in more["cluster"]])
        tables["cluster_numbers"] = found.taste.clusters.tried
    if found.returning is not None:
        tables["forecasts"] = found.returning.measured.table()
        told = found.returning
        each = pd.DataFrame(
            {
                "comes_back": told.forecast.comes_back,
                "orders": told.forecast.orders,
                "value": told.forecast.value,
            }
        )
        of = found.rfm.shoppers.set_index("user")["segment"].reindex(told.users).to_numpy()
        means = each.groupby(of, sort=False).mean()
        tables["expected"] = means.rename_axis("segment").reset_index()
    rules = [
        one.rules.assign(of=name, with_=one.rules["with_"].map(list))
        for name, one in found.together.items()
    ]
    if rules:
        tables["together"] = pd.concat(rules, ignore_index=True).rename(columns={"with_": "with"})
    return {name: one for name, one in tables.items() if one is not None}


def _read(
    source: Path, settings: Settings
) -> tuple[ShopData, tuple[NDArray[np.int64], NDArray[np.float32]] | str]:
    """The shop, and its shoppers' vectors or why there are none."""
    columns = settings.columns
    if source.is_file():
        return load(source, columns, verify_media=False), (
            "Clusters are made of learned vectors, which a shop file has none of: give the folder "
            "of a run of `task: retrieval` in its place."
        )
    if not source.is_dir():
        raise FileNotFoundError(f"{source} is neither a shop file nor the folder of a run.")
    from tfmm.tasks.registry import task_class
    from tfmm.training.run import MODEL, read_run, task_of

    config, _ = read_run(source)
    shop = Shop.of(config.shop)
    needed = tuple(task_class(config.task).event_columns(config, shop))
    data = load(shop, (*needed, *(c for c in columns if c not in needed)), verify_media=False)
    if config.task != "retrieval":
        return data, (
            f"Clusters are made of learned vectors, and a run of `task: {config.task}` has none of "
            "shoppers: give one of `task: retrieval`."
        )
    task: Any = task_of(config, data)
    model = task.load(source / MODEL).as_of(task.pairs)
    rows = np.unique(data.examples.user).astype(np.int64)
    vectors = model.user_vectors(task.pairs, rows, model.item_vectors())
    return data, (rows, np.asarray(vectors)[:, : model.width])


def _write(found: Analysis, source: Path, folder: Path) -> None:
    for name, table in tables_of(found).items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    write_report(folder / "report.md", sections(found, folder / PLOTS))
    about = f"Shoppers of {source}."
    folder_page(folder, "Who the shoppers are", about, folder / PAGE)
    # The page holds all of it.
    (folder / "report.md").unlink()
    shutil.rmtree(folder / PLOTS)
    told: dict[str, Any] = {
        "source": str(source),
        "settings": asdict(found.settings),
        "missing": found.missing,
    }
    if found.returning is not None:
        model = found.returning.measured.bgnbd
        told["horizon"] = found.returning.horizon
        told["bgnbd"] = asdict(model)
    write_text(folder / MARK, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
