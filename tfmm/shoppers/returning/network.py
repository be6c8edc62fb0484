"""A Keras model that reads a shopper's orders and says how wrong BG/NBD is about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.shoppers.returning.bgnbd import BgNbd
from tfmm.shoppers.returning.gammagamma import GammaGamma
from tfmm.shoppers.returning.history import Future, History, future_of, history_at

#: Orders that are read, the latest.
LENGTH = 12
#: Networks whose answers are averaged.
MEMBERS = 3
_BATCH = 512
_EPOCHS = 60
_PATIENCE = 5
_TINY = 1e-6
#: How far a correction goes, in logarithms: a few huge orders must not run away with all others.
_FURTHEST = 1.5
#: Training examples at most; more teach so few weights nothing.
_MOST = 200_000


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected of shoppers within a horizon, `[n]` each.

    Attributes:
        comes_back: the probability of an order.
        orders: how many orders are expected.
        value: what they are expected to bring; NaN where nothing is known of value.
    """

    comes_back: NDArray[np.float64]
    orders: NDArray[np.float64]
    value: NDArray[np.float64]


def classic_forecast(
    model: BgNbd, money: GammaGamma | None, history: History, horizon: float
) -> Forecast:
    """What BG/NBD and Gamma-Gamma expect."""
    orders = model.expected(history, horizon)
    worth = np.full(len(history), np.nan) if money is None else money.order_value(history)
    return Forecast(model.comes_back(history, horizon), orders, orders * worth)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the network reads of shoppers at a cut.

    Attributes:
        orders: float32 `[n, LENGTH, 4]`, oldest first, zeros where there were fewer.
        facts: float32 `[n, F]`.
        hazard, more, worth: float32 `[n]`, where BG/NBD and Gamma-Gamma have the network start, in
            logarithms: the summed hazard of an order, which is their expected number of orders,
            the orders after that one, and an order's value over the mean.
    """

    orders: NDArray[np.float32]
    facts: NDArray[np.float32]
    hazard: NDArray[np.float32]
    more: NDArray[np.float32]
    worth: NDArray[np.float32]

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """By the names of the network's inputs."""
        return {
            name: getattr(self, name) for name in ("orders", "facts", "hazard", "more", "worth")
        }


class Corrections(tf.keras.Model):
    """Corrections to the logarithms of hazard, further orders and an order's value.

    A hurdle: whether there is an order (its hazard summed over the horizon, so that the
    probability is 1 - exp(-hazard)), and how many more follow it. The last layer starts at 0, so
    that the expected orders start as BG/NBD's; that its probabilities of none do not say who never
    bought again after a first order is what the hazard leaves behind.
    """

    def __init__(self, width: int = 16, dropout: float = 0.2, decay: float = 1e-3) -> None:
        super().__init__()
        self.mask = tf.keras.layers.Masking()
        self.read = tf.keras.layers.GRU(width, unroll=True)  # a third of the time of a loop
        self.hide = tf.keras.layers.Dropout(dropout)
        held = tf.keras.regularizers.L2(decay)
        self.mix = tf.keras.layers.Dense(2 * width, activation="gelu", kernel_regularizer=held)
        self.last = tf.keras.layers.Dense(3, kernel_initializer="zeros", kernel_regularizer=held)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """`[B, 3]`: log hazard, log of further orders, log value of an order."""
        read = self.read(self.mask(inputs["orders"]), training=training)
        mixed = self.mix(self.hide(tf.concat([read, inputs["facts"]], 1), training=training))
        given = tf.stack([inputs["hazard"], inputs["more"], inputs["worth"]], 1)
        return given + _FURTHEST * tf.tanh(self.last(mixed) / _FURTHEST)


