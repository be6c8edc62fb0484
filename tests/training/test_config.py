"""Run files that cannot be used."""

import pytest

from tfmm.tasks.config import RunConfig, RunFileError
from tfmm.tasks.retrieval.config import RetrievalConfig


def test_a_key_given_twice_is_refused_by_name_and_line(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("name: a\nshop: shop.yaml\ntrain: {epochs: 3}\ntrain: {batch_size: 64}\n")
    with pytest.raises(RunFileError, match=r"run\.yaml.*'train' is given twice(.|\n)*line 4"):
        RunConfig.from_file(file)


def test_the_hash_of_a_configuration_changes_with_its_defaults_alone():
    config = RunConfig.from_dict({"shop": "/x/shop.yaml"})
    assert config.sha256 == "c716e0aefd9bbeb3b66465351f66d18025b947c5718e20edf8ceee1c0481c838"
    assert "task" not in config.to_dict()


def test_defaults_are_the_same_however_a_form_is_made():
    assert RunConfig.from_dict({"shop": "/s.yaml"}) == RetrievalConfig(shop="/s.yaml")
    with pytest.raises(ValueError, match="frozen"):
        RetrievalConfig(shop="s").name = "other"
