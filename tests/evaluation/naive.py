"""Every metric once more, as slowly and plainly as its definition reads."""

import math
from itertools import combinations

import numpy as np


def rank(scores, seen, k):
    """Lists of unseen items, best first, lower item first among equals."""
    lists = []
    for row, out in zip(scores, seen, strict=True):
        left = [i for i in range(len(row)) if i not in out]
        lists.append(sorted(left, key=lambda i: (-row[i], i))[:k])
    return lists


def cosine(a, b):
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / lengths) if lengths else 0.0


def metrics(lists, tests, k, item_counts, n_users, n_items, vectors):
    """Means over users with test items; `tests` is a set of items for each user."""
    sums, shown, users = {}, set(), 0
    for ranked, test in zip(lists, tests, strict=True):
        if not test:
            continue
        users += 1
        top = ranked[:k]
        shown.update(top)
        hit_ranks = [i for i, item in enumerate(top, 1) if item in test]
        ideal = sum(1 / math.log2(i + 1) for i in range(1, min(k, len(test)) + 1))
        pairs = list(combinations(top, 2))
        values = {
            "recall": len(hit_ranks) / len(test),
            "ndcg": sum(1 / math.log2(i + 1) for i in hit_ranks) / ideal,
            "mrr": 1 / hit_ranks[0] if hit_ranks else 0.0,
            "hit_rate": float(bool(hit_ranks)),
            "map": sum(n / i for n, i in enumerate(hit_ranks, 1)) / min(k, len(test)),
            "novelty": sum(-math.log2(max(item_counts[i], 1) / n_users) for i in top)
            / max(len(top), 1),
            "intra_list_diversity": 1
            - sum(cosine(vectors[i], vectors[j]) for i, j in pairs) / len(pairs)
            if pairs
            else 0.0,
        }
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value
    result = {f"{name}@{k}": value / users for name, value in sums.items()}
    result[f"coverage@{k}"] = len(shown) / n_items
    result["users"] = users
    return result