def hurdle_loss(truth: tf.Tensor, said: tf.Tensor) -> tf.Tensor:
    """The loss of each shopper, `[B]`.

    Args:
        truth: `[B, 2]`, orders within the horizon and their mean value, NaN for none.
        said: `[B, 3]`, of `Corrections`.
    """
    count, worth = truth[:, 0], truth[:, 1]
    hazard = tf.exp(tf.clip_by_value(said[:, 0], -12.0, 4.0))
    back = count > 0
    whether = tf.where(back, -tf.math.log(-tf.math.expm1(-hazard) + _TINY), hazard)
    more = tf.clip_by_value(said[:, 1], -8.0, 6.0)
    # Poisson's loss, which is right about the mean of whatever distribution.
    further = tf.where(back, tf.exp(more) - (count - 1) * more, 0.0)
    # The gamma distribution's, for values whose spread grows with them.
    known = tf.math.is_finite(worth) & (worth > 0)
    told = tf.clip_by_value(said[:, 2], -20.0, 20.0)
    value = tf.where(known, tf.where(known, worth, 1.0) * tf.exp(-told) + told, 0.0)
    return whether + further + 0.3 * value


class ReturnNetwork:
    """The model over the history, fitted at cuts before the present one.

    Args:
        classic, money: fitted to what was known at the cut that it is used at.
        seed: of weights, of which shoppers are held out, and of dropout.
    """

    def __init__(self, classic: BgNbd, money: GammaGamma | None, *, seed: int = 1) -> None:
        self.classic, self.money, self.seed = classic, money, seed
        self.members: list[Corrections] = []
        self._mean = self._spread = np.zeros(0, np.float32)

    def fit(self, days: pd.DataFrame, start: float, cut: float, horizon: float) -> None:
        """Learns from earlier cuts, with what happened after them and before `cut`.

        A fifth of the shoppers is held out, and says when to stop.

        Args:
            days: of `by_day`; nothing at `cut` or later is read.
            start: the first day of the shop's log.
            cut: the present.
            horizon: days; of cuts too close to the present what is left till then.

        Raises:
            ValueError: nobody bought before the earlier cuts.
        """
        days = days[days["day"] < cut]
        parts = []
        for place in earlier_cuts(start, cut, horizon):
            if not (days["day"] < place).any():
                continue
            span = min(horizon, cut - place)
            history = history_at(days, place)
            inputs = self._inputs(days, history, place, span)
            parts.append((history.user, inputs, future_of(days, history, place, span)))
        if not parts:
            raise ValueError("nobody bought before the cuts that the model would learn from.")
        user = np.concatenate([one[0] for one in parts])
        tensors = {
            name: np.concatenate([one[1].tensors()[name] for one in parts])
            for name in parts[0][1].tensors()
        }
        scale = 1.0 if self.money is None else self.money.mean
        truth = np.concatenate([_truth(one[2], scale) for one in parts])
        facts = tensors["facts"]
        self._mean, self._spread = facts.mean(axis=0), facts.std(axis=0) + 1e-3
        tensors["facts"] = (facts - self._mean) / self._spread
        rng = np.random.default_rng(self.seed)
        chosen = rng.permutation(len(user))[:_MOST]
        people = rng.permutation(np.unique(user))
        self.members = []
        for member in range(MEMBERS):
            # Each member holds out another fifth.
            held = np.isin(user[chosen], people[member::5])
            tf.keras.utils.set_random_seed(self.seed + member)
            model = Corrections()
            _train(model, tensors, truth, chosen[~held], chosen[held])
            self.members.append(model)

    def forecast(self, days: pd.DataFrame, cut: float, horizon: float) -> Forecast:
        """What is expected of those who bought before a cut, in the order of `history_at`."""
        history = history_at(days, cut)
        inputs = self._inputs(days, history, cut, horizon)
        tensors = inputs.tensors()
        tensors["facts"] = np.clip((inputs.facts - self._mean) / self._spread, -4, 4)
        said = [
            np.concatenate(
                [
                    model({name: one[at : at + 8192] for name, one in tensors.items()}).numpy()
                    for at in range(0, len(history), 8192)
                ]
            )
            for model in self.members
        ]
        logs = np.mean(said, axis=0).astype(np.float64)
        back = -np.expm1(-np.exp(np.clip(logs[:, 0], -12, 4)))
        orders = back * (1 + np.exp(np.clip(logs[:, 1], -8, 6)))
        scale = np.nan if self.money is None else self.money.mean
        return Forecast(back, orders, orders * np.exp(logs[:, 2]) * scale)

    def _inputs(self, days: pd.DataFrame, history: History, cut: float, horizon: float) -> Inputs:
        classic = classic_forecast(self.classic, self.money, history, horizon)
        orders = np.maximum(classic.orders, _TINY)
        scale = 1.0 if self.money is None else self.money.mean
        worth = np.zeros(len(history))
        if self.money is not None:
            worth = np.log(self.money.order_value(history) / scale)
        unit = max(horizon, 1.0)
        idle = history.age - history.recency
        gap = np.divide(
            history.recency, history.repeats, out=history.age.copy(), where=history.repeats > 0
        )
        mean = np.nan_to_num(np.log(np.maximum(history.mean_value, _TINY) / scale), nan=0.0)
        facts = [
            np.log1p(history.repeats),
            np.log1p(history.recency),
            np.log1p(history.age),
            np.log1p(idle),
            np.log((idle + 3) / (gap + 3)),
            np.log((history.age + 1) / unit),
            np.clip(mean, -4, 4),
            self.classic.alive(history),
            np.log(np.clip(classic.comes_back, _TINY, 1)),
            np.log(orders),
            (history.repeats > 0).astype(np.float64),
        ]
        return Inputs(
            _sequences(days, history, cut, unit, scale),
            np.stack(facts, axis=1).astype(np.float32),
            np.log(orders).astype(np.float32),
            np.log(np.maximum(orders / -np.expm1(-orders) - 1, 0.01)).astype(np.float32),
            worth.astype(np.float32),
        )


