"""The report of a run of demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfmm.evaluation.demand import LOWER
from tfmm.evaluation.in_words import in_short, percent, verdict
from tfmm.evaluation.learning import learning_section
from tfmm.evaluation.plots.demand import forecasts, quantiles
from tfmm.evaluation.report import MODEL, Section, escaped, picture, table

_TITLES = {
    "wape": "WAPE",
    "mase": "MASE",
    "rmsse": "RMSSE",
    "bias": "bias",
    "pinball": "pinball",
    "coverage": "coverage of 80 %",
    "width": "its width",
    "quantile_error": "quantiles off by",
}
_NAMES = {
    "last_value": "last value",
    "seasonal_naive": "a season ago",
    "moving_average": "moving average",
    "category_mean": "mean of the category",
    "ets": "exponential smoothing (ETS)",
    "croston": "Croston (SBA)",
    "tsb": "TSB",
    "boosted": "LightGBM on lags",
}


def sections(
    metrics: Mapping[str, Any], history: Sequence[Mapping[str, Any]], choice: str, folder: Path
) -> list[Section]:
    """The sections of a report, their plots written into a folder.

    Args:
        metrics: what `metrics.json` holds.
        history: a row an epoch.
        choice: the validation metric that was chosen by.
        folder: where plots go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        *in_short(_in_words(metrics)),
        _overall(metrics),
        *_cold(metrics),
        *(
            Section(f"Forecasts {title}", [_rows(groups)])
            for title, groups in metrics["parts"].items()
        ),
        _series(metrics, folder),
        _calibration(metrics, folder),
        *learning_section(history, choice, folder, higher=False),
    ]


def name_of(who: str) -> str:
    """What reports call a forecast."""
    return MODEL if who == "model" else _NAMES.get(who, who)


def _in_words(metrics: Mapping[str, Any]) -> list[str]:
    model, every = metrics["model"], metrics["every"]
    if model["wape"] is None:
        return ["Nothing sold in the periods of the test, so that errors have no measure."]
    said = [
        f"Forecasts of the next {metrics['horizon']} {every}s are wrong by "
        f"{percent(model['wape'])} of what sold, and {percent(model['coverage'])} of sales lie "
        "within the interval that promises 80 %."
    ]
    best = metrics.get("best")
    if best is not None and metrics["baselines"][best]["wape"] is not None:
        said.append(
            f"The best simple forecast, {name_of(best)}, is wrong by "
            f"{percent(metrics['baselines'][best]['wape'])}."
        )
        found = metrics["compared"]
        less = {"difference": -found["difference"], "low": -found["high"], "high": -found["low"]}
        said.append(verdict(less))
    return said


def _overall(metrics: Mapping[str, Any]) -> Section:
    counts = metrics["split"]
    shown = {"model": metrics["model"]}
    left = []
    for name, row in metrics["baselines"].items():
        if "left_out" in row:
            left.append(f"{name_of(name)} was left out: {escaped(row['left_out'])}.")
        else:
            shown[name] = row
    parts = [
        f"{counts['series']:,} series from {counts['test_origins']} origins, nothing after which "
        "was known. Absolute errors are those of the median or the mean, whichever did better on "
        "validation, and RMSSE and bias those of the mean. The interval of a simple forecast is "
        "made of its own errors on validation.",
        _measures(shown),
        *left,
    ]
    if metrics["counted"]:
        parts.append(
            "Of the tables: "
            + "; ".join(f"{count:,} {escaped(what)}" for what, count in metrics["counted"].items())
            + "."
        )
    return Section("The model beside simple forecasts", parts)


def _measures(rows: Mapping[str, Mapping[str, Any]], first: Sequence[str] = ()) -> str:
    header = ["", *first, *_TITLES.values()]
    lower = [place for place, name in enumerate(_TITLES, 1 + len(first)) if name in LOWER]
    cells = [
        [name_of(who), *(row.get(key) for key in first), *(row.get(name) for name in _TITLES)]
        for who, row in rows.items()
    ]
    return table(header, cells, lower=lower)


def _cold(metrics: Mapping[str, Any]) -> list[Section]:
    if "cold" not in metrics:
        return []
    said = (
        f"{metrics['split']['cold_series']:,} series that nothing was learned from and whose past "
        "is not shown: the model tells them by their features, and by what similar ones sold."
    )
    return [Section("What has never sold", [said, _measures(metrics["cold"])])]


def _rows(groups: Mapping[str, Mapping[str, Any]]) -> str:
    cells = [
        [name, found["origins"], name_of(who), *(row.get(key) for key in _TITLES)]
        for name, found in groups.items()
        for who, row in found.items()
        if who != "origins"
    ]
    return table(["", "origins", "by", *_TITLES.values()], cells)


def _series(metrics: Mapping[str, Any], folder: Path) -> Section:
    parts = []
    what = f"{metrics['value']} a {metrics['every']}"
    for title in ("best", "worst"):
        shown = metrics["shown"][title]
        if shown:
            drawn = forecasts(shown, what, folder / f"{title}.png")
            parts.append(f"Forecast {title} of those that sell more than half of the others:")
            parts.append(picture(drawn, f"The series that were forecast {title}"))
    return Section("Series", parts or ["No series sold anything in the test."])


def _calibration(metrics: Mapping[str, Any], folder: Path) -> Section:
    drawn = quantiles(metrics["levels"], folder / "quantiles.png")
    rows = [[row["level"], row["below"], row["up to"]] for row in metrics["levels"]]
    made = table(["level", "sales below it", "sales not above it"], rows)
    said = (
        "Quantiles and the interval were shifted to what they promise on validation. The quantiles "
        f"of slow series are {percent(metrics['mix'])} a negative binomial's, as validation chose."
    )
    return Section("Calibration", [said, picture(drawn, "Quantiles and what sold"), made])
