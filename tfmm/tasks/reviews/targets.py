"""What is learned of reviews: their classes, and where in them aspects stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmm.data.texts.reviews import Aspects, Reviews
from tfmm.tasks.reviews.config import ReviewsConfig
from tfmm.tasks.texts.classes import Classes, classes_of

#: Tags of tokens: outside of terms, the first of one, a further one; and not learned from.
OUTSIDE, BEGIN, INSIDE, UNKNOWN = 0, 1, 2, -1


@dataclass(frozen=True, eq=False)
class Labels:
    """What reviews are labelled with, before they are tokens.

    Attributes:
        sentiment: the class of each review.
        polarities: the polarities that are told apart.
        categories: the categories of aspects.
        polarity: int8[k], that of each aspect, -1 for another one.
        category: int32[k], that of each aspect, -1 for terms and rare ones.
        terms: whether there are terms to find.
    """

    sentiment: Classes
    polarities: tuple[str, ...]
    categories: tuple[str, ...]
    polarity: NDArray[np.int8]
    category: NDArray[np.int32]
    terms: bool


def labels_of(
    reviews: Reviews, config: ReviewsConfig, known: dict[str, list[str]] | None = None
) -> Labels:
    """The labels of reviews, by those of a model that was trained before where it is `known`."""
    of = {rating: name for name, ratings in config.sentiment.classes.items() for rating in ratings}
    given = [of.get(r, "") if of else r for r in reviews.rating]
    names = None if known is None else known["sentiment"]
    sentiment = classes_of(given, config.sentiment.min_reviews, names)
    if known is None and len(sentiment) == 1:
        sentiment = classes_of(given, names=[])
    aspects = reviews.aspects
    # No polarity of a table that has none of those told apart.
    there = set(aspects.polarity)
    kept = [name for name in config.aspects.polarities if name in there]
    polarities = classes_of(aspects.polarity, names=kept if known is None else known["polarities"])
    named = [
        "" if term else name for name, term in zip(aspects.aspect, aspects.is_term, strict=True)
    ]
    names = None if known is None else known["categories"]
    categories = classes_of(named, config.aspects.min_reviews, names)
    return Labels(
        sentiment,
        polarities.names,
        categories.names,
        polarities.codes.astype(np.int8),
        categories.codes,
        bool(aspects.is_term.any()) if known is None else bool(known["terms"]),
    )


@dataclass(frozen=True, eq=False)
class Targets:
    """The labels of n texts of at most T tokens, M terms and K categories.

    Attributes:
        tags: int8 `[n, T]`, see `BEGIN`; `UNKNOWN` where nobody read the text, and between words.
        spans: int16 `[n, M, 2]`, the first token of each term and the one behind its last; both 0
            where there are fewer.
        polarity: int8 `[n, M]`, -1 where it is not known.
        present: int8 `[n, K]`, whether the text speaks of a category; -1 where nobody read it.
        category: int8 `[n, K]`, its polarity there, -1 where it is not known.
        aspect: int32 `[n, M]`, the aspect that each term is, -1 for none.
        cut: terms behind the last token that is read.
    """

    tags: NDArray[np.int8]
    spans: NDArray[np.int16]
    polarity: NDArray[np.int8]
    present: NDArray[np.int8]
    category: NDArray[np.int8]
    aspect: NDArray[np.int32]
    cut: int

    def arrays(self) -> dict[str, NDArray[np.integer]]:
        """What goes into batches beside the tokens' own arrays."""
        names = ("spans", "polarity", "present", "category")
        return {name: getattr(self, name) for name in names}


def targets_of(
    labels: Labels,
    aspects: Aspects,
    annotated: NDArray[np.bool_],
    start: NDArray[np.int32],
    end: NDArray[np.int32],
) -> Targets:
    """The labels of texts by tokens.

    Args:
        labels: of the reviews.
        aspects: of the reviews.
        annotated: bool[n].
        start, end: int32 `[n, T]`, the characters of each token.
    """
    n = len(start)
    terms = np.flatnonzero(aspects.is_term)
    most = int(np.bincount(aspects.review[terms], minlength=1).max()) if len(terms) else 1
    tags = np.where((end > start) & annotated[:, None], OUTSIDE, UNKNOWN).astype(np.int8)
    spans = np.zeros((n, most, 2), np.int16)
    polarity = np.full((n, most), -1, np.int8)
    aspect = np.full((n, most), -1, np.int32)
    filled = np.zeros(n, np.int64)
    cut = 0
    for place in terms:
        row = aspects.review[place]
        inside = (
            (start[row] < aspects.end[place])
            & (end[row] > aspects.start[place])
            & (end[row] > start[row])
        )
        found = np.flatnonzero(inside)
        if not len(found):
            cut += 1
            continue
        first, last = int(found[0]), int(found[-1]) + 1
        slot = filled[row]
        filled[row] += 1
        spans[row, slot] = first, last
        polarity[row, slot] = labels.polarity[place]
        aspect[row, slot] = place
        if (tags[row, first:last] <= OUTSIDE).all():
            tags[row, found] = INSIDE
            tags[row, first] = BEGIN
    present = np.where(annotated[:, None], 0, -1).astype(np.int8)
    present = np.repeat(present, len(labels.categories), axis=1)
    category = np.full(present.shape, -1, np.int8)
    for place in np.flatnonzero(labels.category >= 0):
        row, column = aspects.review[place], labels.category[place]
        present[row, column] = 1
        category[row, column] = labels.polarity[place]
    return Targets(tags, spans, polarity, present, category, aspect, cut)
