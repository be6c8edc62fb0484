"""Batches of series at origins."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.batches.pipeline import FeatureColumns, RowInputs, passes
from tfmm.tasks.demand.parts import Origins
from tfmm.tasks.demand.series.series import Series

#: Periods after its start that tell how a series was launched.
LAUNCH = 13


class Windows:
    """What the network reads of series at origins, cut out of padded tables.

    | name | shape | what it is |
    | --- | --- | --- |
    | `past` | `[B, L]` | sales |
    | `on_sale` | `[B, L]` | 1 where it was on sale |
    | `past_sides` | `[B, L, K + U + C]` | what is told of past periods |
    | `future_sides` | `[B, H, K + C]` | what is known of those to come |
    | `age` | `[B]` | periods on sale |
    | `levels` | `[B, 2]` | mean sales until then, and of the first `LAUNCH` periods |

    C is the calendar, with the whole shop's sales over their mean beside it in the past.

    Args:
        series: the series.
        window: L.
        horizon: H.
    """

    def __init__(self, series: Series, window: int, horizon: int) -> None:
        self.window, self.horizon = window, horizon
        values, on_sale = series.values, series.on_sale
        self.series = series
        pad = ((0, 0), (window, horizon))
        self.values = np.pad(values, pad)
        self.there = np.pad(on_sale.astype(np.float32), pad)
        self.known = np.pad(series.plan.values, ((0, 0), (window, 0), (0, 0)), mode="edge")
        self.unknown = np.pad(series.unknown, (*pad, (0, 0)))
        total = values.sum(axis=0, dtype=np.float64)
        self.shop = np.pad(_pace(total).astype(np.float32), (window, horizon))
        self.calendar = np.pad(series.shared, ((window, 0), (0, 0)), mode="edge")
        before = np.zeros((len(values), 1))
        self.sums = np.concatenate([before, np.cumsum(values, axis=1, dtype=np.float64)], axis=1)

    @property
    def past_width(self) -> int:
        """Of `past_sides`."""
        return self.future_width + self.unknown.shape[2] + 1

    @property
    def future_width(self) -> int:
        """Of `future_sides`."""
        return self.known.shape[2] + self.calendar.shape[1]

    def levels(self, series: NDArray[np.int64], origin: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `levels` above."""
        start = np.minimum(self.series.start[series], origin)
        young = np.minimum(start + LAUNCH, origin)
        found = [
            (self.sums[series, end] - self.sums[series, start]) / np.maximum(end - start, 1)
            for end in (origin, young)
        ]
        return np.stack(found, axis=1).astype(np.float32)

    def at(self, series: NDArray[np.int64], origin: NDArray[np.int64]) -> dict[str, Any]:
        """What is read of series `[B]` at origins `[B]`, and `target` `[B, H]`."""
        past = origin[:, None] + np.arange(self.window)
        ahead = origin[:, None] + self.window + np.arange(self.horizon)
        one = series[:, None]
        past_sides = [
            self.known[one, past],
            self.calendar[past],
            self.unknown[one, past],
            self.shop[past][..., None],
        ]
        return {
            "past": self.values[one, past],
            "on_sale": self.there[one, past],
            "past_sides": np.concatenate(past_sides, axis=-1),
            "future_sides": np.concatenate([self.known[one, ahead], self.calendar[ahead]], axis=-1),
            "age": np.maximum(origin - self.series.start[series], 0).astype(np.float32),
            "levels": self.levels(series, origin),
            "target": self.values[one, ahead],
        }


