"""Simple models of a label beside a learned one: tuned on validation, refitted, measured alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tfmm.baselines.labels import LabelBaseline, Labelled
from tfmm.baselines.labels.base import Kind
from tfmm.baselines.ratings import Ratings
from tfmm.baselines.supervised import Supervised
from tfmm.config.names import did_you_mean
from tfmm.evaluation.labels.errors import rmse
from tfmm.evaluation.labels.probabilities import log_loss
from tfmm.evaluation.labels.summary import label_metrics

Part = TypeVar("Part", Ratings, Labelled)


def evaluate_label_baselines(
    models: Mapping[str, type[Supervised]],
    kind: Kind,
    train: Part,
    valid: Part,
    test: Part,
    group: NDArray[np.integer],
    *,
    names: Sequence[str] | None = None,
    params: Mapping[str, Mapping[str, Any]] | None = None,
    minutes: float | None = None,
    said: bool = False,
) -> dict[str, dict[str, Any]]:
    """Each model's metrics on the test, its parameters chosen on validation.

    What loses least there, log loss of a binary label and RMSE of a rating, is fitted again on
    training and validation together.

    ```python
    from tfmm.baselines.ratings import RATINGS, Ratings
    from tfmm.evaluation.labels.compare import evaluate_label_baselines

    rng = np.random.default_rng(1)
    user, item = rng.integers(0, 9, 300), rng.integers(0, 9, 300)
    value = (item % 5 + 1).astype(np.float32)
    parts = [Ratings(user[i::3], item[i::3], value[i::3], 9, 9) for i in range(3)]
    found = evaluate_label_baselines(
        RATINGS, "rating", *parts, parts[2].user, names=["mean", "biases"]
    )
    found["biases"]["rmse"] < found["mean"]["rmse"]  # True
    ```

    Args:
        models: by name: `tfmm.baselines.ratings.RATINGS` or `tfmm.baselines.labels.LABELS`.
        kind: of the label, `"binary"` or `"rating"`.
        train: `Ratings` or `Labelled` examples, as the models need them.
        valid: likewise; empty where the defaults are to stay.
        test: likewise, labels that are NaN left out.
        group: the shopper of each example of the test, int `[n]`.
        names: models to measure; by default all that can do without `params` or have theirs.
        params: configuration by name; what it sets is not tuned.
        minutes: that tuning may take in all; what is left of a grid then is not tried.
        said: whether the predictions of the test are given, for `label_difference`.

    Returns:
        By name `label_metrics` and `params`; `untried` where a budget ended the tuning; `said`,
        float32 `[n]`, where asked. Where a package is not installed: `{"left_out": reason}`.

    Raises:
        ValueError: a name that no model has, or what a model refuses.
    """
    deadline = np.inf if minutes is None else time.monotonic() + 60 * minutes
    given = {name: dict((params or {}).get(name, {})) for name in models}
    if names is None:
        names = [name for name, one in models.items() if set(one.needs) <= set(given[name])]
    section: dict[str, dict[str, Any]] = {}
    for name in names:
        if name not in models:
            hint = did_you_mean(name, models)
            raise ValueError(f"There is no baseline {name!r}, only {', '.join(models)}.{hint}")
        model = models[name]
        fixed = given[name] | ({"kind": kind} if issubclass(model, LabelBaseline) else {})
        loss = log_loss if kind == "binary" else rmse
        try:
            chosen = model.tune(train, valid, loss, deadline=deadline, **fixed)
            fitted = model(**fixed, **chosen.params).fit(*train.joined(valid))
        except ModuleNotFoundError as error:
            section[name] = {"left_out": str(error)}
            continue
        answers = fitted.predict(*test.asked)
        section[name] = {
            **label_metrics(kind, answers, test.value, group),
            "params": _plain({**given[name], **chosen.params}),
        }
        if chosen.untried:
            section[name]["untried"] = chosen.untried
        if said:
            section[name]["said"] = answers
    return section


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a report can hold: without arrays."""
    return {name: value for name, value in params.items() if not isinstance(value, np.ndarray)}
