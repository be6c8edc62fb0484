"""What every model of labels does, whatever it is."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from tests.baselines.labels.conftest import NO_TREES, TREES, cut
from tfmm.baselines import NotFittedError
from tfmm.baselines.labels import LABELS, Labelled, Table

RATES, CONTENT = {"user": "user", "item": "video"}, {"columns": ("video", "price")}
NEEDED = {"rates": RATES, "content": CONTENT, "hybrid": {**RATES, **CONTENT}}
#: By name the least AUC.
FLOORS = {"rates": 0.78, "logistic": 0.86, "content": 0.7, "hybrid": 0.78, "boosted": 0.83}


@pytest.fixture(params=LABELS)
def name(request):
    if request.param == "boosted" and not TREES:
        pytest.skip(NO_TREES)
    return request.param


@pytest.fixture
def model(name):
    return lambda **config: LABELS[name](**NEEDED.get(name, {}), **config)


def test_a_binary_label_gets_its_probability(name, model, parts):
    train, _, test = parts
    said = model().fit(*train).predict(test.table)
    assert said.dtype == np.float32
    assert said.min() >= 0
    assert said.max() <= 1
    assert roc_auc_score(test.value, said) > FLOORS[name]
    assert said.mean() == pytest.approx(test.value.mean(), abs=0.04)


def test_a_rating_gets_its_number(name, model, parts):
    """Labels of 20 and 30 rather than 0 and 1."""
    train, _, test = parts
    said = model(kind="rating").fit(train.table, 20 + 10 * train.value).predict(test.table)
    assert said.min() >= 20
    assert said.max() <= 30
    assert said.mean() == pytest.approx(20 + 10 * test.value.mean(), abs=0.5)
    assert roc_auc_score(test.value, said) > FLOORS[name] - 0.02


def test_the_same_again(name, model, parts):
    train, _, test = parts
    once = model()
    again = LABELS[name](**once.config())
    np.testing.assert_array_equal(
        once.fit(*train).predict(test.table), again.fit(*train).predict(test.table)
    )


def test_codes_never_seen_and_nothing_at_all_are_answered(model, parts):
    train, _, _ = parts
    numbers = np.array([[np.nan, np.nan], [np.inf, 1e30]], np.float32)
    codes = np.array([[-1, -1, -1], [10_000, 10_000, 10_000]], np.int32)
    names = train.table.number_names, train.table.category_names
    said = model().fit(*train).predict(Table(numbers, codes, *names))
    assert np.isfinite(said).all()
    assert 0.02 < said[0] < 0.98
    assert model().fit(*train).predict(train.table.rows(slice(0))).shape == (0,)


@pytest.mark.parametrize("only", [0.0, 1.0])
def test_a_single_class_is_the_answer(model, parts, only):
    table = parts[0].table
    said = model().fit(table, np.full(len(table), only)).predict(table)
    np.testing.assert_array_equal(said, only)


def test_a_handful_of_examples_is_enough(model, parts):
    few = cut(parts[0], slice(0, 5))
    assert 0 < few.value.mean() < 1
    assert np.isfinite(model().fit(*few).predict(parts[2].table)).all()


def test_tuning_takes_what_loses_least_on_validation(name, model, parts):
    if name == "hybrid":
        return  # it has tests of its own
    train, valid, _ = parts
    kind, given = LABELS[name], {**NEEDED.get(name, {}), "kind": "binary"}
    chosen = kind.tune(train, valid, lambda said, true: log_loss(true, said), **given)
    lost = {}
    for params in kind.combinations(given):
        own = {**params, **({"rounds": chosen.params["rounds"]} if name == "boosted" else {})}
        said = kind(**given, **own).fit(*train).predict(valid.table)
        lost[str(own)] = log_loss(valid.value, said)
    assert lost[str(chosen.params)] == min(lost.values()) < max(lost.values())


def test_what_is_no_label_is_refused(model, parts):
    table = parts[0].table.rows(slice(3))
    for value, message in (
        ([1, 0], r"is of shape \[2\] for 3 examples"),
        ([1, 0, np.nan], "must be 0 or 1, but 1 of its 3 labels are not, such as nan"),
        ([1, 0, 2], "such as 2"),
    ):
        with pytest.raises(ValueError, match=message):
            model().fit(table, np.array(value))
    with pytest.raises(ValueError, match="must be finite, but 1 of its 3"):
        model(kind="rating").fit(table, np.array([1, np.inf, 4]))
    with pytest.raises(ValueError, match="at least 1 example"):
        model().fit(table.rows(slice(0)), np.zeros(0))
    with pytest.raises(ValueError, match="`kind` is 'star'"):
        model(kind="star")


def test_other_columns_than_those_of_training_are_refused(model, parts):
    train, _, test = parts
    with pytest.raises(NotFittedError, match="call `fit` first"):
        model().predict(test.table)
    fitted = model().fit(*train)
    with pytest.raises(ValueError, match="年龄, price, user, video, device, but it has user"):
        fitted.predict(test.table.columns(["user"]))


def test_parts_join(parts):
    joined = parts[0].joined(parts[1])
    assert len(joined.table) == len(joined.value) == 5000
    np.testing.assert_array_equal(joined.table.categories[4000:], parts[1].table.categories)
    assert isinstance(joined, Labelled)
