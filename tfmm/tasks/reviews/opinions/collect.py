"""Every opinion that reviews hold: of what, for or against, how sure, and in which sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.progress import progress
from tfmm.data.texts.reviews import Reviews
from tfmm.tasks.reviews.model import Reader
from tfmm.tasks.reviews.opinions.names import aspect_names, mentions
from tfmm.tasks.reviews.opinions.sentences import around, clauses, sentences
from tfmm.tasks.reviews.signatures import Served

_BATCH = 64
FOR, AGAINST, NEITHER = 1, -1, 0
_SIDES = {"positive": FOR, "negative": AGAINST}


@dataclass(frozen=True)
class Opinion:
    """What a review says of something.

    Attributes:
        review: its row.
        aspect: what is spoken of, as it is written; "" for the product as a whole.
        side: `FOR`, `AGAINST` or `NEITHER`.
        sure: the probability of that.
        sentence: that it was said in.
    """

    review: int
    aspect: str
    side: int
    sure: float
    sentence: str


def opinions_of(
    reviews: Reviews, model: Reader, most: int, names: Sequence[str] = (), at_least: int = 10
) -> list[Opinion]:
    """The opinions of all reviews.

    A model that finds terms is asked for these and their polarity. One that knows the class of
    reviews alone judges the clauses in which the names of aspects stand, each class weighed by how
    rare it is, since a clause is not as a whole review is.

    Args:
        reviews: the shop's.
        model: finished.
        most: terms of a review that are asked for.
        names: of aspects, for a model that finds no terms; found by `aspect_names` by default.
        at_least: see `aspect_names`.
    """
    served = Served(model, most)
    answer = tf.function(served.answer, [tf.TensorSpec([None], tf.string)], autograph=False)
    worth = _worth(model)
    found: list[Opinion] = []
    terms = model.labels.terms and "polarity" in model.classes
    for row, said in _answers(answer, [str(text) for text in reviews.text], "reading reviews"):
        text = str(reviews.text[row])
        if worth is not None:
            side, sure = _side(said, model, worth)
            found.append(Opinion(row, "", side, sure, _first(text)))
        if terms:
            found += _terms(row, text, said)
    if worth is not None and not terms:
        names = names or aspect_names([str(text) for text in reviews.text], at_least)
        codes = model.labels.sentiment.codes
        counts = np.bincount(codes[codes >= 0], minlength=len(worth)) + 1.0
        shares = counts / counts.sum()
        found += _clauses(reviews, answer, model, worth, shares, names)
    return found


def _worth(model: Reader) -> NDArray[np.float64] | None:
    """What each class of reviews says, from -1 to 1; None where there are no classes.

    Raises:
        ValueError: for classes that are neither numbers nor named positive and negative.
    """
    names = model.labels.sentiment.names
    if not names:
        return None
    if "positive" in names and "negative" in names:
        return np.array([_SIDES.get(name, NEITHER) for name in names], float)
    try:
        numbers = np.array([float(name) for name in names])
    except ValueError as error:
        raise ValueError(
            f"Which of the classes {', '.join(names)} are good is not known. To resolve this, name "
            "them positive and negative by `sentiment.classes` in the run file, and train again."
        ) from error
    return 2 * (numbers - numbers.min()) / (numbers.max() - numbers.min()) - 1


def _answers(
    answer: Callable[[tf.Tensor], Mapping[str, tf.Tensor]], texts: Sequence[str], what: str
) -> Iterator[tuple[int, dict[str, NDArray[Any]]]]:
    """The answer to each text, those of like length together."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    blocks = [order[at : at + _BATCH] for at in range(0, len(order), _BATCH)]
    for rows in progress(blocks, len(order), what, unit="texts", size=len):
        block = answer(tf.constant([texts[row] for row in rows], tf.string))
        arrays = {name: value.numpy() for name, value in block.items()}
        for place, row in enumerate(rows):
            yield int(row), {name: value[place] for name, value in arrays.items()}


def _side(
    said: Mapping[str, NDArray[Any]],
    model: Reader,
    worth: NDArray[np.float64],
    shares: NDArray[np.float64] | None = None,
) -> tuple[int, float]:
    """Whether a text is for or against, and how sure that is."""
    place = {name: code for code, name in enumerate(model.labels.sentiment.names)}
    codes = [place[name.decode()] for name in said["sentiment"]]
    chance = np.zeros(len(worth))
    chance[codes] = said["sentiment_probability"]
    if shares is not None:
        chance = chance / shares
        chance /= chance.sum()
    good, bad = float(chance[worth > 1 / 3].sum()), float(chance[worth < -1 / 3].sum())
    neither = 1.0 - good - bad
    best = max((good, FOR), (bad, AGAINST), (neither, NEITHER))
    return best[1], best[0]


def _terms(row: int, text: str, said: Mapping[str, NDArray[Any]]) -> Iterator[Opinion]:
    pieces = sentences(text)
    for slot, start in enumerate(said["term_start"]):
        if start < 0:
            return
        side = _SIDES.get(said["term_polarity"][slot].decode(), NEITHER)
        sure = float(said["term_polarity_probability"][slot] * said["term_probability"][slot])
        word = said["term"][slot].decode()
        yield Opinion(row, word, side, sure, around(pieces, int(start)))


def _clauses(
    reviews: Reviews,
    answer: Callable[[tf.Tensor], Mapping[str, tf.Tensor]],
    model: Reader,
    worth: NDArray[np.float64],
    shares: NDArray[np.float64],
    names: Sequence[str],
) -> Iterator[Opinion]:
    """Names of aspects, judged by the clauses in which they stand."""
    places: list[tuple[int, str, str]] = []
    asked: dict[str, int] = {}
    for row, text in enumerate(map(str, reviews.text)):
        parts: list[Any] | None = None
        for name, at in mentions(text, names):
            parts = parts or [clauses(text), sentences(text)]
            clause = around(parts[0], at)
            asked.setdefault(clause, len(asked))
            places.append((row, name, clause))
    judged: dict[int, tuple[int, float]] = {}
    for number, said in _answers(answer, list(asked), "reading clauses"):
        judged[number] = _side(said, model, worth, shares)
    for row, name, clause in places:
        side, sure = judged[asked[clause]]
        yield Opinion(row, name, side, sure, clause)


def _first(text: str) -> str:
    pieces = sentences(text)
    return pieces[0].text if pieces else ""
