"""What a report says of search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmm.evaluation.in_words import percent
from tfmm.evaluation.report import MODEL, Section, escaped, table


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
        own = MODEL if baselines else ""
        shown = {own: found, **{n: b[feature] for n, b in (baselines or {}).items()}}
        for title, row in shown.items():
            by = [feature, title] if baselines else [feature]
            rows.append([*by, *(row.get(name) for name in names)])
    titles = [name.replace("recall", "Recall").replace("mrr", "MRR") for name in names]
    head = ["asked by", ""] if baselines else ["asked by"]
    # Numbers of different questions do not compare.
    best = range(len(head), len(head) + len(titles) - 1) if len(search) == 1 else ()
    return [
        Section(
            "Search",
            [
                "Items held out whole, asked for by what they are described by; all items ranked, "
                "all of equal text right.",
                table([*head, *titles], rows, higher=best),
            ],
        )
    ]


def search_in_words(
    search: Mapping[str, Mapping[str, Any]],
    baselines: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
) -> list[str]:
    """A sentence for each way of asking; arguments as of `search_section`."""
    said = []
    for feature, found in search.items():
        k = max(int(name.partition("@")[2]) for name in found if name.startswith("recall@"))
        metric = f"recall@{k}"
        line = (
            f"Asked for by {escaped(feature)}, {percent(found[metric])} of the right items are "
            f"among the first {k} found, over {found.get('queries', 0):,} queries"
        )
        words = (baselines or {}).get("words", {}).get(feature, {}).get(metric)
        said.append(
            f"{line}." if words is None else f"{line}; by the words alone {percent(words)}."
        )
    return said
