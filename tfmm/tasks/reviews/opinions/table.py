"""The table of pros and cons: a row for each product and aspect."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tfmm.data.files import replacing
from tfmm.tasks.reviews.opinions.collect import AGAINST, FOR, Opinion

#: Sentences of each side that are kept.
_SENTENCES = 3
#: Characters of the sentences that say most: shorter ones give no reason, longer ones several.
_LENGTHS = (15, 240)
SCHEMA = pa.schema(
    [
        ("item", pa.string()),
        ("aspect", pa.string()),
        ("called", pa.list_(pa.string())),
        ("pros", pa.int32()),
        ("cons", pa.int32()),
        ("neither", pa.int32()),
        ("confidence", pa.float32()),
        ("praise", pa.list_(pa.string())),
        ("blame", pa.list_(pa.string())),
    ]
)


def pros_and_cons(
    opinions: Sequence[Opinion],
    under: Mapping[str, str],
    item: NDArray[np.integer],
    ids: NDArray[np.object_],
    at_least: int = 1,
) -> pa.Table:
    """What reviews say of each product, those with most opinions first.

    Columns: `item`; `aspect`, "" for the product as a whole, which is the first row of each;
    `called`, the names that it has in reviews; `pros`, `cons` and `neither`, in how many reviews it
    is praised, blamed or spoken of otherwise; `confidence`, the mean probability of these
    judgements; `praise` and `blame`, up to three sentences each, the surest first.

    Args:
        opinions: of reviews.
        under: the name that each aspect goes under.
        item: int[n], the item of each review; those without one are left out.
        ids: of the items.
        at_least: reviews that must speak of an aspect of a product.
    """
    groups: dict[tuple[int, str], list[Opinion]] = defaultdict(list)
    for one in opinions:
        if (row := int(item[one.review])) >= 0:
            groups[row, under.get(one.aspect, "")].append(one)
    rows: list[tuple[tuple[int, bool, int, str], dict[str, Any]]] = []
    for (row, aspect), said in groups.items():
        # A review counts once for each aspect, by what it is surest of.
        best: dict[int, Opinion] = {}
        for one in sorted(said, key=lambda one: -one.sure):
            best.setdefault(one.review, one)
        if aspect and len(best) < at_least:
            continue
        sides = [one.side for one in best.values()]
        pros, cons = sides.count(FOR), sides.count(AGAINST)
        # The product as a whole first, then what most reviews judge.
        place = (row, aspect != "", -(pros + cons), aspect)
        told = {
            "item": str(ids[row]),
            "aspect": aspect,
            "called": sorted({one.aspect for one in said if one.aspect}),
            "pros": pros,
            "cons": cons,
            "neither": len(sides) - pros - cons,
            "confidence": float(np.mean([one.sure for one in best.values()])),
            "praise": _sentences(said, FOR) if aspect else [],
            "blame": _sentences(said, AGAINST) if aspect else [],
        }
        rows.append((place, told))
    rows.sort(key=lambda row: row[0])
    return pa.Table.from_pylist([told for _, told in rows], SCHEMA)


def features_of(table: pa.Table, most: int = 8) -> pa.Table:
    """A row for each product, to join with a table of items: `id`, `praised` and `blamed` (tags
    parted by "|", the most frequent aspects of which more reviews are for, or against), `liked`
    (the share of reviews that are for it) and `reviews`."""
    found: dict[str, dict] = {}
    for row in table.to_pylist():
        one = found.setdefault(row["item"], {"praised": [], "blamed": [], "whole": None, "n": 0})
        judged = row["pros"] + row["cons"]
        if not row["aspect"]:
            one["whole"], one["n"] = row["pros"] / max(judged, 1), judged + row["neither"]
        elif row["pros"] != row["cons"]:
            one["praised" if row["pros"] > row["cons"] else "blamed"].append(row["aspect"])
    rows = [
        {
            "id": item,
            "praised": "|".join(name.replace("|", "/") for name in one["praised"][:most]),
            "blamed": "|".join(name.replace("|", "/") for name in one["blamed"][:most]),
            "liked": one["whole"],
            "reviews": one["n"],
        }
        for item, one in found.items()
    ]
    kinds = [pa.string(), pa.string(), pa.string(), pa.float32(), pa.int32()]
    names = ("id", "praised", "blamed", "liked", "reviews")
    return pa.Table.from_pylist(rows, pa.schema(list(zip(names, kinds, strict=True))))


def write_table(table: pa.Table, path: str | Path) -> None:
    """Writes a table as Parquet, aside and then into its place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as aside:
        pq.write_table(table, aside)


def _sentences(said: Sequence[Opinion], side: int) -> list[str]:
    """The sentences that say it best, all different."""
    low, high = _LENGTHS
    of_side = [one for one in said if one.side == side and one.sentence]
    of_side.sort(key=lambda one: (not low <= len(one.sentence) <= high, -one.sure))
    kept = dict.fromkeys(" ".join(one.sentence.split())[:high] for one in of_side)
    return list(kept)[:_SENTENCES]
