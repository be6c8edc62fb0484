"""What numbers mean, in plain words: a share, and whether one model is better than another."""

from __future__ import annotations

from collections.abc import Mapping

from tfmm.evaluation.report import IN_SHORT, Section


def percent(share: float) -> str:
    """A share for people: `21.0 %`."""
    return f"{100 * share:.1f} %"


def verdict(found: Mapping[str, float]) -> str:
    """Whether the model is better than what it was compared to, from a paired bootstrap.

    ```python
    said = verdict({"difference": 0.02, "low": 0.005, "high": 0.031})
    assert said == (
        "The model is better by 2.0 points; another test would likely find it better by "
        "0.5 to 3.1 points."
    )
    ```

    Args:
        found: `difference`, the model's mean less the other's, and `low` and `high`, between which
            it lies.
    """
    difference, low, high = (100 * found[name] for name in ("difference", "low", "high"))
    if low > 0 or high < 0:
        word = "better" if low > 0 else "worse"
        ends = sorted((abs(low), abs(high)))
        return (
            f"The model is {word} by {abs(difference):.1f} points; another test would likely find "
            f"it {word} by {ends[0]:.1f} to {ends[1]:.1f} points."
        )
    return (
        f"Which of the two is better the test cannot tell: the difference is {difference:+.1f} "
        f"points, and another test might find anything from {low:+.1f} to {high:+.1f}."
    )


def in_short(sentences: list[str]) -> list[Section]:
    """The section of what was said, if anything was."""
    return [Section(IN_SHORT, [" ".join(sentences)])] if sentences else []
