"""What is learned of an example: labels of yes and no, and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmm.config.names import unknown
from tfmm.data.events.examples import Examples
from tfmm.evaluation.labels.summary import Kind
from tfmm.tasks.config import RunFileError
from tfmm.tasks.ranking.config import LabelConfig

#: That there was an event at all, beside items that are drawn.
CHOSEN = "chosen"
RATING = "rating"
#: A number of more values than these is no scale of steps.
STEPS = 50


@dataclass(frozen=True)
class Label:
    """One of the labels.

    Attributes:
        name: as reports and answers call it.
        loss: `binary`, `squared`, `ordinal`, `pairwise` or `listwise`.
        numeric: whether it is a number rather than yes or no.
        weight: of its loss.
        after: the label without which it cannot be.
        low, high: the least and the largest value.
        steps: of `ordinal`, the values in order.
    """

    name: str
    loss: str
    numeric: bool
    weight: float = 1.0
    after: str | None = None
    low: float = 0.0
    high: float = 1.0
    steps: tuple[float, ...] = ()

    @property
    def kind(self) -> Kind:
        """How it is measured: "rating" or "binary"."""
        return "rating" if self.numeric else "binary"


def labels_of(
    examples: Examples, asked: Mapping[str, LabelConfig] | None
) -> tuple[tuple[Label, ...], NDArray[np.float32]]:
    """The labels, and their values float32 `[m, L]`, NaN where an example does not say.

    Args:
        examples: the events.
        asked: how they are learned, by name; None for what the events have.

    Raises:
        RunFileError: a label that there is not, or whose values its loss cannot learn.
    """
    known = _known(examples)
    if asked is None:
        asked = dict.fromkeys(examples.labels or [RATING if known else CHOSEN], LabelConfig())
    if not asked:
        raise RunFileError("`labels` must name one label at least, got none.")
    values, made = values_of(examples, list(asked)), []
    for at, (name, how) in enumerate(asked.items()):
        if how.after is not None and (how.after not in asked or how.after == name):
            raise RunFileError(
                f"`labels.{name}.after` must name another of the labels, got {how.after!r}."
            )
        made.append(_label(name, how, values[:, at]))
    if CHOSEN in asked and len(asked) > 1:
        raise RunFileError(
            f"`labels` has {CHOSEN!r} beside {', '.join(n for n in asked if n != CHOSEN)}: drawn "
            "items say nothing of other labels. To resolve this, leave one of the two out."
        )
    by_name = {label.name: label for label in made}
    for label in made:
        if label.after and (label.numeric or by_name[label.after].numeric):
            raise RunFileError(
                f"`labels.{label.name}.after`: both labels must be yes or no (`binary`)."
            )
    return tuple(made), values


def values_of(examples: Examples, names: Sequence[str]) -> NDArray[np.float32]:
    """What events say of labels, float32 `[m, L]`, NaN where nothing.

    Raises:
        RunFileError: a label that there is not.
    """
    known = _known(examples)
    if CHOSEN not in known:
        known[CHOSEN] = np.where(examples.counts, 1.0, np.nan).astype(np.float32)
    for name in names:
        if name not in known:
            raise RunFileError(f"`labels`: {unknown('label', name, list(known))}")
    return np.stack([known[name] for name in names], axis=1)


def _known(examples: Examples) -> dict[str, NDArray[np.float32]]:
    known: dict[str, NDArray[np.float32]] = dict(examples.labels)
    if examples.rating is not None:
        known[RATING] = examples.rating
    return known


def _label(name: str, how: LabelConfig, values: NDArray[np.float32]) -> Label:
    said = values[np.isfinite(values)]
    if not len(said):
        raise RunFileError(f"`labels.{name}`: no event says anything of it.")
    distinct = np.unique(said)
    numeric = not np.isin(distinct, (0.0, 1.0)).all()
    loss = how.loss or ("squared" if numeric else "binary")
    if loss == "binary" and numeric:
        raise RunFileError(
            f"`labels.{name}.loss` is binary, but the label has values from {distinct[0]:g} to "
            f"{distinct[-1]:g}. To resolve this, use squared or ordinal, or a column of 0 and 1."
        )
    if loss == "ordinal" and len(distinct) > STEPS:
        raise RunFileError(
            f"`labels.{name}.loss` is ordinal, but the label has {len(distinct):,} different "
            f"values, more than {STEPS}. To resolve this, use squared."
        )
    if len(distinct) < 2 and name != CHOSEN:
        raise RunFileError(
            f"`labels.{name}` is {distinct[0]:g} in every event that says it: there is nothing to "
            f"tell apart. To resolve this, use `labels: {{{CHOSEN}: {{}}}}`, which draws items "
            "that were not chosen."
        )
    return Label(
        name,
        loss,
        numeric,
        how.weight,
        how.after,
        float(distinct[0]) if numeric else 0.0,
        float(distinct[-1]) if numeric else 1.0,
        tuple(map(float, distinct)) if loss == "ordinal" else (),
    )
