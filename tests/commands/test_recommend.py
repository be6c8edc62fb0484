"""`tfmm recommend`: whom it recommends for."""

from __future__ import annotations

import pandas as pd
import pytest

from tfmm.commands.runs.recommend import read_user_ids


def test_user_ids_from_text_keep_order_and_leading_zeros(tmp_path):
    file = tmp_path / "users.txt"
    file.write_text("\ufeff007\n\n 12 \n007\nzoë\n", encoding="utf-8")
    assert read_user_ids(file, "user") == ["007", "12", "zoë"]


def test_user_ids_from_tables(tmp_path):
    csv = tmp_path / "users.csv"
    csv.write_text("age,user\n3,007\n4,12\n4,\n")
    assert read_user_ids(csv, "user") == ["007", "12"]
    for name, mark in (("users.psv", "|"), ("users.tsv", "\t")):
        (tmp_path / name).write_text(f"age{mark}user\n3{mark}用户/1\n")
        assert read_user_ids(tmp_path / name, "user") == ["用户/1"]
    parquet = tmp_path / "users.parquet"
    pd.DataFrame({"user": [7, 12, 7]}).to_parquet(parquet)
    assert read_user_ids(parquet, "user") == ["7", "12"]


def test_user_ids_missing_empty_or_without_the_column(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.txt"):
        read_user_ids(tmp_path / "no.txt", "user")
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ValueError, match="holds no user ids"):
        read_user_ids(tmp_path / "empty.txt", "user")
    (tmp_path / "users.csv").write_text("usr\n1\n")
    with pytest.raises(ValueError, match="usr"):
        read_user_ids(tmp_path / "users.csv", "user")
