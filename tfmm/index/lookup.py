"""Lookup tables from strings to rows that travel with a SavedModel as asset files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

_SHOWN = 3


def check_lines(values: Sequence[str], name: str) -> None:
    """Refuses what a vocabulary file, one value a line, cannot hold.

    Raises:
        TypeError: a value is not a str.
        ValueError: a value is "" or holds a line break; the message names the first ones.
    """
    for row, value in enumerate(values):
        if not isinstance(value, str):
            raise TypeError(
                f"`{name}` must be strings, but row {row} is {value!r} ({type(value).__name__})."
            )
    bad = [row for row, v in enumerate(values) if not v or "\n" in v or "\r" in v]
    if bad:
        shown = ", ".join(f"row {row}: {values[row]!r}" for row in bad[:_SHOWN])
        raise ValueError(
            f"{len(bad)} of `{name}` are empty or hold a line break ({shown}). The empty string is "
            "padding in requests and answers, and ids are exported one a line. To resolve this, "
            "drop or rename these rows."
        )


def row_table(values: Sequence[str], file: Path) -> tf.lookup.StaticHashTable:
    """Writes a vocabulary file and returns its table: string -> int64 row, -1 if unknown.

    Args:
        values: at least one, distinct and as `check_lines` wants them.
        file: where to write them. It must live until the table is saved; its name is the asset's.
    """
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        lines.writelines(f"{value}\n" for value in values)
    whole, number = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
    initializer = tf.lookup.TextFileInitializer(
        str(file), tf.string, whole, tf.int64, number, vocab_size=len(values)
    )
    return tf.lookup.StaticHashTable(initializer, default_value=-1)
