"""The analysis in words, tables and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfmm.evaluation.report import IN_SHORT, Section, escaped, picture, table
from tfmm.shoppers import figures, plots
from tfmm.shoppers.analysis import Analysis, Returning, Taste
from tfmm.shoppers.behaviour.gaps import again_by
from tfmm.shoppers.behaviour.together import Together
from tfmm.shoppers.returning.holdout import deciles
from tfmm.shoppers.segments.rfm import MEANINGS, score_table

#: Rules that a page shows, and values of a cluster.
_RULES, _VALUES = 15, 5
#: Days after an order of which a share is told, where a curve goes that far.
_DAYS = (7, 30, 90, 180, 365)


def sections(found: Analysis, folder: Path) -> list[Section]:
    """The parts of the report, their pictures drawn into `folder`."""
    return [
        Section(IN_SHORT, list(_in_short(found))),
        Section("Segments", list(_segments(found, folder))),
        Section("Clusters by taste", list(_clusters(found, folder))),
        Section("Who comes back", list(_returning(found, folder))),
        Section("From looking to buying", list(_funnel(found, folder))),
        Section("Cohorts", list(_cohorts(found, folder))),
        Section("Gaps between orders", list(_gaps(found, folder))),
        Section("Bought together", list(_together(found))),
        Section("How it was counted", list(_counted(found))),
    ]


def _in_short(found: Analysis) -> Iterator[str]:
    shoppers, purchases = found.rfm.shoppers, found.purchases
    once = int((shoppers["frequency"] == 1).sum())
    orders = int(shoppers["frequency"].sum())
    text = f"{len(shoppers):,} shoppers ordered {orders:,} times"
    if purchases.day is not None:
        text += f" from {figures.day(purchases.start)} to {figures.day(purchases.end - 1)}"
    if found.settings.at_least <= once <= len(shoppers) - found.settings.at_least:
        text += f"; {figures.share(once / len(shoppers))} of them once"
    if purchases.value is not None:
        best = shoppers["value"].nlargest(max(len(shoppers) // 10, 1))
        total = shoppers["value"].sum()
        text += f". They brought {figures.money(total)}"
        if len(best) >= found.settings.at_least and total > 0:
            text += f", of which the best tenth {figures.share(best.sum() / total)}"
    yield text + "."
    if found.returning is not None:
        told = found.returning.forecast
        line = (
            f"In the {found.returning.horizon} days to come "
            f"{figures.number(told.comes_back.sum())} of them are expected to order, "
            f"{figures.number(told.orders.sum())} times"
        )
        if np.isfinite(told.value).all():
            line += f", for {figures.money(told.value.sum())}"
        yield line + "; below is how far such a forecast was off before."


def _segments(found: Analysis, folder: Path) -> Iterator[str]:
    segments, rfm = found.rfm.segments, found.rfm
    valued = found.purchases.value is not None
    timed = found.purchases.day is not None
    header = ["segment", "shoppers", "share"]
    header += ["days since last order"] if timed else []
    header += ["orders"]
    header += ["value of a shopper (95 %)", "share of revenue"] if valued else []
    rows = []
    for row in segments.itertuples():
        cells: list[Any] = [str(row.segment), f"{row.shoppers:,}", figures.share(row.share)]
        cells += [f"{row.recency:,.0f}"] if timed else []
        cells += [f"{row.frequency:,.0f}"]
        if valued:
            cells += [
                f"{figures.money(row.value)} ({figures.money(row.value_low)} to "
                f"{figures.money(row.value_high)})",
                figures.share(row.revenue_share),
            ]
        rows.append(cells)
    yield table(header, rows)
    yield picture(plots.segment_bars(segments, folder / "segments.png"), "shares of the segments")
    told = [f"*{name}*: {MEANINGS[name]}" for name in segments["segment"] if name in MEANINGS]
    if told:
        yield f"{'; '.join(told)}. Days and orders are medians."
    if rfm.joined:
        names = ", ".join(sorted(rfm.joined))
        yield (
            f"Segments of fewer than {found.settings.at_least} shoppers are joined as *others*, "
            f"with the next smallest where those were too few together: {names}."
        )
    if not timed:
        yield "The shop has no times, so that segments go by the number of orders alone."
    scores = score_table(rfm.shoppers, found.settings.at_least)
    shown = [
        [
            f"{row.measure} {row.score}",
            f"{row.shoppers:,}",
            figures.span(row.low, row.high, row.measure),
            *([figures.share(row.revenue_share)] if valued else []),
        ]
        for row in scores.itertuples()
    ]
    yield (
        "A score is 1 and one more for each fifth of the shoppers who are strictly worse: equal "
        "shoppers have equal scores."
    )
    header = ["score", "shoppers", "5 to 95 % of them"]
    yield table([*header, *(["share of revenue"] if valued else [])], shown)


def _clusters(found: Analysis, folder: Path) -> Iterator[str]:
    taste = found.taste
    if taste is None:
        yield found.missing["clusters"]
        return
    chosen = taste.clusters.tried[taste.clusters.tried["chosen"]].iloc[0]
    count = int(chosen["clusters"])
    if taste.clusters.stable:
        how = "the largest silhouette of those that are stable (0.6 or more)"
    else:
        how = "the most stable number; none reached 0.6, so take the borders as rough"
    yield (
        f"{len(taste.users):,} shoppers by their learned vectors, in {count} clusters: {how}. "
        f"Silhouette {chosen['silhouette']:.2f}, stability {chosen['stability']:.2f}: how alike "
        "the clusters of two halves of the shoppers are, on others (1 the same, 0 by chance)."
    )
    yield table(
        ["clusters", "silhouette", "stability", "smallest"],
        [
            [
                str(row.clusters),
                float(row.silhouette),
                float(row.stability),
                figures.share(row.smallest) or "few",
            ]
            for row in taste.clusters.tried.itertuples()
        ],
    )
    path = plots.map_of(
        taste.places, taste.clusters.of[taste.shown], taste.names, folder / "map.png"
    )
    yield picture(path, "shoppers in two dimensions, coloured by cluster")
    yield _about_map(taste, found.settings.map)
    yield from _lifts(taste)


def _about_map(taste: Taste, how: str) -> str:
    text = f"A dot is one of {len(taste.shown):,} shoppers"
    if len(taste.shown) < len(taste.users):
        text += ", drawn"
    if taste.told is not None:
        return (
            f"{text}; the two directions hold {figures.share(taste.told)} of how they differ (PCA)."
        )
    return f"{text}; neighbours stay neighbours, far distances mean little ({how.upper()})."


def _lifts(taste: Taste) -> Iterator[str]:
    sizes = np.bincount(taste.clusters.of)
    rows = []
    for number, name in enumerate(taste.names):
        mine = taste.lifts[taste.lifts["group"] == number].head(_VALUES)
        said = [f"{row.feature}: {row.value} {_times(row)}" for row in mine.itertuples()]
        rows.append([f"{number + 1}. {name}", f"{sizes[number]:,}", "; ".join(said) or "none"])
    yield table(["cluster", "shoppers", "what more of them buy than of the others (95 %)"], rows)


def _times(row: Any) -> str:
    if np.isnan(row.share_of_others):
        return f"×{row.low:.0f} or more"
    return f"×{row.lift:.1f} ({row.low:.1f} to {row.high:.1f})"


def _returning(found: Analysis, folder: Path) -> Iterator[str]:
    told = found.returning
    if told is None:
        yield found.missing["returning"]
        return
    measured = told.measured
    valued = np.isfinite(measured.future.value).all()
    yield (
        f"Forecasts made on {figures.day(told.cut)} for {len(measured.history):,} shoppers, beside "
        f"the {told.horizon} days that followed, of which they had seen nothing. Keras reads the "
        "orders one by one and corrects BG/NBD; it learned from earlier cuts. *rate alone* says "
        "that everyone goes on as before."
    )
    header = ["forecast", "AUC (95 %)", "log loss", "MAE of orders", "RMSE", "bias"]
    header += ["MAE of value", "bias of value"] if valued else []
    rows = []
    for row in measured.table().itertuples():
        cells: list[Any] = [
            str(row.forecast),
            f"{row.auc:.3f} ({row.auc_low:.3f} to {row.auc_high:.3f})",
        ]
        cells += list(map(float, (row.log_loss, row.mae, row.rmse)))
        cells += [figures.signed(row.bias)]
        cells += [figures.money(row.value_mae), figures.signed(row.value_bias)] if valued else []
        rows.append(cells)
    yield table(header, rows, lower=[2, 3, 4])
    if measured.table()["auc_low"].iloc[0] <= 0.5:
        yield (
            "**Who comes back is not told better than by chance here** (an AUC of 0.5), so believe "
            "sums over many shoppers at most."
        )
    at_least = found.settings.at_least
    shown = {
        name: deciles(measured.forecasts[name], measured.future, at_least)
        for name in ("Keras", "BG/NBD")
    }
    if min(map(len, shown.values())) > 1:
        path = plots.came_true(shown, folder / "forecasts.png")
        yield picture(path, "orders expected beside orders that there were, by tenths of shoppers")
    model = measured.bgnbd
    yield (
        f"BG/NBD there: r {model.r:.3f}, α {model.alpha / 7:.2f} weeks, a {model.a:.3f}, b "
        f"{model.b:.3f}; log likelihood {figures.minus(model.log_likelihood)} (time in weeks)."
    )
    yield (
        f"What is expected of the {told.horizon} days after "
        f"{figures.day(found.purchases.end - 1)}, by segment; by Keras, set right by how the "
        "forecast above came true:"
    )
    yield _expected(found, told)


def _expected(found: Analysis, told: Returning) -> str:
    valued = np.isfinite(told.forecast.value).all()
    each = pd.DataFrame(
        {
            "comes_back": told.forecast.comes_back,
            "orders": told.forecast.orders,
            "value": told.forecast.value,
        },
        index=told.users,
    )
    each["segment"] = found.rfm.shoppers.set_index("user")["segment"].reindex(told.users)
    rows = []
    for name in found.rfm.segments["segment"]:
        mine = each[each["segment"] == name]
        cells: list[Any] = [str(name), f"{len(mine):,}", figures.share(mine["comes_back"].mean())]
        cells += [float(mine["orders"].mean())]
        cells += (
            [figures.money(mine["value"].mean()), figures.money(mine["value"].sum())]
            if valued
            else []
        )
        rows.append(cells)
    header = ["segment", "shoppers", "come back", "orders each"]
    return table([*header, *(["value each", "value of all"] if valued else [])], rows)


def _funnel(found: Analysis, folder: Path) -> Iterator[str]:
    steps = found.funnel
    if steps is None:
        yield found.missing["funnel"]
        return
    rows = [
        [
            str(row.step),
            figures.count(row.shoppers),
            figures.with_interval(row.shoppers_on, row.shoppers_on_low, row.shoppers_on_high),
            figures.count(row.pairs),
            figures.with_interval(row.pairs_on, row.pairs_on_low, row.pairs_on_high),
        ]
        for row in steps.itertuples()
    ]
    header = ["step", "shoppers", "went on to it (95 %)", "with a product", "went on to it (95 %)"]
    yield table(header, rows)
    yield picture(plots.funnel_bars(steps, folder / "funnel.png"), "shoppers at each step")
    yield (
        "*went on*: the share of those at the step before who took this one afterwards, with any "
        "product, or with the same one. Types of weight 0 are not loaded, and no step."
    )


def _cohorts(found: Analysis, folder: Path) -> Iterator[str]:
    kept = found.cohorts
    if kept is None:
        yield found.missing["cohorts"]
        return
    path = plots.retention(kept.cells, folder / "cohorts.png")
    yield picture(path, "share of each month's new shoppers who order in later months")
    text = (
        f"Rows are months of a first order (and shoppers), in percent; *few* are fewer than "
        f"{found.settings.at_least}. Months count as whole at the log's end; in its first ones "
        "shoppers of before pass for new."
    )
    if kept.small[0]:
        text += f" {kept.small[0]} cohorts of too few are left out."
    yield text


def _gaps(found: Analysis, folder: Path) -> Iterator[str]:
    curves = found.gaps
    if curves is None:
        yield found.missing["gaps"]
        return
    path = plots.gap_curves(curves, folder / "gaps.png")
    yield picture(path, "share of shoppers who ordered again, by days")
    rows = []
    days = [day for day in _DAYS if curves["days"].max() >= day]
    for after, curve in curves.groupby("after"):
        cells: list[Any] = [f"after order {after}", f"{int(curve['gaps'].iloc[0]):,}"]
        for day in days:
            said = again_by(curve, day)
            cells.append("" if said is None else figures.with_interval(*said))
        half = curve[curve["again"] >= 0.5]
        cells.append(f"{half['days'].iloc[0]:,.0f} days" if len(half) else "not in the log")
        rows.append(cells)
    header = ["", "gaps", *(f"{day} days" for day in days), "half of them"]
    yield table(header, rows)
    yield (
        "By Kaplan and Meier: a gap that the log's end cuts off counts until there. Each curve has "
        "one gap a shopper. It ends where too few are left to wait."
    )


def _together(found: Analysis) -> Iterator[str]:
    if not found.together:
        yield found.missing["together"]
    for what, told in found.together.items():
        yield from _rules(what, told, found.settings.at_least)


def _rules(what: str, told: Together, at_least: int) -> Iterator[str]:
    name = "Products" if what == "products" else f"By {escaped(what)}"
    left = f" {told.rare:,} were bought by fewer than {at_least} shoppers" if told.rare else ""
    left += f" and {told.left_out:,} more are too many to look at" if told.left_out else ""
    if told.rules.empty:
        yield f"{name}: none that is sure, in {told.baskets:,} orders.{left}{'.' if left else ''}"
        return
    yield (
        f"{name}: {len(told.rules):,} rules in {told.baskets:,} orders, the surest first."
        f"{left}{'.' if left else ''}"
    )
    rows = [
        [
            f"{' + '.join(row.with_)} → {row.also}",
            f"{row.baskets:,}",
            f"{row.shoppers:,}",
            figures.with_interval(row.confidence, row.low, row.high),
            f"{row.lift:.1f} (from {row.lift_low:.1f})",
        ]
        for row in told.rules.head(_RULES).itertuples()
    ]
    yield table(["who has → also has", "orders", "shoppers", "of them (95 %)", "lift"], rows)


def _counted(found: Analysis) -> Iterator[str]:
    settings = found.settings
    lines = [*found.purchases.said, f"An order is {escaped(found.purchases.basket)}."]
    if found.rfm.unordered >= settings.at_least:
        lines.append(f"{found.rfm.unordered:,} shoppers sent everything back and are left out.")
    elif found.rfm.unordered:
        lines.append("A few shoppers sent everything back and are left out.")
    yield " ".join(lines)
    yield (
        f"Nothing is said of groups of fewer than {settings.at_least} shoppers (`--at-least`). "
        "Intervals hold the true value in 95 of 100 cases, if shoppers are like those to come: "
        "Wilson's of shares of shoppers, else by drawing shoppers anew."
    )
