"""What reviews say of products: the table of `tfmm reviews`, aspects with the sentences that say
them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet

from tfmm.serving.assistant.reading.clean import clean_text

_LONGEST = 400


class ReviewsError(ValueError):
    """A file that holds no pros and cons."""


@dataclass(frozen=True)
class Aspect:
    """What reviewers say of one aspect of a product.

    Attributes:
        name: such as "fabric".
        count_for, count_against: reviews that praise and that fault it.
        said_for, said_against: a sentence of a review that does; "".
    """

    name: str
    count_for: int
    count_against: int
    said_for: str = ""
    said_against: str = ""


@dataclass(frozen=True)
class Reviews:
    """Aspects by product, those of most reviews first."""

    aspects: dict[str, Sequence[Aspect]] = field(default_factory=dict)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Reads the Parquet file of `tfmm reviews`.

        Raises:
            FileNotFoundError: there is no such file.
            ReviewsError: it holds something else.
        """
        path = Path(file)
        if not path.is_file():
            raise FileNotFoundError(f"There are no pros and cons at {path}.")
        columns = ["item", "aspect", "pros", "cons", "praise", "blame"]
        try:
            rows = pa.parquet.read_table(path, columns=columns).to_pylist()
        except (pa.ArrowException, KeyError, ValueError) as error:
            raise ReviewsError(
                f"{path} holds no pros and cons: expected the Parquet file of `tfmm reviews`, with "
                f"the columns {', '.join(columns)}. {error}"
            ) from error
        return cls.of_rows((row["item"], row) for row in rows)

    @classmethod
    def of_rows(cls, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Self:
        """Of rows of that file, each with its product's id."""
        found: dict[str, list[Aspect]] = {}
        for item, row in sorted(rows, key=lambda one: -(one[1]["pros"] + one[1]["cons"])):
            # A row without an aspect is of the product as a whole; it has no sentences.
            if row["aspect"]:
                found.setdefault(item, []).append(_aspect(row))
        return cls(dict(found))

    def of(self, item_id: str) -> Sequence[Aspect]:
        """The aspects of a product; none where nobody has reviewed it."""
        return self.aspects.get(item_id, ())


def _aspect(row: Mapping[str, Any]) -> Aspect:
    praise, blame = (next(iter(row[side] or []), "") for side in ("praise", "blame"))
    return Aspect(
        clean_text(row["aspect"], _LONGEST),
        int(row["pros"]),
        int(row["cons"]),
        clean_text(praise, _LONGEST),
        clean_text(blame, _LONGEST),
    )
