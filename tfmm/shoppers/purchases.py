"""Purchases and orders: what the analysis of shoppers reads of a shop."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfmm.data.events.examples import Examples
from tfmm.data.shop import ShopData

DAY = 86_400_000_000  # microseconds
#: Types of event that are purchases by their name, in small letters.
_BOUGHT = frozenset(
    "buy bought purchase purchased order ordered transaction sale sold checkout paid payment achat "
    "commande kauf bestellung compra pedido 购买 下单 支付 成交 購入 구매".split()
)


@dataclass(frozen=True, eq=False)
class Purchases:
    """What shoppers bought, in file order, returns among it.

    Attributes:
        user, item: int64 `[m]`, rows of the catalogues.
        day: float64 `[m]`, days since 1970 UTC; None for a shop without times.
        order: int64 `[m]`, which order it belongs to, from 0; -1 for what counts as no order:
            returns, and purchases that a return undid.
        value: float64 `[m]`, what it brought, below 0 for a return; None for a shop without prices.
        basket: what an order is, in words.
        said: what was decided and counted while reading, a sentence each.
    """

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    day: NDArray[np.float64] | None
    order: NDArray[np.int64]
    value: NDArray[np.float64] | None
    basket: str
    said: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.user)

    @property
    def start(self) -> float:
        """The day of the first purchase, a whole number."""
        assert self.day is not None
        return float(np.floor(self.day.min()))

    @property
    def end(self) -> float:
        """The end of the last day that something was bought on, a whole number."""
        assert self.day is not None
        return float(np.floor(self.day.max()) + 1)

    def orders(self) -> pd.DataFrame:
        """Orders by shopper and time.

        Returns:
            A row an order with `user`, `day` (whole days since 1970, of its first purchase; 0 for a
            shop without times) and `value` (NaN for a shop without prices).
        """
        kept = self.order >= 0
        table = pd.DataFrame(
            {
                "order": self.order[kept],
                "user": self.user[kept],
                "day": 0.0 if self.day is None else np.floor(self.day[kept]),
                "value": np.nan if self.value is None else self.value[kept],
            }
        )
        rows = table.groupby("order").agg({"user": "first", "day": "min", "value": "sum"})
        if self.value is None:
            rows["value"] = np.nan
        return rows.sort_values(["user", "day"], kind="stable").reset_index(drop=True)


def read_purchases(
    data: ShopData,
    bought: str | None = None,
    basket: str | None = None,
    paid: str | None = None,
) -> Purchases:
    """The purchases among a shop's events.

    ```python
    purchases = read_purchases(tfmm.load("shop.yaml"))
    orders = purchases.orders()
    ```

    Args:
        data: the shop.
        bought: the type of event that is a purchase; by default one whose name says so, else that
            of the largest weight. A shop without types has purchases alone.
        basket: a column of the events table, loaded with the shop (`extra_event_columns`), that
            says which purchases are one order; by default those of a shopper's day (UTC).
        paid: a column, loaded likewise, of what a purchase brought in all; by default that is price
            times quantity.

    Raises:
        ValueError: the shop has no events, none is a purchase, or there is no such type or column.
    """
    examples = data.examples
    if data.shop.events is None or not len(examples):
        raise ValueError(f"{data.shop} has no events, so that nothing is known of its shoppers.")
    said: list[str] = []
    chosen = _of_type(data, bought, said)
    if not len(chosen):
        raise ValueError(f"{data.shop} has no purchases: none of its events is one that counts.")
    value = _values(chosen, paid, said)
    kept = chosen.counts.copy()
    if chosen.quantity is not None:
        back = np.nan_to_num(chosen.quantity) < 0
        kept &= ~back & (np.nan_to_num(chosen.quantity, nan=1.0) > 0)
        undone = int((~chosen.counts & ~back).sum())
        if back.any():
            said.append(
                f"{int(back.sum()):,} returns are no orders; they lower the value of their "
                f"shoppers. {undone:,} purchases that they undid are no orders either."
            )
    if not kept.any():
        raise ValueError(f"{data.shop} has no purchases: all of them went back.")
    day = None if chosen.time is None else chosen.time / DAY
    key, what = _baskets(chosen, day, basket)
    order = np.full(len(chosen), -1, np.int64)
    pairs = pd.MultiIndex.from_arrays([chosen.user[kept], key[kept]])
    order[kept] = pd.factorize(pairs)[0]
    return Purchases(
        chosen.user.astype(np.int64), chosen.item.astype(np.int64), day, order, value, what, said
    )


def bought_type(data: ShopData, bought: str | None = None) -> tuple[str | None, str]:
    """The type of event that is a purchase, and how it was found; None for a shop without types.

    Raises:
        ValueError: there is no such type.
    """
    kinds, spec = data.examples.type, data.shop.events
    if kinds is None or spec is None:
        if bought is not None:
            raise ValueError(
                f"{data.shop} has no types of event (events: type, weights), so that none of them "
                f"is {bought!r}. Leave --bought out: all its events are purchases."
            )
        return None, "the shop has no types of event: each event is a purchase"
    names = [str(name) for name in kinds.vocabulary]
    if bought is not None:
        if bought not in names:
            raise ValueError(f"no event is of the type {bought!r}; there are {', '.join(names)}.")
        return bought, "as told"
    by_name = [name for name in names if _plain(name) in _BOUGHT]
    if len(by_name) == 1:
        return by_name[0], "by its name"
    weight = {name: float(spec.weights.get(name, 0.0)) for name in names}
    return max(names, key=lambda name: (weight[name], name)), "it has the largest weight"


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _of_type(data: ShopData, bought: str | None, said: list[str]) -> Examples:
    examples = data.examples
    name, how = bought_type(data, bought)
    if name is None:
        said.append(f"{how[0].upper()}{how[1:]}.")
        return examples
    assert examples.type is not None
    said.append(f"Purchases are the events of type {name!r} ({how}).")
    code = int(np.flatnonzero(examples.type.vocabulary == name)[0])
    return examples.take(np.flatnonzero(examples.type.codes == code))


def _values(chosen: Examples, paid: str | None, said: list[str]) -> NDArray[np.float64] | None:
    """What each purchase brought."""
    if paid is None and chosen.price is None:
        said.append("The shop file names no price, so that nothing is said of value.")
        return None
    pieces = np.ones(len(chosen))
    if chosen.quantity is not None:
        pieces = np.nan_to_num(chosen.quantity.astype(np.float64), nan=1.0)
    if paid is not None:
        _check_loaded(chosen, paid, "--paid")
        cells = pd.Series(chosen.extra[paid])
        brought = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    else:
        assert chosen.price is not None
        brought = chosen.price.astype(np.float64) * np.abs(pieces)
    missing = int(np.isnan(brought).sum())
    if missing == len(brought):
        said.append("No purchase has a price, so that nothing is said of value.")
        return None
    if missing:
        said.append(f"{missing:,} of {len(brought):,} purchases have no price and count as 0.")
    brought = np.nan_to_num(brought)
    # Some tables write what is paid back with its sign in both columns.
    return np.where(pieces < 0, -np.abs(brought), brought)


def _check_loaded(chosen: Examples, column: str, option: str) -> None:
    if column not in chosen.extra:
        raise ValueError(f"{option}: the events were loaded without the column {column!r}.")


def _baskets(
    chosen: Examples, day: NDArray[np.float64] | None, basket: str | None
) -> tuple[NDArray, str]:
    if basket is not None:
        _check_loaded(chosen, basket, "--basket")
        codes = pd.factorize(np.asarray(chosen.extra[basket], object))[0]
        # Rows without a number are orders of their own.
        alone = np.arange(len(codes)) + codes.max(initial=0) + 1
        return np.where(codes < 0, alone, codes), f"purchases of equal {basket}"
    if day is None:
        return np.arange(len(chosen)), "a purchase, since the shop has no times"
    return np.floor(day).astype(np.int64), "all that a shopper bought on a day (UTC)"
