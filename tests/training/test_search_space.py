"""What `tfmm tune` may search, and what it says of what it may not."""

import pytest

from tfmm.tasks.config import RunConfig
from tfmm.training.search_space import (
    Choice,
    Range,
    SearchSpaceError,
    default_space,
    read_space,
    search_space,
    value_of,
    with_values,
)

BASE = {"shop": "shop.yaml", "items": {"encoders": {"title": "bag"}}}


def test_ranges_and_values_are_read_as_the_run_file_has_them():
    space = search_space(
        {
            "train.learning_rate": "0.002..0.05:log",
            "train.epochs": "2..9",
            "items.id": "true,false",
            "users.history": ["mean", "gru"],
            "items.encoders.title": "bag, lstm",
            "train.hard_negatives": "8..64",
            "graph.neighbours": "5..20",
            "graph.weights.similar/photo": "0.5..2",
        },
        BASE,
        "here",
    )
    assert space == {
        "train.learning_rate": Range(0.002, 0.05, log=True),
        "train.epochs": Range(2, 9, whole=True),
        "items.id": Choice((True, False)),
        "users.history": Choice(("mean", "gru")),
        "items.encoders.title": Choice(("bag", "lstm")),
        "train.hard_negatives": Range(8, 64, whole=True),
        "graph.neighbours": Range(5, 20, whole=True),
        "graph.weights.similar/photo": Range(0.5, 2.0),
    }
    assert str(space["train.learning_rate"]) == "0.002..0.05:log"


def test_the_default_space_fits_every_run_file():
    own = RunConfig.from_dict(BASE)
    space = search_space(default_space(own), BASE, "here")
    assert {"train.temperature", "train.learning_rate", "items.dim"} <= set(space)
    assert all(value_of(own, key) in part for key, part in space.items())


def test_values_are_set_below_mappings_without_changing_the_base():
    made = with_values(BASE, {"items.encoders.title": "lstm", "train.epochs": 3})
    assert made["items"] == {"encoders": {"title": "lstm"}}
    assert made["train"] == {"epochs": 3}
    assert BASE["items"] == {"encoders": {"title": "bag"}}
    assert value_of(RunConfig.from_dict(made), "items.encoders.title") == "lstm"
    assert value_of(RunConfig.from_dict(made), "items.encoders.photo") is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train.learnin_rate": "1..2"}, r"no key `train.learnin_rate`.*`train.learning_rate`\?"),
        ({"train.learning_rate": "0.1..0.01"}, "expected low..high with low below high"),
        ({"train.learning_rate": "0..1:log"}, "low above 0, for a logarithmic scale"),
        ({"train.learning_rate": "a..b"}, "expected low..high"),
        ({"train.learning_rate": "0.1..0.2:lin"}, "expected low..high"),
        ({"train.epochs": "1.5..3"}, "`train.epochs` takes whole numbers, got the range 1.5..3"),
        ({"users.history": "1..2"}, "`users.history` is no number, so it takes values such as"),
        ({"items.dim": "64"}, "`items.dim` has one value, 64. Give a range"),
        ({"items.dim": "many,few"}, "`items.dim` must be int, got 'many'"),
        ({"split.seed": "1,2"}, "`split.seed` cannot be searched: `split` is what is measured on"),
        ({"train.seed": "1,2"}, "cannot be searched.*chance, not a choice"),
        ({}, "there is nothing to search"),
    ],
)
def test_a_space_that_cannot_be_is_refused(given, message):
    with pytest.raises(SearchSpaceError, match=message):
        search_space(given, BASE, "here")


def test_a_space_file_is_read_and_names_itself_in_errors(tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text("items.dim: [32, 64]\ntrain.temperature: 0.05..0.4:log\n")
    assert read_space(file) == {"items.dim": [32, 64], "train.temperature": "0.05..0.4:log"}
    file.write_text("- items.dim\n")
    with pytest.raises(SearchSpaceError, match=r"space\.yaml: expected a mapping"):
        read_space(file)
    file.write_text("a: [\n")
    with pytest.raises(SearchSpaceError, match=r"space\.yaml is not valid YAML"):
        read_space(file)
    with pytest.raises(FileNotFoundError, match="no search space file"):
        read_space(tmp_path / "none.yaml")


def test_the_default_space_is_of_the_task():
    base = {"shop": "s.yaml", "task": "classification", "label": {"feature": "kind"}}
    space = search_space(default_space(RunConfig.from_dict(base)), base, "here")
    assert "train.smoothing" in space
    assert "train.temperature" not in space
    assert 64 in space["train.batch_size"]
