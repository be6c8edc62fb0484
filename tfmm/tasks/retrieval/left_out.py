"""What answers leave out: what a shopper has seen, and what they dislike where the shop says so."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from tfmm.data import Pairs, ShopData
from tfmm.data.events.dislikes import disliked_pairs


def left_out(data: ShopData, pairs: Pairs, *, seen: bool) -> sp.csr_matrix:
    """The items that each user's answers leave out, float32 `[n_users, n_items]`.

    Args:
        data: the shop, whose file says whether dislikes are left out (`events: {disliked: ...}`).
        pairs: what users have seen.
        seen: whether that is left out.
    """
    shape = (pairs.n_users, pairs.n_items)
    taken = pairs.csr() if seen else sp.csr_matrix(shape, dtype=np.float32)
    if data.shop.events is None or data.shop.events.disliked != "exclude":
        return taken
    user, item = disliked_pairs(data.examples)
    disliked = sp.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=shape)
    whole = (taken + disliked).tocsr()
    whole.sort_indices()
    return whole
