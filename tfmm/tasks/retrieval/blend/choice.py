"""Chooses on validation what joins a learned model's scores, and fits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.base import half_lives
from tfmm.data.events.parts import Split
from tfmm.data.progress import progress
from tfmm.evaluation import evaluate
from tfmm.evaluation.compare import tune
from tfmm.tasks.config import RunFileError
from tfmm.tasks.retrieval.blend.fitting import fit_linear, fixed
from tfmm.tasks.retrieval.blend.linear_part import SCALES, LinearPart, Scale
from tfmm.tasks.retrieval.blend.prior import Prior, new_share
from tfmm.tasks.retrieval.config import BlendConfig, PriorConfig
from tfmm.tasks.retrieval.two_tower import TwoTower

#: Weights of EASE that are tried for each scale; 0, without it, is tried too.
WEIGHTS: dict[Scale, tuple[float, ...]] = {
    "sum": (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0),
    "unit": (0.03, 0.06, 0.09, 0.125, 0.18, 0.25, 0.35, 0.5, 0.7, 1.0),
}
#: Weights of the prior that are tried beside scores divided by the temperature.
PRIOR_WEIGHTS = (0.0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 4.0, 8.0, 16.0, 32.0)
#: Weights beside which half-lives are compared: where a weight does next to nothing, so does the
#: half-life, and noise would choose.
_STARTS = (0.6, 4.0)
#: Validation users that a weight is tried on, at most.
MAX_USERS = 10_000
#: Shoppers, with a history or without, below which a weight is not chosen for them alone.
_LEAST = 50


@dataclass(frozen=True)
class BlendChoice:
    """What was chosen for EASE.

    Attributes:
        lam: EASE's ridge penalty.
        weight: of EASE beside the learned model; 0 where it does not pay.
        scale: see `LinearPart.scale`.
        half_life: of the events that EASE is fitted on, in days; None for events of any age.
        tried: a row for every weight tried: `weight`, `scale`, `recall@20`, `ndcg@20`.
    """

    lam: float
    weight: float
    scale: Scale
    half_life: float | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class PriorChoice:
    """What was chosen for the prior.

    Attributes:
        weight, newcomers: beside scores divided by the temperature, see `Prior`; 0 where it does
            not pay.
        half_life: in days; None for events of any age.
        newcomers_half_life: likewise, of what counts for shoppers without a history.
        new_share: see `Prior`.
        tried: a row for every weight tried, but those for newcomers alone: `weight`, `half_life`,
            `recall@20`, `ndcg@20`.
    """

    weight: float
    newcomers: float
    half_life: float | None
    newcomers_half_life: float | None
    new_share: float
    tried: list[dict[str, Any]] = field(default_factory=list)


class Chooser:
    """Chooses EASE's and the prior's weights for a fitted model, each beside the other.

    Choices are by the best product of Recall@20 and NDCG@20 on validation, over the shoppers with a
    history; only the prior for newcomers is chosen on those without.

    Args:
        model: fitted on `parts.train`.
        parts: the split.
        temperature: that divided the scores in training.
        say: takes a line of progress.
    """

    def __init__(
        self,
        model: TwoTower,
        parts: Split,
        temperature: float,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.parts, self.temperature, self.say = parts, temperature, say
        self.items = model.item_vectors()
        self.users = model.user_vectors(parts.train, items=self.items)
        self.has_history = has_history = parts.train.user_counts() > 0
        asked = parts.valid.user_counts() > 0
        #: Whom weights are chosen on: shoppers with a history, where there are enough of them.
        self.who = asked & has_history
        if self.who.sum() < _LEAST:
            self.who = asked
        self.new = asked & ~has_history
        self._linear: LinearPart | None = None
        self._own: dict[Scale, NDArray[np.float32]] = {}
        self._popular: dict[float | None, NDArray[np.float32]] = {}
        self._reached: dict[tuple[Any, ...], dict[str, float]] = {}
        self.ease, self.popular = (0.0, SCALES[0]), (0.0, cast("float | None", None))
        #: The weight and the half-life for shoppers without a history, where they are others.
        self.newcomers: tuple[float, float | None] | None = None

    def choose(
        self, blend: BlendConfig | None, prior: PriorConfig | None
    ) -> tuple[BlendChoice | None, PriorChoice | None]:
        """What is chosen where the run file does not give it; None for what is not to join.

        EASE's penalty and half-life are those with which it has the best Recall@20 alone. Then come
        the prior, EASE's weight beside it, and the prior's weight once more.

        Raises:
            RunFileError: a choice is needed, but the split has no validation part.
        """
        of_ease = self._penalty(blend) if blend is not None else None
        wanted = prior if len(self.parts.valid) else None
        tried: list[dict[str, Any]] = []
        if wanted is not None:
            tried = self._prior(wanted)
        found = None
        if blend is not None and of_ease is not None:
            found = self._weight(blend, *of_ease)
        if wanted is None:
            return found, None
        if found is not None and found.weight:
            tried = self._prior(wanted, (self.popular[1],))
        self._prior_of_newcomers(wanted)
        return found, self._chosen(tried)

    @property
    def reached(self) -> float | None:
        """Recall@20 of all validation shoppers with what was chosen; None without validation."""
        if not len(self.parts.valid):
            return None
        return self._evaluated(self._vectors(self.ease, self.popular, self.newcomers))["recall@20"]

    def _penalty(self, config: BlendConfig) -> tuple[float, float | None]:
        parts, lam = self.parts, config.lam
        given = config.weight is not None and lam is not None and config.scale is not None
        if not given and not len(parts.valid):
            raise RunFileError(
                "`blend` chooses its weight on validation, but the split has no validation part. "
                "Give `blend.lam`, `blend.weight` and `blend.scale`, or a split with one."
            )
        half_life = config.half_life
        if lam is None:
            settings = fixed(config) | ({} if half_life is None else {"half_life": half_life})
            found = tune(
                "ease",
                parts.train,
                parts.valid,
                max_users=MAX_USERS,
                repeats=parts.repeats,
                **settings,
            ).params
            lam, half_life = float(found["lam"]), found.get("half_life", half_life)
        return lam, half_life

    def _weight(self, config: BlendConfig, lam: float, half_life: float | None) -> BlendChoice:
        scales = SCALES if config.scale is None else (cast(Scale, config.scale),)
        self._linear = linear = fit_linear(self.parts.train, lam, config, half_life)
        histories = self.parts.train.csr()
        self._own = {scale: linear.weighted(1.0, scale).users(histories) for scale in scales}
        self._linear = linear.filled(self.items)
        if config.weight is not None and len(scales) == 1:
            self.ease = (config.weight, scales[0])
            return BlendChoice(lam, config.weight, scales[0], half_life)
        tried: list[dict[str, Any]] = []
        for scale in scales:
            for weight in (0.0, *WEIGHTS[scale]) if config.weight is None else (config.weight,):
                if weight == 0 and tried:
                    continue  # whatever the scale, it is the rest alone
                found = self._reach((weight, scale), self.popular)
                tried.append({"weight": weight, "scale": scale, **found})
        best = max(tried, key=_worth)
        self.ease = (best["weight"], best["scale"])
        self.say(
            f"Blending with EASE (lam {lam:g}, {_age(half_life)}, rank {linear.rank}): weight "
            f"{best['weight']:g}, scale {best['scale']}, valid recall@20 "
            f"{best['recall@20']:.4f} (without {tried[0]['recall@20']:.4f})."
        )
        return BlendChoice(lam, best["weight"], best["scale"], half_life, tried)

    def _prior(
        self, config: PriorConfig, ages: Sequence[float | None] | None = None
    ) -> list[dict[str, Any]]:
        """Chooses `popular`; gives a row for all that was tried."""
        tried: dict[tuple[float, float | None], dict[str, Any]] = {}

        def reach(weight: float, age: float | None) -> float:
            key = (weight, None if weight == 0 else age)
            tried[key] = {"weight": weight, "half_life": key[1], **self._reach(self.ease, key)}
            return _worth(tried[key])

        if config.half_life is not None or ages is None:
            ages = self._ages(config.half_life)
        self.popular = _alternate(reach, _weights(config.weight), ages)
        return list(tried.values())

    def _prior_of_newcomers(self, config: PriorConfig) -> None:
        """Chooses `newcomers`, where there are enough of them or the run file says so."""
        weight, age = config.newcomers, config.newcomers_half_life or config.half_life
        if self.new.sum() >= _LEAST:
            self.newcomers = _alternate(
                lambda *popular: _worth(self._reach(self.ease, popular, new=True)),
                _weights(weight),
                self._ages(age),
            )
        elif weight is not None or config.newcomers_half_life is not None:
            self.newcomers = (self.popular[0] if weight is None else weight, age or self.popular[1])

    def _ages(self, given: float | None) -> tuple[float | None, ...]:
        return (given,) if given is not None else (*half_lives(self.parts.train), None)

    def _chosen(self, tried: list[dict[str, Any]]) -> PriorChoice:
        weight, age = self.popular
        newcomers, their_age = self.popular if self.newcomers is None else self.newcomers
        reached, without = (
            self._reach(self.ease, popular)["recall@20"] for popular in (self.popular, (0.0, None))
        )
        self.say(
            f"Joining a prior of what is popular now: weight {weight:g}, {_age(age)}; for new "
            f"shoppers {newcomers:g}, {_age(their_age)}; valid recall@20 {reached:.4f} (without "
            f"{without:.4f})."
        )
        return PriorChoice(weight, newcomers, age, their_age, self._new_share, tried)

    @cached_property
    def _new_share(self) -> float:
        return new_share(self.parts)

    def _reach(
        self, ease: tuple[float, Scale], popular: tuple[float, float | None], new: bool = False
    ) -> dict[str, float]:
        """Recall@20 and NDCG@20 with these weights, for shoppers with a history or new ones."""
        key = (ease, popular, new)
        if key not in self._reached:
            who = self.new if new else self.who
            self._reached[key] = self._evaluated(self._vectors(ease, popular), who)
        return self._reached[key]

    def _evaluated(
        self,
        vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
        who: NDArray[np.bool_] | None = None,
    ) -> dict[str, float]:
        valid = self.parts.valid
        found = evaluate(
            vectors,
            valid if who is None else valid.subset(who[valid.user]),
            seen=self.parts.train,
            ks=(20,),
            max_users=MAX_USERS,
            repeats=self.parts.repeats,
        )["model"]
        return {name: found[name] for name in ("recall@20", "ndcg@20")}

    def _vectors(
        self,
        ease: tuple[float, Scale],
        popular: tuple[float, float | None],
        newcomers: tuple[float, float | None] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        users, items = [self.users], [self.items]
        if ease[0] and self._linear is not None:
            users.append(np.float32(ease[0]) * self._own[ease[1]])
            items.append(self._linear.candidates)
        everybody = np.ones_like(self.has_history)
        joined = [(popular, everybody)]
        if newcomers is not None:
            joined = [(popular, self.has_history), (newcomers, ~self.has_history)]
        for (weight, age), who in joined:
            if not weight:
                continue
            if age not in self._popular:
                made = Prior.fit(self.parts.train, age, new_share=self._new_share)
                self._popular[age] = made.items(self.items)
            items.append(self._popular[age])
            component = Prior.component(weight * self.temperature) * who
            users.append(component.astype(np.float32)[:, None])
        return np.concatenate(users, axis=1), np.concatenate(items, axis=1)


def _alternate(
    worth: Callable[[float, float | None], float],
    weights: Sequence[float],
    ages: Sequence[float | None],
) -> tuple[float, float | None]:
    """The weight and the half-life of most worth: the best half-life beside a low weight or a high
    one, then the weight, and both once more."""
    starts = _STARTS if len(weights) > 1 else weights
    pairs = [(weight, age) for weight in starts for age in ages]
    weight, age = max(progress(pairs, len(pairs), "choosing the prior"), key=lambda at: worth(*at))
    weight = max(weights, key=lambda value: worth(value, age))
    if weight == 0:
        return weight, age
    age = max(ages, key=lambda value: worth(weight, value))
    return max(weights, key=lambda value: worth(value, age)), age


def _weights(given: float | None) -> tuple[float, ...]:
    return PRIOR_WEIGHTS if given is None else (given,)


def _worth(row: dict[str, Any]) -> float:
    return row["recall@20"] * row["ndcg@20"]


def _age(half_life: float | None) -> str:
    return "events of any age" if half_life is None else f"half-life {half_life:g} days"
