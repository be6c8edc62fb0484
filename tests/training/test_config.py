"""Run files that cannot be used."""

import pytest

from tfmm.training.config import RunConfig, RunFileError


def test_a_key_given_twice_is_refused_by_name_and_line(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("name: a\nshop: shop.yaml\ntrain: {epochs: 3}\ntrain: {batch_size: 64}\n")
    with pytest.raises(RunFileError, match=r"run\.yaml.*'train' is given twice(.|\n)*line 4"):
        RunConfig.from_file(file)
