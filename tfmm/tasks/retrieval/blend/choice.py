"""Chooses on validation what joins a learned model's scores, and fits it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines import EASE
from tfmm.baselines.base import half_lives
from tfmm.baselines.low_rank import factorize
from tfmm.data.events.pairs import Pairs
from tfmm.data.events.parts import Split
from tfmm.data.progress import progress
from tfmm.evaluation import evaluate
from tfmm.evaluation.compare import tune
from tfmm.tasks.config import RunFileError
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
_MIDDLING = 0.6
#: Validation users that a weight is tried on, at most.
MAX_USERS = 10_000
#: Shoppers, with a history or without, below which a weight is not chosen for them alone.
_LEAST = 100


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
        new_share: see `Prior`.
        tried: a row for every weight tried of all shoppers: `weight`, `half_life`, `recall@20`,
            `ndcg@20`.
    """

    weight: float
    newcomers: float
    half_life: float | None
    new_share: float
    tried: list[dict[str, Any]] = field(default_factory=list)


def check_blend(config: BlendConfig, prior: PriorConfig, n_items: int | None = None) -> None:
    """Refuses a blend that could not be made, before the training rather than after.

    Raises:
        RunFileError: for values out of range, or more items than EASE fits in memory for.
    """
    for name, size in (("rank", config.rank), ("items", config.items)):
        if size is not None and size < 1:
            raise RunFileError(f"`blend.{name}` must be at least 1, got {size}.")
    if config.scale is not None and config.scale not in SCALES:
        raise RunFileError(
            f"`blend.scale` must be one of {', '.join(SCALES)}, got {config.scale!r}."
        )
    if config.lam is not None and not config.lam > 0:
        raise RunFileError(f"`blend.lam` must be above 0, got {config.lam}.")
    least = {"blend.weight": config.weight, "blend.activity": config.activity}
    least |= {"prior.weight": prior.weight, "prior.newcomers": prior.newcomers}
    for name, value in least.items():
        if value is not None and not value >= 0:
            raise RunFileError(f"`{name}` must be 0 or more, got {value}.")
    for name, value in (("blend", config.half_life), ("prior", prior.half_life)):
        if value is not None and not value > 0:
            raise RunFileError(f"`{name}.half_life` must be above 0 days, got {value}.")
    needed = EASE.memory(_size(config, n_items or 0))
    if config.ease and needed > _fixed(config)["max_memory"]:
        raise RunFileError(
            f"`blend.ease` needs {needed / 2**30:,.1f} GiB for EASE's matrix of "
            f"{_size(config, n_items or 0):,} items, and `blend.memory` allows "
            f"{config.memory:,.1f} GiB. Raise it, or lower `blend.items`."
        )


def blends(config: BlendConfig, n_items: int) -> bool:
    """Whether EASE is to join: as the run file says, or where its matrix fits in memory."""
    if config.ease is None:
        return EASE.memory(_size(config, n_items)) <= _fixed(config)["max_memory"]
    return config.ease


def fit_linear(
    train: Pairs, lam: float, config: BlendConfig, half_life: float | None = None
) -> LinearPart:
    """EASE fitted on `train` with a penalty and brought to the rank, with the weight 1.

    Of a larger catalogue than `config.items` it knows those that most shoppers have.
    """
    counts = train.item_counts()
    items = np.sort(np.argsort(-counts, kind="stable")[: _size(config, train.n_items)])
    some = train if len(items) == train.n_items else train.of_items(items)
    fitted = EASE(lam=lam, half_life=half_life, **_fixed(config)).fit(some)
    assert fitted.weights_ is not None
    tables = factorize(fitted.weights_, config.rank)
    known = np.zeros(train.n_items, bool)
    known[items] = counts[items] > 0
    history, candidates = (
        np.zeros((train.n_items, table.shape[1]), np.float32) for table in tables
    )
    history[items], candidates[items] = tables
    return LinearPart(history, candidates, known)


