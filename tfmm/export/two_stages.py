"""Two stages in one request: what retrieval finds, put in order by a ranker."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.config.names import did_you_mean
from tfmm.data.names import input_name
from tfmm.tasks.base import Export, Signature
from tfmm.training.run import load_run

#: The signatures of retrieval that a ranker puts in order, and the input that says for whom.
RANKED = {"serving_default": "user_id", "recommend": "user_id", "recommend_session": "history"}
#: Of what fills an answer up.
LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True, kw_only=True)
class SecondStage:
    """How a ranker puts candidates in order.

    Attributes:
        run: the folder of the ranker's run.
        k: items in an answer.
        by: the label that they are ordered by; the first if None.
        diversity: from 0, the order of the ranker, to 1: how much of an item's place is how unlike
            it is to those before it.
    """

    run: str
    k: int
    by: str | None = None
    diversity: float = 0.0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"`k` must be 1 or more, got {self.k}.")
        if not 0.0 <= self.diversity < 1.0:
            raise ValueError(f"`diversity` must lie in [0, 1), got {self.diversity}.")


def with_second_stage(first: Export, stage: SecondStage) -> Export:
    """An export whose recommendations a ranker has put in order.

    `serving_default`, `recommend` and `recommend_session` retrieve as many candidates as `first`
    answers with, judge each by the ranker, with the context of the request as further inputs, and
    give the best `stage.k`: `item_id` and `score` [B, K], the score being the label that they are
    ordered by, and every label [B, K]. With `diversity` the items are taken one by one, by maximal
    marginal relevance over the retrieval's vectors (Carbonell and Goldstein, SIGIR 1998). The other
    signatures of both stay.

    Args:
        first: of retrieval.
        stage: how its candidates are ranked.

    Raises:
        ValueError: a run that recommends nothing, or one that ranks nothing, or another label.
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
    vectors = finders["embed_item"].function if stage.diversity else None
    made = [
        _joined(one, judges, stage, by, vectors) if one.name in RANKED else one
        for one in first.signatures
    ]
    made += [one for one in second.signatures if one.name not in finders]
    holder = tf.Module(name="two_stages")
    holder.first, holder.second = first.holder, second.holder
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
    vectors: Callable[..., Any] | None,
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
        if vectors is not None:
            ranked = _taken(ranked, _diverse(vectors, ranked["item_id"], ranked[by], stage))
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


def _diverse(
    vectors: Callable[..., Any], ids: tf.Tensor, scores: tf.Tensor, stage: SecondStage
) -> tf.Tensor:
    """Places int32 `[B, K]` among candidates, each the best of what is left."""
    batch, count = tf.shape(ids)[0], tf.shape(ids)[1]
    found = vectors(item_id=tf.reshape(ids, [-1]))["embedding"]
    found = tf.math.l2_normalize(tf.reshape(found, [batch, count, found.shape[1]]), axis=2)
    there = scores > LOWEST
    # By its place among the candidates, so that no label's scale decides.
    worth = 1.0 - tf.cast(tf.range(count), tf.float32)[None] / tf.cast(count, tf.float32)
    worth = tf.where(there, worth, -2.0) + tf.zeros_like(scores)
    alike = tf.zeros_like(scores)
    taken = tf.zeros_like(there)
    chosen = []
    # A request with fewer candidates than K repeats none: what is taken sinks below padding.
    for _ in range(stage.k):
        left = (1.0 - stage.diversity) * worth - stage.diversity * alike
        at = tf.argmax(tf.where(taken, -9.0, left), axis=1, output_type=tf.int32)
        chosen.append(at)
        now = tf.gather(found, at, batch_dims=1)
        alike = tf.maximum(alike, tf.einsum("bnd,bd->bn", found, now))
        taken |= tf.one_hot(at, count, on_value=True, off_value=False, dtype=tf.bool)
    return tf.stack(chosen, axis=1)


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
    run: str | Path | None, k: int, by: str | None, diversity: float
) -> SecondStage | None:
    """The stage that is asked for; None without a run.

    Raises:
        ValueError: an option of the second stage without one.
    """
    if run is None:
        if by is not None or diversity:
            raise ValueError("`by` and `diversity` are of a ranker; give its run as `rank`.")
        return None
    return SecondStage(run=str(run), k=k, by=by, diversity=diversity)
