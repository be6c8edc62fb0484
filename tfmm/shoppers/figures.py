"""Figures as the report writes them; "" or "few" for what is not told."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np


def day(number: float) -> str:
    return (date(1970, 1, 1) + timedelta(days=int(number))).isoformat()


def share(value: float) -> str:
    return "" if np.isnan(value) else f"{100 * value:.1f} %"


def with_interval(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return ""
    return f"{100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def signed(value: float) -> str:
    return "" if np.isnan(value) else f"{100 * value:+.1f} %"


def count(value: float) -> str:
    return "few" if np.isnan(value) else f"{int(value):,}"


def minus(value: float) -> str:
    return f"{value:,.1f}".replace("-", "−")


def number(value: float) -> str:
    return f"{value:,.0f}"


def money(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def span(low: float, high: float, measure: str) -> str:
    shown = money if measure == "value" else number
    unit = {"recency": " days ago", "frequency": " orders", "value": ""}[measure]
    text = shown(low) if shown(low) == shown(high) else f"{shown(low)} to {shown(high)}"
    return f"{text}{unit}"
