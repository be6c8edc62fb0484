import numpy as np
import pytest
import scipy.sparse as sp

from tfmm.evaluation.ranking import NotANumberError, rank_scores, rank_vectors, top_k


def naive_top(scores, k, seen=None):
    ranked = []
    for user, row in enumerate(np.asarray(scores, np.float64)):
        out = set() if seen is None else set(np.flatnonzero(seen[user]))
        left = [i for i in range(len(row)) if i not in out and row[i] > -np.inf]
        best = sorted(left, key=lambda i: (-row[i], i))[:k]
        ranked.append(best + [-1] * (k - len(best)))
    return np.array(ranked)


@pytest.mark.parametrize("n", [1, 7, 511, 2048, 5003])
@pytest.mark.parametrize("levels", [1, 3, 50, 0])
def test_top_k_equals_naive_sort_with_ties_by_lower_item(n, levels):
    rng = np.random.default_rng(n + levels)
    scores = rng.normal(size=(9, n)).astype(np.float32)
    if levels:
        scores = np.floor(scores * levels) / levels
        scores = scores.astype(np.float32)
    for k in (1, 5, 20):
        top = top_k(scores.copy(), k)
        np.testing.assert_array_equal(top.items, naive_top(scores, k))


def test_top_k_of_mostly_equal_scores():
    scores = np.zeros((3, 6000), np.float32)
    scores[1, [5999, 17, 300]] = [3, 1, 2]
    scores[2, :] = -np.inf
    scores[2, 4321] = -5
    top = top_k(scores, 5)
    assert top.items.tolist() == [[0, 1, 2, 3, 4], [5999, 300, 17, 0, 1], [4321, -1, -1, -1, -1]]
    assert top.scores[2].tolist() == [-5] + [-np.inf] * 4


@pytest.mark.parametrize("block", [None, 1, 7, 100])
def test_vectors_rank_like_naive_with_seen_left_out(block):
    rng = np.random.default_rng(1)
    users, items = rng.normal(size=(40, 8)), rng.normal(size=(300, 8))
    users, items = users.astype(np.float32), items.astype(np.float32)
    seen = rng.random((40, 300)) < 0.2
    ranking = rank_vectors(users, items, sp.csr_matrix(seen), k=25, block=block)
    np.testing.assert_array_equal(ranking.items, naive_top(users @ items.T, 25, seen))
    assert ranking.items.dtype == np.int32
    taken = np.take_along_axis(users @ items.T, ranking.items.astype(np.int64), 1)
    np.testing.assert_allclose(ranking.scores, taken, rtol=1e-5)


def test_histories_longer_than_the_groups_are_left_out_too():
    rng = np.random.default_rng(3)
    scores = np.round(rng.normal(size=(6, 5003)), 2).astype(np.float32)
    seen = rng.random((6, 5003)) < np.array([[0.01], [0.98], [0.0], [1.0], [0.5], [0.1]])
    ranking = rank_scores(lambda rows: scores[rows], np.arange(6), sp.csr_matrix(seen), k=30)
    np.testing.assert_array_equal(ranking.items, naive_top(scores, 30, seen))


def test_ties_at_the_bound_do_not_bring_seen_items_back():
    seen = np.zeros((1, 6000), bool)
    seen[0, [0, 2, 5]] = True
    ranking = rank_scores(lambda rows: np.zeros((1, 6000)), np.arange(1), sp.csr_matrix(seen), k=4)
    assert ranking.items.tolist() == [[1, 3, 4, 6]]


def test_fewer_left_than_k_gives_minus_one():
    seen = sp.csr_matrix(np.array([[1, 1, 0], [1, 1, 1]]))
    ranking = rank_vectors(np.ones((2, 1), np.float32), np.ones((3, 1), np.float32), seen, k=5)
    assert ranking.items.tolist() == [[2, -1, -1, -1, -1], [-1] * 5]
    assert np.isneginf(ranking.scores[1]).all()


def test_stored_zeros_count_as_seen():
    seen = sp.csr_matrix((np.zeros(1), ([0], [1])), shape=(1, 3))
    ranking = rank_vectors(np.ones((1, 1), np.float32), np.arange(3.0)[:, None], seen, k=3)
    assert ranking.items.tolist() == [[2, 0, -1]]


def test_scores_rank_chosen_users_by_their_own_seen_rows():
    rng = np.random.default_rng(2)
    table = rng.normal(size=(30, 50)).astype(np.float32)
    seen = rng.random((30, 50)) < 0.3
    users = np.array([28, 3, 3, 11], np.int32)
    ranking = rank_scores(lambda rows: table[rows], users, sp.csr_matrix(seen), k=6, block=3)
    np.testing.assert_array_equal(ranking.items, naive_top(table[users], 6, seen[users]))


def test_scores_are_not_written():
    table = np.broadcast_to(np.arange(4, dtype=np.float32), (2, 4))
    seen = sp.csr_matrix(np.array([[0, 0, 0, 1], [0, 0, 1, 0]]))
    ranking = rank_scores(lambda rows: table, np.arange(2), seen, k=2)
    assert ranking.items.tolist() == [[2, 1], [3, 1]]
    own = np.array(table)
    rank_scores(lambda rows: own, np.arange(2), seen, k=2)
    np.testing.assert_array_equal(own, table)


def test_only_candidates_are_ranked():
    candidates = np.array([True, False, True, False])
    ranking = rank_vectors(
        np.ones((1, 1), np.float32), np.arange(4.0)[:, None], k=3, candidates=candidates
    )
    assert ranking.items.tolist() == [[2, 0, -1]]
    seen = sp.csr_matrix(np.array([[0, 0, 1, 0]]))
    ranking = rank_scores(
        lambda rows: np.arange(4.0)[None], np.arange(1), seen, k=2, candidates=candidates
    )
    assert ranking.items.tolist() == [[0, -1]]


def test_nan_scores_are_an_error_with_their_number():
    items = np.ones((4000, 2), np.float32)
    items[[3, 3999]] = np.nan
    with pytest.raises(NotANumberError, match=r"6 of 12,000 scores.*3 users are NaN"):
        rank_vectors(np.ones((3, 2), np.float32), items, k=2, block=3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda u, i: rank_vectors(u, i[:, :2]), "vectors of 3 dimensions and items of 2"),
        (lambda u, i: rank_vectors(u[0], i), r"shapes \[U, D\] and \[N, D\].*\[3\]"),
        (lambda u, i: rank_vectors(u, i, k=0), "at least 1 item"),
        (lambda u, i: rank_vectors(u, i, sp.csr_matrix((4, 9))), "9 columns.*5 items"),
        (lambda u, i: rank_vectors(u, i, sp.csr_matrix((2, 5))), "2 rows.*a user 3"),
        (lambda u, i: rank_vectors(u, i, candidates=np.ones(3, bool)), r"\[5\], but it is \[3\]"),
        (
            lambda u, i: rank_scores(lambda rows: np.ones((1, 5)), np.arange(4), n_items=5),
            r"\[4, 5\] for 4 users, but gave \[1, 5\]",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((4, 3), np.float32), np.ones((5, 3), np.float32))
