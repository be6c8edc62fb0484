"""What every baseline promises, and each against a naive reference."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

from tfmm import baselines
from tfmm.baselines import (
    BASELINES,
    EASE,
    IALS,
    Content,
    EASEMemoryError,
    ItemKNN,
    NotFittedError,
    Popularity,
    UserKNN,
    content_vectors,
    neighbours,
)
from tfmm.data.catalog import Catalog
from tfmm.data.columns import (
    CategoryColumn,
    ImageColumn,
    NumberColumn,
    TagsColumn,
    TextColumn,
    VectorColumn,
)
from tfmm.data.events.pairs import DAY, Log, Pairs


@pytest.fixture
def train():
    rng = np.random.default_rng(4)
    dense = (rng.random((30, 17)) < 0.25) * rng.integers(1, 5, (30, 17))
    dense[:, 16] = 0  # an item nobody has
    return sp.csr_matrix(dense.astype(np.float32))


def create(name, **config):
    """A baseline by name, with what it cannot do without."""
    if name == "content":
        vectors = np.random.default_rng(8).normal(size=(17, 3)).astype(np.float32)
        config = {"item_vectors": vectors, **config}
    if name == "category_popularity":
        config = {"categories": {"kind": np.arange(17, dtype=np.int32) % 4 - 1}, **config}
    return baselines.create(name, **config)


def as_trained(name, train, seed=5):
    """What a baseline is fitted on: pairs with times where it needs them."""
    if not BASELINES[name].timed:
        return train
    entries = train.tocoo()
    time = np.random.default_rng(seed).integers(0, 40 * DAY, entries.nnz)
    log = Log(entries.row, entries.col, time, entries.data)
    return Pairs.from_events(log, *train.shape)


def read(fitted, train):
    """What a baseline reads of it."""
    return fitted.read(train) if isinstance(train, Pairs) else train


def naive_similarity(a, b, similarity, shrink):
    """Similarity of the rows of two dense matrices."""
    if similarity == "pearson":
        a = a - a.mean(axis=1, keepdims=True)
        b = b - b.mean(axis=1, keepdims=True)
    scale = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None] + shrink
    return np.divide(a @ b.T, scale, out=np.zeros((len(a), len(b))), where=scale > 0)


def naive_neighbours(similar, shared, k):
    kept = np.zeros_like(similar)
    for i, row in enumerate(similar):
        allowed = [j for j in range(len(row)) if shared[i, j] and row[j] > 1e-9]
        for j in sorted(allowed, key=lambda j: (-np.float32(row[j]), j))[:k]:
            kept[i, j] = row[j]
    return kept


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_scores_any_histories(name, train):
    fitted = create(name).fit(as_trained(name, train))
    scores = fitted.score(train[:4])
    assert scores.shape == (4, 17)
    assert scores.dtype == np.float32
    unseen = sp.csr_matrix(np.eye(17, dtype=np.float32)[[3, 5]])
    assert np.isfinite(fitted.score(unseen)).all()
    assert np.isfinite(fitted.score(sp.csr_matrix((1, 17), dtype=np.float32))).all()


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_is_the_same_each_time(name, train):
    of = as_trained(name, train)
    once, again = (create(name).fit(of).score(train) for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_refuses_scores_before_fit(name, train):
    with pytest.raises(NotFittedError, match="call `fit` first"):
        create(name).score(train)


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_refuses_histories_over_other_items(name, train):
    with pytest.raises(ValueError, match=r"\[B, 17\].*\[30, 9\]"):
        create(name).fit(as_trained(name, train)).score(train[:, :9])


@pytest.mark.parametrize("name", BASELINES)
def test_config_makes_the_same_baseline_again(name, train):
    made, of = create(name, weighted=True), as_trained(name, train)
    again = create(name, **made.config())
    np.testing.assert_array_equal(made.fit(of).score(train), again.fit(of).score(train))


@pytest.mark.parametrize("name", BASELINES)
def test_weights_count_only_when_asked(name, train):
    binary = sp.csr_matrix(train > 0, dtype=np.float32)
    of, ones = as_trained(name, train), as_trained(name, binary)

    def scores(pairs, **config):
        fitted = create(name, **config).fit(pairs)
        return fitted.score(read(fitted, pairs))

    np.testing.assert_array_equal(scores(of), scores(ones))
    assert not np.array_equal(scores(of), scores(of, weighted=True))


@pytest.mark.parametrize("name", BASELINES)
def test_variants_equal_separate_fits(name, train):
    needed = {
        key: value
        for key, value in create(name).config().items()
        if key in ("item_vectors", "categories") and value is not None
    }
    grid = {field: values[:2] for field, values in BASELINES[name].grid_for(needed).items()}
    count, of = 0, as_trained(name, train)
    for params, fitted in BASELINES[name].variants(of, grid, weighted=True, **needed):
        alone = create(name, weighted=True, **params).fit(of)
        np.testing.assert_allclose(fitted.score(train), alone.score(train), rtol=1e-6)
        mine, other = fitted.config(), alone.config()
        for key, value in needed.items():
            assert mine.pop(key) is value
            other.pop(key)
        assert mine == other
        count += 1
    assert count == np.prod([len(values) for values in grid.values()], dtype=int)


def test_popularity_counts_users(train):
    scores = Popularity().fit(train).score(train[:2])
    np.testing.assert_array_equal(scores[1], (train.toarray() > 0).sum(axis=0))


@pytest.mark.parametrize("similarity", ["cosine", "pearson"])
@pytest.mark.parametrize("shrink", [0.0, 2.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_item_knn_equals_naive_reference(train, similarity, shrink, weighted):
    dense = train.toarray().astype(np.float64)
    dense = dense if weighted else (dense > 0).astype(np.float64)
    similar = naive_similarity(dense.T, dense.T, similarity, shrink)
    shared = (dense.T @ dense) > 0
    np.fill_diagonal(shared, False)
    expected = dense @ naive_neighbours(similar, shared, 4)
    made = ItemKNN(k=4, shrink=shrink, similarity=similarity, weighted=weighted).fit(train)
    np.testing.assert_allclose(made.score(train), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("similarity", ["cosine", "pearson"])
@pytest.mark.parametrize("shrink", [0.0, 2.5])
def test_user_knn_equals_naive_reference(train, similarity, shrink):
    dense = (train.toarray() > 0).astype(np.float64)
    histories = (np.random.default_rng(5).random((6, 17)) < 0.3).astype(np.float64)
    similar = naive_similarity(histories, dense, similarity, shrink)
    expected = naive_neighbours(similar, histories @ dense.T > 0, 5) @ dense
    made = UserKNN(k=5, shrink=shrink, similarity=similarity).fit(train)
    scores = made.score(sp.csr_matrix(histories.astype(np.float32)))
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


def test_pearson_over_all_users_is_numpys_correlation(train):
    dense = (train.toarray() > 0).astype(np.float64)[:, :16]
    made = ItemKNN(k=16, shrink=0.0, similarity="pearson").fit(sp.csr_matrix(dense))
    correlation = np.corrcoef(dense.T)
    got = made.similar_.toarray()
    stored = got > 0
    np.testing.assert_allclose(got[stored], correlation[stored], rtol=1e-5)


def test_neighbours_do_not_depend_on_blocks(train, monkeypatch):
    whole = [ItemKNN(k=3).fit(train).score(train), UserKNN(k=3).fit(train).score(train)]
    monkeypatch.setattr(neighbours, "BLOCK_PRODUCTS", 40)
    parts = [ItemKNN(k=3).fit(train).score(train), UserKNN(k=3).fit(train).score(train)]
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], rtol=1e-6)


def test_item_knn_leaves_out_longest_users(train):
    sizes = np.diff(train.indptr)
    limit = int(np.sort(sizes)[-4])
    made = ItemKNN(longest=limit).fit(train)
    alone = ItemKNN(longest=None).fit(train[np.flatnonzero(sizes <= limit)])
    np.testing.assert_array_equal(made.score(train), alone.score(train))


@pytest.mark.slow
def test_item_knn_on_a_million_items_takes_no_items_squared_memory():
    rng = np.random.default_rng(6)
    n, users, events = 1_000_000, 100_000, 1_000_000
    matrix = sp.csr_matrix(
        (
            np.ones(events, np.float32),
            (rng.integers(0, users, events), rng.integers(0, n, events)),
        ),
        shape=(users, n),
    )
    made = ItemKNN(k=10).fit(matrix)
    assert made.similar_.shape == (n, n)
    assert np.diff(made.similar_.indptr).max() <= 10


def test_equal_similarities_keep_the_lower_item():
    same = sp.csr_matrix(np.ones((3, 6), np.float32))
    kept = ItemKNN(k=2, shrink=0.0).fit(same).similar_
    assert kept.indices.reshape(6, 2).tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


@pytest.mark.parametrize("weighted", [False, True])
def test_ease_equals_its_closed_form(train, weighted):
    dense = train.toarray().astype(np.float64)
    dense = dense if weighted else (dense > 0).astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 3.0 * np.eye(17))
    weights = np.eye(17) - inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    made = EASE(lam=3.0, weighted=weighted).fit(train)
    np.testing.assert_allclose(made.score(train), dense @ weights, rtol=1e-4, atol=1e-5)


def test_ease_is_exact_past_one_block(monkeypatch):
    monkeypatch.setattr("tfmm.baselines.ease._BLOCK", 100)
    rng = np.random.default_rng(7)
    matrix = sp.random(100, 330, 0.05, "csr", np.float32, rng)
    gram = (matrix.T @ matrix).toarray().astype(np.float64) + 5.0 * np.eye(330)
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    made = EASE(lam=5.0, weighted=True).fit(matrix)
    np.testing.assert_allclose(made.weights_, weights, atol=1e-5)


def test_ease_counts_active_users_less(train):
    dense = (train.toarray() > 0).astype(np.float64)
    size = dense.sum(1)
    share = (size / size[size > 0].mean()) ** -0.5
    gram = dense.T @ (dense * np.where(size > 0, share, 0)[:, None])
    inverse = np.linalg.inv(gram + 3.0 * np.eye(17))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    made = EASE(lam=3.0, activity=0.5).fit(train)
    np.testing.assert_allclose(made.weights_, weights, atol=1e-5)
    empty = sp.csr_matrix((4, 17), dtype=np.float32)
    assert not EASE(activity=0.5).fit(empty).weights_.any()


def test_ease_names_a_matrix_without_an_inverse():
    huge = sp.csr_matrix(np.full((2, 3), 1e6, np.float32))
    with pytest.raises(np.linalg.LinAlgError, match="3 items is not positive definite at lam 1"):
        EASE(lam=1.0, weighted=True).fit(huge)


def test_ials_scores_by_the_least_squares_factors_of_a_history(train):
    made = IALS(factors=4, alpha=3.0, regularization=0.5).fit(train)
    items = made.items_.astype(np.float64)
    history = (train[:2].toarray() > 0).astype(np.float64)
    for row, scores in zip(history, made.score(train[:2]), strict=True):
        confidence = np.where(row > 0, 3.0, 1.0)
        left = (items * confidence[:, None]).T @ items + 0.5 * np.eye(4)
        user = np.linalg.solve(left, items.T @ (confidence * row))
        np.testing.assert_allclose(scores, items @ user, atol=1e-4)


def test_ials_finds_two_groups_of_taste():
    rng = np.random.default_rng(2)
    dense = np.zeros((60, 20), np.float32)
    for user in range(60):
        dense[user, rng.choice(10, 5, replace=False) + 10 * (user % 2)] = 1
    scores = IALS(factors=2).fit(sp.csr_matrix(dense)).score(sp.csr_matrix(dense))
    same = np.arange(20)[None] // 10 == np.arange(60)[:, None] % 2
    assert scores[same].min() > scores[~same].max()


def test_ials_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install tfmm\[ials\]"):
        IALS()


def test_content_learns_what_a_group_likes_and_ranks_items_never_bought():
    rng = np.random.default_rng(3)
    colour = np.arange(40) % 2
    vectors = np.eye(2, dtype=np.float32)[colour] + rng.normal(0, 0.05, (40, 2)).astype("f")
    dense = np.zeros((50, 40), np.float32)
    for user in range(50):
        dense[user, rng.choice(np.flatnonzero(colour[:30] == user % 2), 6, replace=False)] = 1
    made = Content(item_vectors=vectors, groups=2, strength=10.0).fit(sp.csr_matrix(dense))
    scores = made.score(sp.csr_matrix(dense))
    same = colour[None] == np.arange(50)[:, None] % 2
    assert (scores[:, 30:][same[:, 30:]].min()) > scores[:, 30:][~same[:, 30:]].max()
    assert np.ptp(made.score(sp.csr_matrix((1, 40), dtype=np.float32))) < np.ptp(scores)


def test_content_vectors_read_every_kind_but_media():
    columns = {
        "title": TextColumn(np.array(["red hat", "", "blue hat"], object)),
        "kind": CategoryColumn(np.array([0, 1, -1], np.int32), np.array(["a", "b"], object)),
        "tags": TagsColumn(
            np.array([0, 1, 1], np.int32), np.array([0, 2, 2, 3]), np.array(["x", "y"], object)
        ),
        "price": NumberColumn(np.array([1.0, np.nan, 3.0], np.float32)),
        "vibe": VectorColumn(np.ones((3, 2), np.float32), np.array([True, False, True])),
        "photo": ImageColumn(((), (), ())),
    }
    vectors = content_vectors(Catalog(np.array(["1", "2", "3"], object), columns))
    assert vectors.shape == (3, 3 + 2 + 2 + 1 + 2)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert vectors[1].nonzero()[0].tolist() == [4]  # its category alone
    np.testing.assert_allclose((vectors[:, :3] ** 2).sum() / 3, 1, rtol=1e-5)
    wide = TextColumn(np.array([f"word{i} all" for i in range(30)], object))
    long = Catalog(np.array([str(i) for i in range(30)], object), {"title": wide})
    assert content_vectors(long, dim=4).shape == (30, 4)


def test_content_says_what_it_needs(train):
    with pytest.raises(ValueError, match=r"needs `item_vectors` of the 17 items.*none"):
        Content().fit(train)
    with pytest.raises(ValueError, match="of the 17 items, but there are 3"):
        Content(item_vectors=np.ones((3, 2), np.float32)).fit(train)
    with pytest.raises(ValueError, match=r"needs item features of the kinds text.*have photo"):
        content_vectors(Catalog(np.array(["1"], object), {"photo": ImageColumn(((),))}))


def test_ease_refuses_what_does_not_fit_before_building_it():
    with pytest.raises(EASEMemoryError, match=r"1,000,000 items needs 3,725.3 GiB.*item-kNN"):
        EASE().fit(sp.csr_matrix((3, 1_000_000), dtype=np.float32))
    assert issubclass(EASEMemoryError, MemoryError)
    assert EASE.memory(1000) == 4_000_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: baselines.create("item-knn"),
            "only popularity, recent_popularity.*Did you mean 'item_knn'",
        ),
        (lambda: ItemKNN(k=0), "at least 1 neighbour"),
        (lambda: UserKNN(shrink=-1.0), "0 or more"),
        (lambda: ItemKNN(similarity="cosin"), "one of cosine, pearson"),
        (lambda: EASE(lam=0), "above 0"),
        (lambda: EASE(activity=-1), "0 or more"),
        (lambda: Content(groups=0), "`groups` is 0, but there must be at least 1"),
        (lambda: Content(strength=0.0), "`strength` is 0.0, but it must be above 0"),
        (lambda: IALS(factors=0), "`factors` is 0, but must be at least 1"),
        (lambda: IALS(alpha=-1.0), "`alpha` is -1.0, but must be above 0"),
    ],
)
def test_bad_configuration_says_what_is_expected(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_baselines_do_not_load_tensorflow():
    code = "import sys, tfmm.baselines, tfmm.data.events.splits; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
