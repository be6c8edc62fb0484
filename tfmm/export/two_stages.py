"""Two stages in one request: what retrieval finds, put in order by a ranker."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.config.names import did_you_mean
from tfmm.data.names import input_name
from tfmm.export.spread import Spread
from tfmm.tasks.base import Export, Signature
from tfmm.training.run import load_run

#: The signatures of retrieval that a ranker puts in order, and the input that says for whom.
RANKED = {"serving_default": "user_id", "recommend": "user_id", "recommend_session": "history"}


@dataclass(frozen=True, kw_only=True)
class SecondStage:
    """How a ranker puts candidates in order.

    Attributes:
        run: the folder of the ranker's run.
        k: items in an answer.
        by: the label that they are ordered by; the first if None.
        diversity: from 0, the order of the ranker, to 1: how much of an item's place is how unlike
            it is to those before it.
        cap: the most items of each value, by category feature, such as `{"brand": 3}`.
    """

    run: str
    k: int
    by: str | None = None
    diversity: float = 0.0
    cap: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"`k` must be 1 or more, got {self.k}.")
        if not 0.0 <= self.diversity < 1.0:
            raise ValueError(f"`diversity` must lie in [0, 1), got {self.diversity}.")
        for name, most in self.cap.items():
            if most < 1:
                raise ValueError(f"`cap` of {name!r} must be 1 or more, got {most}.")


def with_second_stage(first: Export, stage: SecondStage) -> Export:
    """An export whose recommendations a ranker has put in order.

    `serving_default`, `recommend` and `recommend_session` retrieve as many candidates as `first`
    answers with, judge each by the ranker, with the context of the request as further inputs, and
    give the best `stage.k`: `item_id` and `score` [B, K], the score being the label that they are
    ordered by, and every label [B, K]. With `diversity` or `cap` the items are taken one by one,
    see `Spread`. The other signatures of both stay.

    Args:
        first: of retrieval.
        stage: how its candidates are ranked.

    Raises:
        ValueError: a run that recommends nothing, or one that ranks nothing, or a label or a
            category that there is not.
    """
    run = load_run(stage.run)
    second = run.task.signatures(run, run.task.settings(run.config, {}))
    second = second if isinstance(second, Export) else Export(second)
    judges = {one.name: one for one in second.signatures}
    finders = {one.name: one for one in first.signatures}
    if "rank" not in judges:
        raise ValueError(
            f"{stage.run} holds a model of task {run.task.name!r}, which ranks nothing: it has no "
            "signature `rank`. Give the run of a ranking task."
        )
    if "recommend" not in finders:
        raise ValueError(
            f"A ranker puts recommendations in order, but the first run has none: its signatures "
            f"are {', '.join(finders)}."
        )
    labels = [name for name in judges["rank"].traced().structured_outputs if name != "item_id"]
    by = labels[0] if stage.by is None else input_name(stage.by)
    if by not in labels:
        raise ValueError(
            f"There is no label {stage.by!r} to order by, only {', '.join(labels)}."
            f"{did_you_mean(by, labels)}"
        )
    spread = None
    if stage.diversity or stage.cap:
        vectors = finders["embed_item"].function if stage.diversity else None
        items = run.task.data.items
        spread = Spread(stage.k, stage.diversity, stage.cap, items, vectors)
    made = [
        _joined(one, judges, stage, by, spread) if one.name in RANKED else one
        for one in first.signatures
    ]
    made += [one for one in second.signatures if one.name not in finders]
    holder = tf.Module(name="two_stages")
    holder.first, holder.second, holder.spread = first.holder, second.holder, spread
    asked = {**first.card.get("export", {}), "second": dataclasses.asdict(stage)}
    card = {**first.card, "export": asked, "ranked": {"run": stage.run, **second.card}}

    def notes(size: int) -> list[str]:
        return [*first.notes(size), f"A ranker puts the candidates in order: {stage.run}."]

    return dataclasses.replace(
        first,
        signatures=made,
        holder=holder,
        card=card,
        files={**second.files, **first.files},
        notes=notes,
    )


def _joined(
    finder: Signature,
    judges: Mapping[str, Signature],
    stage: SecondStage,
    by: str,
    spread: Spread | None,
) -> Signature:
    """A signature that finds, then ranks."""
    who = RANKED[finder.name]
    session = who == "history" and "rank_session" in judges
    judge = judges["rank_session" if session else "rank"]
    own = {"user_id", "history", "item_id"}
    context = {name: spec for name, spec in judge.inputs.items() if name not in own}

    def answer(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        found = finder.function(**{name: given[name] for name in finder.inputs})["item_id"]
        told = {name: given[name] for name in context}
        if session:
            told["history"] = _latest(given["history"], judge.inputs["history"].shape[1])
        else:
            nobody = tf.fill([tf.shape(found)[0]], "")
            told["user_id"] = given["user_id"] if who == "user_id" else nobody
        ranked = judge.function(item_id=found, **told)
        # The ranker may put first what another label says.
        order = tf.argsort(ranked[by], axis=1, direction="DESCENDING", stable=True)
        ranked = _taken(ranked, order)
        if spread is not None:
            ranked = _taken(ranked, spread.places(ranked["item_id"], ranked[by]))
        best = {name: one[:, : stage.k] for name, one in ranked.items()}
        return {"item_id": best["item_id"], "score": best[by], **best}

    def samples(count: int) -> dict[str, np.ndarray]:
        told = judge.samples(count)
        return {**finder.samples(count), **{name: told[name] for name in context}}

    return Signature(
        finder.name,
        answer,
        {**finder.inputs, **context},
        samples,
        f"{finder.doc} Candidates are put in order by a ranker.",
        check=_check,
    )


def _taken(found: Mapping[str, tf.Tensor], places: tf.Tensor) -> dict[str, tf.Tensor]:
    return {name: tf.gather(one, places, batch_dims=1) for name, one in found.items()}


def _latest(history: tf.Tensor, width: int) -> tf.Tensor:
    """The latest ids of histories string `[B, T]`, padded with "" to a width."""
    blank = tf.fill([tf.shape(history)[0], width], "")
    # Padding to the front, in the order of the others.
    said = tf.strings.length(history) > 0
    order = tf.argsort(tf.cast(said, tf.int32), axis=1, stable=True)
    whole = tf.concat([blank, tf.gather(history, order, batch_dims=1)], axis=1)
    return tf.ensure_shape(whole[:, -width:], [None, width])


def _check(
    inputs: Mapping[str, np.ndarray],
    answer: Mapping[str, np.ndarray],
    ask: Callable[..., Any],
) -> None:
    """Refuses answers that repeat an item or hold one that was excluded."""
    excluded = inputs.get("exclude")
    for row, ids in enumerate(answer["item_id"].tolist()):
        shown = [one for one in ids if one not in (b"", "")]
        assert len(shown) == len(set(shown)), f"row {row} repeats an item"
        if excluded is not None:
            not_asked = {str(one).encode() for one in excluded[row] if one}
            assert not not_asked & set(shown), f"row {row} holds an item that was excluded"


def second_stage(
    run: str | Path | None,
    k: int,
    by: str | None,
    diversity: float,
    cap: Mapping[str, int] | None,
) -> SecondStage | None:
    """The stage that is asked for; None without a run.

    Raises:
        ValueError: an option of the second stage without one.
    """
    if run is None:
        if by is not None or diversity or cap:
            raise ValueError("`by`, `diversity` and `cap` are of a ranker; give its run as `rank`.")
        return None
    return SecondStage(run=str(run), k=k, by=by, diversity=diversity, cap=dict(cap or {}))
