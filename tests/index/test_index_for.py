"""index_for: indices by name, auto by size, and what it says to names that are none."""

from __future__ import annotations

import sys

import pytest

from tfmm.index import EXACT_UP_TO, IVF, BruteForce, ScaNN, index_for


def test_indices_by_name() -> None:
    assert type(index_for("brute_force", k=7)) is BruteForce
    index = index_for("ivf", k=7, recall=0.8, storage="int8", block_size=None)
    assert isinstance(index, IVF)
    config = index.get_config()
    assert (config["k"], config["recall"], config["storage"]) == (7, 0.8, "int8")


def test_scann_by_name() -> None:
    pytest.importorskip("scann")
    assert type(index_for("scann", recall=0.9)) is ScaNN


def test_auto_is_exact_below_a_size_and_ivf_above() -> None:
    small = index_for(k=7, n_candidates=EXACT_UP_TO, recall=0.8)
    assert type(small) is BruteForce
    assert small.get_config()["k"] == 7
    large = index_for(k=7, n_candidates=EXACT_UP_TO + 1, recall=0.8)
    assert type(large) is IVF
    assert large.recall == 0.8
    with pytest.raises(ValueError, match="'auto' must know `n_candidates`"):
        index_for()


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("brute-force", {}, "'brute_force'"),
        ("ivff", {}, "Did you mean 'ivf'"),
        ("hnsw", {}, "`kind` must be one of .*'auto', 'brute_force', 'ivf', 'scann'"),
        ("ivf", {"recal": 0.9}, "no option 'recal'.*Did you mean 'recall'"),
        ("brute_force", {"recall": 0.9}, "'brute_force' has no option 'recall'"),
        ("auto", {"storage": "int4", "n_candidates": 5}, "Did you mean 'int8'"),
        ("ivf", {"recall": 95}, "`recall` must be a share"),
    ],
)
def test_what_there_is_not_is_refused(kind: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        index_for(kind, **options)


def test_scann_that_is_missing_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "scann"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scann", None)
    with pytest.raises(ImportError, match=r"pip install 'tfmm\[scann\]'.*'ivf'"):
        index_for("scann")