def _pace(total: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithm of the shop's sales over their mean until then."""
    mean = np.cumsum(total) / np.arange(1, len(total) + 1)
    return np.clip(np.log((total + 1e-9) / (mean + 1e-9)), -2, 2)


def demand_batches(
    part: Origins,
    windows: Windows,
    columns: FeatureColumns,
    *,
    batch_size: int,
    hide: float,
    cut: float,
    seed: int,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Examples in shuffled batches; one pass over the dataset is one epoch.

    Orders and draws are a function of `seed` and the number of the epoch alone.

    Args:
        part: the examples.
        windows: what is read of them.
        columns: what the encoders read, a row a series.
        batch_size: examples a batch; the last of an epoch may be smaller.
        hide: share whose whole past is hidden.
        cut: share of which only the last periods are shown, as of what is new.
        seed: of the draws.
        first_epoch: the number of the first pass.

    Returns:
        A finite dataset of dictionaries: what `Windows` tells, `there` float32 `[B, H]` (1 where
        the target is known), `place` int32 `[B]` (in `items`), `items` int32 `[U]` (distinct rows),
        and what encoders read of these.

    Raises:
        ValueError: without examples.
    """
    if not len(part):
        raise ValueError("There are no series to learn from.")
    count, window = len(part), windows.window
    steps = -(-count // batch_size)
    inputs = RowInputs(columns)

    def cut_out(at: NDArray[np.int64]) -> list[Any]:
        one, origin = part.series[at], part.origin[at]
        made = windows.at(one, origin)
        ahead = origin[:, None] + np.arange(windows.horizon)
        there = ahead < min(part.cut, windows.series.periods)
        named = {**made, "there": there, "series": one, "cold": part.cold[at]}
        return [np.asarray(named[name], kind) for name, kind in _KINDS.items()]

    shapes = {
        "past": (window,),
        "on_sale": (window,),
        "past_sides": (window, windows.past_width),
        "future_sides": (windows.horizon, windows.future_width),
        "levels": (2,),
        "target": (windows.horizon,),
        "there": (windows.horizon,),
    }

    def batch(epoch: tf.Tensor, step: tf.Tensor) -> dict:
        place = tf.range(step * batch_size, tf.minimum((step + 1) * batch_size, count))
        order = tf.stack([tf.constant(seed, tf.int64), epoch])
        last = tf.constant(count - 1, tf.int64)
        at = tf.random.experimental.index_shuffle(place, order, last)
        kinds = [tf.as_dtype(kind) for kind in _KINDS.values()]
        read = dict(zip(_KINDS, tf.numpy_function(cut_out, [at], kinds), strict=True))
        for name, value in read.items():
            value.set_shape((None, *shapes.get(name, ())))
        key = tf.stack([tf.constant(seed, tf.int64) * 1_000_003 + epoch, step])
        draw = tf.random.stateless_uniform(tf.shape(at), key)
        hidden = (draw < hide) | read.pop("cold")
        shown = 1 + tf.cast(
            tf.random.stateless_uniform(tf.shape(at), key + 1) ** 2 * (window - 1), tf.int32
        )
        shown = tf.where(draw < hide + cut, shown, window)
        shown = tf.where(hidden, 0, shown)
        read |= only_last(read, shown)
        # A series is encoded once, however often a batch has it.
        rows, place = tf.unique(read.pop("series"))
        return {**read, "place": place, **inputs.of_items(rows)}

    return passes(batch, steps, first_epoch)


def only_last(read: dict[str, tf.Tensor], shown: tf.Tensor) -> dict[str, tf.Tensor]:
    """Windows of which only the last periods int32 `[B]` are shown."""
    window = read["past"].shape[1]
    kept = tf.cast(tf.range(window) >= window - shown[:, None], tf.float32)
    seen = tf.cast(shown, tf.float32)
    return {
        "past": read["past"] * kept,
        "on_sale": read["on_sale"] * kept,
        "age": tf.where(shown < window, tf.minimum(read["age"], seen), read["age"]),
    }


_KINDS: dict[str, Any] = {
    "past": np.float32,
    "on_sale": np.float32,
    "past_sides": np.float32,
    "future_sides": np.float32,
    "age": np.float32,
    "levels": np.float32,
    "target": np.float32,
    "there": np.float32,
    "series": np.int32,
    "cold": np.bool_,
}
