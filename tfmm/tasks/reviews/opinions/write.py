"""The pros and cons of a run's shop, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfmm.tasks.reviews.opinions.collect import opinions_of
from tfmm.tasks.reviews.opinions.synonyms import by_contexts, by_encoder, merged
from tfmm.tasks.reviews.opinions.table import features_of, pros_and_cons, write_table


def write_pros_and_cons(
    run: Any,
    out: str | Path,
    features: str | Path | None = None,
    *,
    vectors: str = "contexts",
    nearest: float = 0.85,
    at_least: int = 2,
) -> dict[str, int]:
    """Writes what the shop's reviews say of each product, see `pros_and_cons`.

    Args:
        run: a run of task reviews.
        out: the Parquet file.
        features: another, see `features_of`; None for none.
        vectors: what tells names of one aspect: `contexts`, what is said around them, or the name
            of a pretrained encoder of text such as `minilm`, which knows what words mean.
        nearest: cosine from which on two names are of one aspect.
        at_least: reviews of a product that must speak of an aspect.

    Returns:
        How many `rows` were written, of how many `items` and `aspects`; how many `names` these have
        and `opinions` were counted; and how many reviews are `without_item`.

    Raises:
        ValueError: the run is of another task, no review is of an item, or classes of reviews are
            not known to be good or bad.
    """
    if run.task.name != "reviews":
        raise ValueError(
            f"{run.path} is a run of task {run.task.name!r}; pros and cons are read from a run of "
            "task 'reviews'. Train one (`task: reviews` in the run file), and give its folder."
        )
    reviews, config = run.task.data.reviews, run.config
    of_item = reviews.item >= 0
    if not of_item.any():
        raise ValueError(
            f"No review of {run.task.data.shop} is of an item: give `reviews.item` in the shop "
            "file, the column of the items' ids."
        )
    opinions = opinions_of(reviews, run.model, config.serve.terms, config.aspects.names)
    named = [one for one in opinions if one.aspect]
    how = by_contexts if vectors == "contexts" else by_encoder(vectors)
    under = merged([one.aspect for one in named], [one.sentence for one in named], how, nearest)
    table = pros_and_cons(opinions, under, reviews.item, run.task.data.items.ids, at_least)
    write_table(table, out)
    if features is not None:
        write_table(features_of(table), features)
    aspects = set(table["aspect"].to_pylist()) - {""}
    return {
        "rows": len(table),
        "items": len(set(table["item"].to_pylist())),
        "aspects": len(aspects),
        "names": sum(1 for name in under.values() if name in aspects),
        "opinions": len(opinions),
        "without_item": int((~of_item).sum()),
    }
