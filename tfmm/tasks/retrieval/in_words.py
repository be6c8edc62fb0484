"""What a retrieval report's numbers mean, for people who do not read tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmm.evaluation.in_words import percent, verdict
from tfmm.evaluation.names import baseline_name


def retrieval_in_words(metrics: Mapping[str, Any], k: int) -> list[str]:
    """Sentences: how much the first `k` items hold of what shoppers took, beside the best of the
    simple lists, and of new items.

    Args:
        metrics: what `metrics.json` holds, `model` with `recall@k` among it.
        k: the length of the lists.
    """
    model, metric = metrics["model"], f"recall@{k}"
    baselines = {n: row for n, row in metrics.get("baselines", {}).items() if metric in row}
    said = [
        f"Of what a shopper took in the test, the first {k} items that the model would have shown "
        f"hold {percent(model[metric])} on average, over {model.get('users', 0):,} shoppers."
    ]
    if "updated" in metrics:
        said[0] = (
            f"Of what a shopper newly took, the first {k} items that the run before this one would "
            f"have shown hold {percent(model[metric])} on average, over "
            f"{model.get('users', 0):,} shoppers; this run has learned from it since."
        )
    if baselines:
        best = max(baselines, key=lambda name: baselines[name][metric])
        said.append(
            f"The best of the simple lists, {baseline_name(best)}, holds "
            f"{percent(baselines[best][metric])}."
        )
        compared = metrics.get("compared", {}).get(best, {}).get(metric)
        said += [verdict(compared)] if compared else []
    cold = metrics.get("cold") or {}
    if metric in cold:
        said.append(
            f"Of new items, which nobody had taken before, it is {percent(cold[metric])}, over "
            f"{cold.get('users', 0):,} shoppers"
        )
        others = {n: row["cold"][metric] for n, row in baselines.items() if "cold" in row}
        if others:
            best = max(others, key=others.__getitem__)
            said[-1] += f" (the best simple list, {baseline_name(best)}: {percent(others[best])})"
        said[-1] += "."
    return said
