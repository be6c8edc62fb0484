"""NDCG of lists that are ranked again: the examples of a shopper in the order of what is said."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfmm.evaluation.labels.checks import Numbers, checked
from tfmm.evaluation.metrics import check_ks, discounts


class RankedLists(NamedTuple):
    """The mean NDCG, the lists that it is over, and those left out for want of a positive."""

    ndcg: float
    lists: int
    without: int


def ndcg_of_lists(
    said: Numbers, true: Numbers, group: NDArray[np.integer], k: int = 10
) -> RankedLists:
    """The mean NDCG@k of groups' examples, best prediction first.

    The gain of an example is its label. Equal predictions are in any order with the same chance,
    and it is the expectation over orders that is given. Groups without a label above 0 are left
    out; a group whose labels are all the same, such as one of a single example, has 1 whatever is
    said.

    ```python
    said, true = np.array([0.9, 0.1, 0.5]), np.array([0, 1, 0])
    ndcg_of_lists(said, true, np.array([4, 4, 9]), k=10)  # (0.63, 1 list, 1 without)
    ```

    Source: Järvelin and Kekäläinen, ACM TOIS 2002; ties as in McSherry and Najork, Computing
    information retrieval performance measures efficiently in the presence of tied scores, ECIR
    2008.

    Args:
        said: predictions `[n]`, of any scale.
        true: labels `[n]`, 0 or more.
        group: the shopper, or whose list it is, of each example, `[n]`.
        k: examples of a list that count.

    Returns:
        The mean, NaN where no list has a positive, and how many lists have one and have none.

    Raises:
        NotANumberError: a prediction is NaN.
        ValueError: shapes that differ, missing labels or ones below 0, or k below 1.
    """
    _, values = ndcg_of_groups(said, true, group, k)
    counts = ~np.isnan(values)
    lists = int(counts.sum())
    mean = float(values[counts].mean()) if lists else np.nan
    return RankedLists(mean, lists, len(values) - lists)


def ndcg_of_groups(
    said: Numbers, true: Numbers, group: NDArray[np.integer], k: int = 10
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The groups `[G]`, ascending, and the NDCG@k of each, NaN for one without a positive."""
    said, true = checked(said, true, group=group)
    check_ks([k])
    if len(true) and true.min() < 0:
        raise ValueError(f"`true` must be 0 or more to be a gain, but it is {true.min():g} once.")
    owners, owner = np.unique(group, return_inverse=True)
    reached = _gained(said, true, owner, len(owners), k)
    ideal = _gained(true, true, owner, len(owners), k)
    values = np.divide(reached, ideal, out=np.full(len(owners), np.nan), where=ideal > 0)
    return owners, values


def _gained(
    said: NDArray[np.float64],
    true: NDArray[np.float64],
    owner: NDArray[np.integer],
    count: int,
    k: int,
) -> NDArray[np.float64]:
    """The discounted gain of each group's first k by what is said, float64 `[count]`."""
    order = np.lexsort((-said, owner))
    said, true, owner = said[order], true[order], owner[order]
    size = np.bincount(owner, minlength=count)
    begin = np.cumsum(size) - size
    new_run = np.append(True, (owner[1:] != owner[:-1]) | (said[1:] != said[:-1]))[: len(said)]
    starts = np.flatnonzero(new_run)
    ends = np.append(starts[1:], len(said))
    owner_of_run = owner[starts]
    # A run of equals shares the discounts of its places evenly.
    worth = np.r_[0.0, np.cumsum(discounts(k))]
    first = np.minimum(starts - begin[owner_of_run], k)
    last = np.minimum(ends - begin[owner_of_run], k)
    run = np.cumsum(new_run) - 1
    gains = np.bincount(run, true, len(starts)) * (worth[last] - worth[first]) / (ends - starts)
    return np.bincount(owner_of_run, gains, count).astype(np.float64)
