"""Reading a table, whatever its format: only the columns asked for, rows in file order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from tfmm.data.shop_file.specs import FormatSpec
from tfmm.data.shop_file.table_urls import TableUrl
from tfmm.data.tables.archive import unpacked
from tfmm.data.tables.delimited import read_delimited
from tfmm.data.tables.dialect import USUAL
from tfmm.data.tables.errors import TableError
from tfmm.data.tables.excel import WORKBOOKS, read_excel
from tfmm.data.tables.file import TableFile, listed
from tfmm.data.tables.json_tables import read_json
from tfmm.data.tables.parts import joined, part_files
from tfmm.data.tables.typed.database import read_database
from tfmm.data.tables.typed.parquet import PARQUET, read_parquet

JSON = (".json", ".jsonl", ".ndjson")
#: What the names of tables end in, packed or not, but for those of archives.
TABLES = (*USUAL, *JSON, *WORKBOOKS, *PARQUET)


@dataclass(frozen=True, eq=False)
class TableRead:
    """A table that was read.

    Args:
        table: its columns.
        bad: the lines left out because they hold too many or too few cells.
        notes: what was found out about the file: its dialect, names that were forgiven.
    """

    table: pa.Table
    bad: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_table(
    path: Path | TableUrl,
    columns: Mapping[str, str] | None,
    source: str = "the shop",
    format: FormatSpec | None = None,
    rows: int | None = None,
) -> TableRead:
    """Reads the columns of a table.

    Cells of delimited tables come as text, "" where empty; those of other formats keep their types.

    ```python
    from pathlib import Path

    from tfmm.data.tables import read_table

    Path("products.csv").write_text("sku;name\\n17;Fauteuil\\n", encoding="cp1252")
    read = read_table(Path("products.csv"), {"sku": "items.id", "name": "items.features.name"})
    read.table.to_pylist(), read.notes
    ```

    Args:
        path: the file; its ending says the format (.csv, .tsv, .tab, .inter, .psv, .txt, .jsonl,
            .ndjson, .json, each also with .gz or .bz2; .xlsx, .xlsm; .parquet, .pq or a folder of
            Parquet files; .zip with one of these). After a `#` follows the sheet of a workbook
            or the file of an archive, where there are several. Or a table of a database. A star in
            its name (`orders_*.csv`) names several files of the same columns, which are read one
            after the other, by name.
        columns: the columns to read, each with the key of the shop file that asks for it; None for
            all.
        source: the shop file's name, for errors.
        format: the dialect, as far as the shop file gives it; the rest is found.
        rows: how many rows are wanted, the first of the table; None for all.

    Raises:
        TableError: when the file is missing or broken.
        ShopFileError: for a column that the table lacks, naming the nearest that it has.
        ModuleNotFoundError: for a table of a database without the packages of the extra `sql`.
    """
    if isinstance(path, TableUrl):
        table = TableFile(Path(), path.written, source)
        return TableRead(read_database(path, table, columns, rows), [], table.notes)
    if files := part_files(path):
        return _read_each(path, files, columns, source, format, rows)
    whole, part = _parted(path)
    file = TableFile(whole, path.name, source, format or FormatSpec(), part)
    if not whole.exists():
        raise TableError(
            f"{source}: there is no table {path}; tables are relative to `root`, and environment "
            "variables in it, such as TFMM_DATA, must point to where the data is"
        )
    try:
        table, bad = _read(file, columns, rows)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise file.error(str(error)) from error
    table = table if rows is None else table.slice(0, rows)
    return TableRead(table, bad, file.notes)


def _read_each(
    path: Path,
    files: list[Path],
    columns: Mapping[str, str] | None,
    source: str,
    format: FormatSpec | None,
    rows: int | None,
) -> TableRead:
    """Reads the files that a pattern names as one table."""
    names = [one.name for one in files]
    tables: list[pa.Table] = []
    bad: list[str] = []
    notes = [f"{len(files):,} files are read as one table: {listed(names, 3)}"]
    for file in files:
        left = None if rows is None else rows - sum(table.num_rows for table in tables)
        if left == 0:
            break
        read = read_table(file, columns, source, format, left)
        # All columns are those of the first: a file that lacks one is an error that names both.
        columns = columns or dict.fromkeys(read.table.column_names, str(path.name))
        tables.append(read.table.select(list(columns)))
        bad += [f"{file.name}: {line}" for line in read.bad]
        notes += [f"{file.name}: {note}" for note in read.notes]
    return TableRead(joined(tables, names[: len(tables)], f"{source}: {path.name}"), bad, notes)


def _parted(path: Path) -> tuple[Path, str]:
    """A path, and what follows its "#"; names of files may hold one too."""
    whole, mark, part = str(path).rpartition("#")
    # A part of an archive may lie in a folder of it: "shop.zip#export/orders.csv".
    while mark and not path.exists():
        if Path(whole).is_file():
            return Path(whole), part
        whole, mark, more = whole.rpartition("#")
        part = f"{more}#{part}"
    return path, ""


def _read(
    file: TableFile, columns: Mapping[str, str] | None, rows: int | None
) -> tuple[pa.Table, list[str]]:
    ending = file.ending
    if ending == ".zip":
        with unpacked(file) as member:
            return _read(member, columns, rows)
    if file.part and ending not in WORKBOOKS:
        raise file.error(f"only workbooks and archives have parts, such as {file.part!r}")
    if file.path.is_dir() or ending in PARQUET:
        return read_parquet(file, columns, rows), []
    if ending in JSON:
        return read_json(file, columns), []
    if ending in WORKBOOKS:
        return read_excel(file, columns), []
    if ending in USUAL or file.format.delimiter is not None:
        return read_delimited(file, columns, rows)
    raise TableError(
        f"{file.source}: cannot tell the format of {file.shown} from its ending; known: "
        f"{', '.join((*USUAL, *JSON))}, also with .gz or .bz2; "
        f"{', '.join((*WORKBOOKS, *PARQUET))}, .zip. A delimited table of another ending needs "
        "`format: {delimiter: ...}`"
    )
