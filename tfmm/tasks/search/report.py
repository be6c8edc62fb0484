"""The section of a report on search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmm.evaluation.report import Section, table


def search_section(
    search: Mapping[str, Mapping[str, Any]],
    baselines: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
) -> list[Section]:
    """How well items are found, a row each way of asking; nothing where nothing was asked.

    Args:
        search: metrics by the feature that is asked by.
        baselines: likewise, by the name of the baseline.
    """
    if not search:
        return []
    names = [n for n in next(iter(search.values())) if n.startswith("recall@")] + ["mrr", "queries"]
    rows = []
    for feature, found in search.items():
        bold = "**model**" if baselines else ""
        shown = {bold: found, **{n: b[feature] for n, b in (baselines or {}).items()}}
        for title, row in shown.items():
            by = [feature, title] if baselines else [feature]
            rows.append([*by, *(row.get(name) for name in names)])
    titles = [name.replace("recall", "Recall").replace("mrr", "MRR") for name in names]
    head = ["asked by", ""] if baselines else ["asked by"]
    return [
        Section(
            "Search",
            [
                "Items held out whole, asked for by what they are described by; all items ranked, "
                "all of equal text right.",
                table([*head, *titles], rows),
            ],
        )
    ]
