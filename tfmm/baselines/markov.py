"""A Markov chain of the first order: what follows what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from tfmm.baselines.base import Baseline
from tfmm.data.events.pairs import Pairs, stable_order

_LEAST = np.float32(1e-4)


@dataclass(kw_only=True)
class Markov(Baseline):
    """Scores an item by how often it came right after the shopper's latest item.

    What never followed that item comes after the rest, by popularity, which breaks ties too.

    Source: the first-order chain that Rendle et al., Factorizing personalized Markov chains, WWW
    2010, start from.
    """

    name: ClassVar[str] = "markov"
    decays: ClassVar[bool] = True
    timed: ClassVar[bool] = True

    next_: sp.csr_matrix | None = field(default=None, init=False, repr=False)
    counts_: NDArray[np.float32] | None = field(default=None, init=False, repr=False)

    def fit(self, train: Pairs | sp.csr_matrix) -> Self:
        if not isinstance(train, Pairs):
            raise ValueError(
                "The baseline 'markov' learns what follows what, which a matrix does not say: fit "
                "it on `Pairs`."
            )
        log = train.log
        worth = np.ones(len(log.user), np.float32)
        if self.half_life is not None:
            worth = train.worth(self.half_life)
        if self.weighted:
            worth = worth * log.weight
        order = stable_order(log.user, train.n_users)
        user, item, worth = log.user[order], log.item[order], worth[order]
        at = np.flatnonzero((user[1:] == user[:-1]) & (item[1:] != item[:-1]))
        shape = (train.n_items, train.n_items)
        steps = sp.coo_matrix((worth[1:][at], (item[at], item[1:][at])), shape=shape)
        self.next_ = steps.tocsr().astype(np.float32)
        counts = np.bincount(item, worth, train.n_items)
        self.counts_ = (counts / max(counts.max(initial=0), 1e-12)).astype(np.float32)
        return self

    def read(self, pairs: Pairs) -> sp.csr_matrix:
        """A one where an item is the shopper's latest."""
        log = pairs.log
        order = stable_order(log.user, pairs.n_users)
        user, item = log.user[order], log.item[order]
        last = np.flatnonzero(np.append(user[1:] != user[:-1], True)[: len(user)])
        shape = (pairs.n_users, pairs.n_items)
        ones = np.ones(len(last), np.float32)
        return sp.coo_matrix((ones, (user[last], item[last])), shape=shape).tocsr()

    def score(self, histories: sp.csr_matrix) -> NDArray[np.float32]:
        steps, counts = self.next_, self.counts_
        histories = self._histories(histories, None if steps is None else steps.shape[0])
        assert steps is not None
        assert counts is not None
        return np.asarray((histories @ steps).toarray() + counts * _LEAST, np.float32)
