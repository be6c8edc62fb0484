"""`tfmm recommend`: writes recommendations for many users to Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, RunFolder, at_least_1, option

app = typer.Typer()


@app.command(cls=Command, help="write recommendations for many users to Parquet")
def recommend(
    run: RunFolder,
    out: Annotated[Path, option("--out", metavar="FILE.parquet")],
    users: Annotated[
        Path | None,
        option(
            "--users",
            metavar="FILE",
            help="user ids: a text file with one a line, or a table (CSV, TSV, JSONL, Parquet) "
            "with the shop file's column of user ids; without it, all users",
        ),
    ] = None,
    k: Annotated[
        int, option("--k", metavar="K", help="items for each user (20)", check=at_least_1)
    ] = 20,
    debug: Debug = False,
) -> None:
    from tfmm.training import load_run, write_recommendations

    loaded = load_run(run)
    ids = None
    if users:
        shop = loaded.data.shop
        column = shop.users.id if shop.users else shop.events.user if shop.events else "user_id"
        ids = read_user_ids(users, column)
    rows = write_recommendations(loaded, out, users=ids, k=k)
    print(f"wrote {rows:,} rows to {out}")


def read_user_ids(file: Path, column: str) -> list[str]:
    """User ids from a file, in order, each once.

    Args:
        file: a table with the column `column` when its name ends as a table's does (.csv, .csv.gz,
            .tsv, .jsonl, .parquet), else text with one id a line.
        column: the table's column of user ids.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no ids, or no such column.
    """
    if not file.is_file():
        raise FileNotFoundError(f"There is no file of user ids {file}.")
    from tfmm.data.tables.file import TableFile
    from tfmm.data.tables.read import TABLES

    ending = TableFile(file, file.name, "--users").ending
    # A text file has an id a line.
    if ending in {*TABLES, ".zip"} - {".txt"}:
        from tfmm.data.cells.ids import tidy_ids
        from tfmm.data.tables import as_text, encode, objects, read_table

        table = read_table(file, {column: "the user ids"}, source="--users").table
        _, distinct = encode(as_text(table[column], f"{file}, column {column!r}"))
        found = list(objects(tidy_ids(distinct).ids))
    else:
        found = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    ids = list(dict.fromkeys(user for user in found if user))  # each once, in the file's order
    if not ids:
        raise ValueError(f"{file} holds no user ids: expected one a line.")
    return ids