def earlier_cuts(start: float, cut: float, horizon: float) -> list[float]:
    """Cuts to learn at, whole days, such that a horizon lies between the last and the present, or
    where the log is too short for that as much as it has room for."""
    whole = cut - horizon
    shares = (0.34, 0.42, 0.5, 0.58)
    room = cut - start
    last = min(max(whole, start + 0.5 * room), start + 0.75 * room) if whole < start else whole
    first = start + 0.34 * room
    if last <= first:
        return sorted({float(round(start + share * room)) for share in shares})
    return sorted({float(round(first + share * (last - first))) for share in (0, 0.34, 0.67, 1)})


def _truth(future: Future, scale: float) -> NDArray[np.float32]:
    orders = future.orders
    worth = np.divide(future.value, orders, out=np.full(len(orders), np.nan), where=orders > 0)
    return np.stack([orders, worth / scale], axis=1).astype(np.float32)


def _train(
    model: Corrections,
    tensors: dict[str, NDArray[np.float32]],
    truth: NDArray[np.float32],
    learned: Sequence[int] | NDArray[np.int64],
    held: Sequence[int] | NDArray[np.int64],
) -> None:
    def part(rows: Any) -> tuple[dict[str, Any], Any]:
        return {name: one[rows] for name, one in tensors.items()}, truth[rows]

    model.compile(tf.keras.optimizers.Adam(4e-3), loss=hurdle_loss)
    stop = tf.keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True)
    model.fit(
        *part(learned),
        validation_data=part(held) if len(held) else None,
        batch_size=_BATCH,
        epochs=_EPOCHS,
        callbacks=[stop] if len(held) else [],
        verbose=0,
    )


def _sequences(
    days: pd.DataFrame, history: History, cut: float, unit: float, scale: float
) -> NDArray[np.float32]:
    """The latest orders of each shopper, `[n, LENGTH, 4]`."""
    before = days[days["day"] < cut]
    before = before[before["user"].isin(history.user)]
    back = before.groupby("user").cumcount(ascending=False).to_numpy()
    gap = before.groupby("user")["day"].diff().fillna(0.0).to_numpy()
    kept = back < LENGTH
    row = np.searchsorted(history.user, before["user"].to_numpy()[kept])
    value = before["value"].to_numpy(np.float64)[kept]
    worth = np.where(value > 0, np.log(np.maximum(value, _TINY) / scale), 0.0)
    out = np.zeros((len(history), LENGTH, 4), np.float32)
    place = LENGTH - 1 - back[kept]
    out[row, place, 0] = np.log1p(gap[kept]) / 3
    out[row, place, 1] = (cut - before["day"].to_numpy()[kept]) / unit
    out[row, place, 2] = np.clip(worth, -4, 4)
    out[row, place, 3] = 1.0
    return out
