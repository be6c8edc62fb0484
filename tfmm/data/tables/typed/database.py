"""Reading tables of databases, SQLite and PostgreSQL: nothing is asked of them but SELECT."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import pyarrow as pa

from tfmm.config.names import nearest
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.data.shop_file.table_urls import TableUrl
from tfmm.data.tables.file import TableFile, listed
from tfmm.data.tables.header import match_columns
from tfmm.data.tables.typed.kinds import cast_column, common_kind
from tfmm.data.tables.typed.sql_values import sql_column

if TYPE_CHECKING:
    from sqlalchemy import Connection, Inspector
    from sqlalchemy.engine import URL, Engine

#: Rows that are Python's objects at a time; those before are Arrow's.
CHUNK = 20_000
_PART = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')
_TIMEOUT = "10"


def read_database(
    at: TableUrl, file: TableFile, columns: Mapping[str, str] | None, rows: int | None = None
) -> pa.Table:
    """The columns of a table or view, in their own types; its rows by its primary key, if any.

    Args:
        at: the table.
        file: what messages call it; takes notes.
        columns: as of `read_table`.
        rows: as of `read_table`.

    Raises:
        TableError: for a database or a table that is not there, and for cells that are objects.
        ShopFileError: for a column that the table lacks.
        ModuleNotFoundError: without the packages of the extra `sql`.
    """
    try:
        import sqlalchemy as sa
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError
    except ModuleNotFoundError as error:
        raise _lacking(at, "SQLAlchemy") from error
    try:
        url = sa.make_url(at.url())
    except (SQLAlchemyError, ValueError):
        # What is said of a URL that is none shows pieces of it.
        raise file.error(
            "its URL cannot be read; a password in it has %-signs and numbers for / : @ and spaces"
        ) from None
    try:
        with _connected(at, url, file) as connection:
            inspector = sa.inspect(connection)
            schema, name = _found(file, inspector, at.table)
            return _read(file, connection, inspector, schema, name, columns, rows)
    except ShopFileError:
        raise
    # What drivers raise of cells that Python has no value for is no error of SQLAlchemy's.
    except (SQLAlchemyError, sqlite3.Error, ValueError, OverflowError) as error:
        said = str(error.orig if isinstance(error, DBAPIError) else error)
        for secret in filter(None, map(str, (url.password or "", url.query.get("password", "")))):
            said = said.replace(secret, "***").replace(quote(secret, safe=""), "***")
        # Without its cause, which may hold the password.
        raise file.error(" ".join(said.split())) from None


def _lacking(at: TableUrl, package: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"{at} is a table of a database, which needs the package {package}. Install it with: pip "
        "install 'tfmm[sql]'"
    )


@contextmanager
def _connected(at: TableUrl, url: URL, file: TableFile) -> Iterator[Connection]:
    """A connection that cannot write."""
    engine = _sqlite(at, url, file) if url.drivername == "sqlite" else _postgresql(at, url)
    try:
        with engine.connect() as connection:
            options = {"stream_results": True, "max_row_buffer": CHUNK}
            if url.drivername != "sqlite":
                options["postgresql_readonly"] = True
            yield connection.execution_options(**options)
    finally:
        engine.dispose()


def _sqlite(at: TableUrl, url: URL, file: TableFile) -> Engine:
    import sqlalchemy as sa

    if not url.database or url.query or url.host:
        raise file.error("expected sqlite:///, the path of a file, # and the name of a table")
    path = at.root / Path(url.database).expanduser()
    if not path.is_file():
        raise file.error(f"there is no file {path}; its path is relative to `root`")

    def opened() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)

    return sa.create_engine("sqlite://", creator=opened, poolclass=sa.NullPool)


def _postgresql(at: TableUrl, url: URL) -> Engine:
    import sqlalchemy as sa

    url = url.set(drivername="postgresql+psycopg")
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": _TIMEOUT})
    try:
        return sa.create_engine(url, poolclass=sa.NullPool)
    except ModuleNotFoundError as error:
        raise _lacking(at, "psycopg") from error


def _found(file: TableFile, inspector: Inspector, written: str) -> tuple[str | None, str]:
    """The schema, None for the usual one, and the name of a table or view."""
    parts = [one.replace('""', '"') or other for one, other in _PART.findall(written)]
    schemas = inspector.get_schema_names()
    # A name may hold a dot without being in quotes.
    tried: list[tuple[str | None, str]] = [(None, written)]
    tried.append((None, parts[0]) if len(parts) == 1 else (parts[0], ".".join(parts[1:])))
    for schema, name in tried:
        if (schema is None or schema in schemas) and inspector.has_table(name, schema):
            return schema, name
    _missing(file, inspector, parts, schemas)


def _missing(
    file: TableFile, inspector: Inspector, parts: Sequence[str], schemas: list[str]
) -> NoReturn:
    schema = parts[0] if len(parts) > 1 and parts[0] in schemas else None
    if len(parts) > 1 and schema is None:
        near = nearest(parts[0], schemas)
        told = f"did you mean {near!r}? " if near else ""
        raise file.error(
            f"the database has no schema {parts[0]!r}; {told}Its schemas: {listed(schemas, 20)}"
        )
    names = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
    if inspector.dialect.name == "postgresql":
        names += inspector.get_materialized_view_names(schema)
    near = nearest(parts[-1], names)
    told = f"did you mean {near!r}? " if near else ""
    there = listed(names, 20) or "none"
    raise file.error(f"the database has no table or view {parts[-1]!r}; {told}It has {there}")


def _read(
    file: TableFile,
    connection: Connection,
    inspector: Inspector,
    schema: str | None,
    name: str,
    columns: Mapping[str, str] | None,
    rows: int | None,
) -> pa.Table:
    import sqlalchemy as sa

    kinds = {column["name"]: column["type"] for column in inspector.get_columns(name, schema)}
    found = match_columns(file, list(kinds), columns)
    # Always in quotes: names are what they are.
    source = sa.table(sa.quoted_name(name, True), schema=schema and sa.quoted_name(schema, True))

    def cells(column: str) -> Any:
        # Without a type: SQLite's columns hold what is put in them, whatever they declare.
        named: Any = sa.column(sa.quoted_name(column, True))
        moments = isinstance(kinds[column], (sa.DateTime, sa.Date))
        if moments and connection.dialect.name == "postgresql":
            # Python has no infinite times; they are bad ones, as empty cells are.
            return sa.case((sa.func.isfinite(named), named)).label(None)
        return named

    key = inspector.get_pk_constraint(name, schema)["constrained_columns"]
    query = sa.select(*map(cells, found.values())).select_from(source)
    query = query.order_by(*(sa.column(sa.quoted_name(one, True)) for one in key)).limit(rows)
    chunks: list[list[pa.Array]] = [[] for _ in found]
    at = 0
    for part in connection.execute(query).partitions(CHUNK):
        for column, values, kept in zip(
            found.values(), zip(*part, strict=True), chunks, strict=True
        ):
            kept.append(sql_column(file, column, values, at))
        at += len(part)
    return pa.table(
        {
            column: _joined(file, own, kept)
            for (column, own), kept in zip(found.items(), chunks, strict=True)
        }
    )


def _joined(file: TableFile, column: str, chunks: Sequence[pa.Array]) -> pa.ChunkedArray:
    """The chunks of a column in one type."""
    kind = common_kind(chunk.type for chunk in chunks)
    if kind is None:
        kinds = listed(sorted({str(chunk.type) for chunk in chunks}))
        raise file.error(f"the column {column!r} holds {kinds}; expected one of them")
    where = f"{file.source}: {file.shown}, column {column!r}"
    parts = [cast_column(pa.chunked_array([chunk]), kind, where) for chunk in chunks]
    return pa.chunked_array([chunk for part in parts for chunk in part.chunks], kind)