class Chooser:
    """Chooses EASE's and the prior's weights for a fitted model, each beside the other.

    Choices are by the best product of Recall@20 and NDCG@20 on validation, over the shoppers with a
    history; only the prior's weight for newcomers is chosen on those without.

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
        self.newcomers: float | None = None

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
        made = None
        if prior is not None and len(self.parts.valid):
            made = self._prior(prior)
        found = None
        if blend is not None and of_ease is not None:
            found = self._weight(blend, *of_ease)
        if made is not None and prior is not None and found is not None and found.weight:
            made = self._prior(prior, (made.half_life,))
        return found, made

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
            fixed = _fixed(config) | ({} if half_life is None else {"half_life": half_life})
            found = tune(
                "ease",
                parts.train,
                parts.valid,
                max_users=MAX_USERS,
                repeats=parts.repeats,
                **fixed,
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
    ) -> PriorChoice:
        """Half-life beside a middling weight, then the weight, then the half-life once more, and
        last the weight for shoppers without a history."""
        if config.half_life is not None:
            ages = (config.half_life,)
        elif ages is None:
            ages = (*half_lives(self.parts.train), None)
        weights = PRIOR_WEIGHTS if config.weight is None else (config.weight,)
        tried: dict[tuple[float, float | None], dict[str, Any]] = {}

        def reach(weight: float, age: float | None) -> float:
            key = (weight, None if weight == 0 else age)
            tried[key] = {"weight": weight, "half_life": key[1], **self._reach(self.ease, key)}
            return _worth(tried[key])

        weight = _MIDDLING if config.weight is None else config.weight
        for _ in range(2):
            steps = progress(ages, len(ages), "choosing the prior")
            age = max(steps, key=lambda value: reach(weight, value))
            weight = max(weights, key=lambda value: reach(value, age))
            if weight == 0:
                break
        self.popular = (weight, age)
        newcomers = weight if config.newcomers is None else config.newcomers
        if config.newcomers is None and self.new.sum() >= _LEAST:
            newcomers = max(
                PRIOR_WEIGHTS, key=lambda value: _worth(self._reach(self.ease, (value, age), True))
            )
        self.newcomers = newcomers
        best = tried[weight, None if weight == 0 else age]
        without = self._reach(self.ease, (0.0, None))["recall@20"]
        self.say(
            f"Joining a prior of what is popular now ({_age(age)}): weight {weight:g}, for new "
            f"shoppers {newcomers:g}, valid recall@20 {best['recall@20']:.4f} (without "
            f"{without:.4f})."
        )
        return PriorChoice(weight, newcomers, age, self._new_share, list(tried.values()))

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
        newcomers: float | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        users, items = [self.users], [self.items]
        if ease[0] and self._linear is not None:
            users.append(np.float32(ease[0]) * self._own[ease[1]])
            items.append(self._linear.candidates)
        weight, age = popular
        if weight or newcomers:
            if age not in self._popular:
                made = Prior.fit(self.parts.train, age, new_share=self._new_share)
                self._popular[age] = made.items(self.items)
            items.append(self._popular[age])
            weights = np.where(self.has_history, weight, weight if newcomers is None else newcomers)
            component = Prior.component(1.0) * self.temperature * weights
            users.append(component.astype(np.float32)[:, None])
        return np.concatenate(users, axis=1), np.concatenate(items, axis=1)


def _worth(row: dict[str, Any]) -> float:
    return row["recall@20"] * row["ndcg@20"]


def _age(half_life: float | None) -> str:
    return "events of any age" if half_life is None else f"half-life {half_life:g} days"


def _size(config: BlendConfig, n_items: int) -> int:
    """The items that EASE is fitted on."""
    return n_items if config.items is None else min(config.items, n_items)


def _fixed(config: BlendConfig) -> dict[str, Any]:
    """What the run file alone says of EASE."""
    return {"activity": config.activity, "max_memory": int(config.memory * 2**30)}
