import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from tfmm.data.events.splits import split
from tfmm.evaluation import (
    evaluate,
    evaluate_baselines,
    evaluate_split_baselines,
    tune,
)
from tfmm.evaluation.breakdowns import popularity_deciles

sys.path.insert(0, str(Path(__file__).parent))
import naive

USERS, ITEMS = 60, 90
KS = (1, 5, 20)


@pytest.fixture
def case():
    rng = np.random.default_rng(8)
    taste = rng.random((USERS, ITEMS))
    cold_items = np.arange(ITEMS) >= 80
    train = (taste < 0.1) & ~cold_items
    train[:6] = False  # shoppers without a history
    test = (taste > 0.9) & ~cold_items
    test[50:] = False
    cold = (taste > 0.8) & cold_items
    vectors = rng.normal(size=(ITEMS, 6)).astype(np.float32)
    vectors[4] = 0
    return SimpleNamespace(
        train=sp.csr_matrix(train, dtype=np.float32),
        test=sp.csr_matrix(test, dtype=np.float32),
        cold=sp.csr_matrix(cold, dtype=np.float32),
        users=rng.normal(size=(USERS, 6)).astype(np.float32),
        items=vectors,
    )


def sets(matrix):
    return [set(row) for row in np.split(matrix.indices, matrix.indptr[1:-1])]


def expect(case, tests, k, lists):
    counts = np.bincount(case.train.indices, minlength=ITEMS)
    n_users = int((np.diff(case.train.indptr) > 0).sum())
    return naive.metrics(lists, tests, k, counts, n_users, ITEMS, case.items)


def test_every_metric_equals_the_naive_reference(case):
    result = evaluate(
        (case.users, case.items), case.test, seen=case.train, cold=case.cold, ks=KS, block=7
    )
    lists = naive.rank(case.users @ case.items.T, sets(case.train), max(KS))
    for part, truth in (("model", case.test), ("cold", case.cold)):
        expected = {}
        for k in KS:
            expected |= expect(case, sets(truth), k, lists)
        assert result[part] == pytest.approx(expected, rel=1e-5), part
        assert set(result[part]) == set(expected)


def test_functions_and_objects_score_like_vectors(case):
    options = {"seen": case.train, "ks": KS, "item_vectors": case.items}
    vectors = evaluate((case.users, case.items), case.test, **options)
    table = case.users @ case.items.T
    assert evaluate(lambda users: table[users], case.test, **options) == vectors
    scorer = SimpleNamespace(score=lambda users: table[users])
    assert evaluate(scorer, case.test, **options) == vectors


def test_warm_and_new_users_add_up_to_all(case):
    result = evaluate((case.users, case.items), case.test, seen=case.train, ks=(20,))
    groups = result["breakdowns"]["users"]
    assert groups["new"]["users"] == 6
    assert groups["warm"]["users"] + 6 == result["model"]["users"] == 50
    mean = sum(g["recall@20"] * g["users"] for g in groups.values()) / 50
    assert mean == pytest.approx(result["model"]["recall@20"])


def test_popularity_deciles_hold_all_hits(case):
    lists = naive.rank(case.users @ case.items.T, sets(case.train), 20)
    rows = evaluate((case.users, case.items), case.test, seen=case.train, ks=(20,))["breakdowns"][
        "popularity"
    ]
    decile = popularity_deciles(np.bincount(case.train.indices, minlength=ITEMS))
    for row in rows:
        member = set(np.flatnonzero(decile == row["decile"]).tolist())
        tests = [test & member for test in sets(case.test)]
        hits = sum(len(test & set(ranked)) for test, ranked in zip(tests, lists, strict=True))
        total = sum(map(len, tests))
        assert row["test_items"] == total
        assert row["recall@20"] == pytest.approx(hits / total)
    assert sum(row["test_items"] for row in rows) == case.test.nnz


def test_deciles_divide_trained_items_equally():
    counts = np.r_[0, 0, np.arange(100, 0, -1)]
    decile = popularity_deciles(counts)
    assert np.bincount(decile).tolist() == [2] + [10] * 10
    assert decile[2] == 10
    assert decile[101] == 1


def test_lists_longer_than_the_catalogue_are_allowed(case):
    result = evaluate((case.users, case.items), case.test, seen=case.train, ks=(20, 200))
    assert result["model"]["recall@200"] == pytest.approx(1.0)


def test_max_users_draws_the_same_users_for_everyone(case):
    options = {"seen": case.train, "ks": (5,), "max_users": 20}
    first = evaluate((case.users, case.items), case.test, **options)
    assert first["model"]["users"] == 20
    assert first == evaluate((case.users, case.items), case.test, **options)
    assert first != evaluate((case.users, case.items), case.test, seed=2, **options)


def test_nothing_to_test_is_an_error(case):
    with pytest.raises(ValueError, match="No user has a test item"):
        evaluate((case.users, case.items), sp.csr_matrix((USERS, ITEMS)), seen=case.train)


def test_sizes_that_differ_are_an_error(case):
    with pytest.raises(ValueError, match="`seen` is of 60 users x 89 items"):
        evaluate((case.users, case.items), case.test, seen=case.train[:, :89])
    with pytest.raises(ValueError, match="59 user and 90 item vectors"):
        evaluate((case.users[:59], case.items), case.test)
    with pytest.raises(ValueError, match="each must be from 1"):
        evaluate((case.users, case.items), case.test, ks=(0, 5))


def shop_log():
    """Two tastes: even users take even items, odd users odd ones."""
    rng = np.random.default_rng(9)
    user = np.repeat(np.arange(80), 12)
    item = rng.integers(0, 30, len(user)) * 2 + user % 2
    return SimpleNamespace(
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        time=None,
        weight=np.ones(len(user), np.float32),
        extra={},
    )


def test_baselines_section_has_every_baseline_by_the_same_metrics():
    made = split(shop_log(), cold_items=0.1)
    section = evaluate_split_baselines(made, ks=(5, 20))
    assert list(section) == ["popularity", "item_knn", "user_knn", "ease"]
    assert section["ease"]["recall@20"] > 1.2 * section["popularity"]["recall@20"]
    assert section["item_knn"]["params"].keys() == {"k", "shrink"}
    assert len({row["users"] for row in section.values()}) == 1
    assert section["popularity"]["cold"]["users"] > 0


def test_ease_past_memory_is_left_out_with_the_reason():
    made = split(shop_log())
    section = evaluate_split_baselines(
        made, names=("popularity", "ease"), params={"ease": {"max_memory": 1000}}
    )
    assert "recall@20" in section["popularity"]
    assert list(section["ease"]) == ["left_out"]
    assert "max_memory" in section["ease"]["left_out"]


def test_given_parameters_are_not_tuned():
    made = split(shop_log())
    section = evaluate_baselines(
        made.final_train(),
        made.test,
        names=("item_knn",),
        params={"item_knn": {"k": 3}},
        tune_on=(made.train, made.valid),
    )
    assert section["item_knn"]["params"]["k"] == 3
    assert "shrink" in section["item_knn"]["params"]


def test_tuning_takes_the_best_on_validation():
    made = split(shop_log())
    grid = {"lam": (1e6, 10.0)}
    params = tune("ease", made.train, made.valid, metric="ndcg@5", grid=grid)
    measured = {}
    for lam in grid["lam"]:
        section = evaluate_baselines(
            made.train, made.valid, names=("ease",), params={"ease": {"lam": lam}}, ks=(5,)
        )
        measured[lam] = section["ease"]["ndcg@5"]
    assert params.params == {"lam": max(measured, key=measured.__getitem__)}
    assert tune("popularity", made.train, made.valid).params == {}
