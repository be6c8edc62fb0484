"""The cache of vectors: content decides, kills and second writers do no harm."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tfmm.data.rows import MappedRows
from tfmm.encoders import cache
from tfmm.encoders.cache import CacheError, VectorStore, cached_vectors, file_digests, text_digests

WIDTH = 3


def vector(text: str) -> np.ndarray:
    digest = hashlib.sha256(text.encode()).digest()
    return np.frombuffer(digest[:WIDTH], np.uint8).astype(np.float32)


class Encoding:
    """Encodes texts and remembers which."""

    def __init__(self, texts: Sequence[str], fail_after: int | None = None) -> None:
        self.texts, self.seen, self.fail_after = texts, [], fail_after

    def __call__(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for row in rows[::-1]:
            if self.fail_after is not None and len(self.seen) == self.fail_after:
                raise KeyboardInterrupt
            self.seen.append(self.texts[row])
            yield np.array([row]), vector(self.texts[row])[None]


def run(texts: Sequence[str], folder: Path | None, **options: int) -> tuple[np.ndarray, list[str]]:
    encoding = Encoding(texts, **options)
    found = cached_vectors(
        text_digests(texts),
        encoding,
        encoder="test",
        width=lambda: WIDTH,
        folder=folder,
        description="encoding",
        unit="texts",
    )
    return found[:], encoding.seen


def expected(texts: Sequence[str]) -> np.ndarray:
    return np.stack([vector(text) if text else np.zeros(WIDTH) for text in texts])


@pytest.mark.parametrize("kept", [True, False])
def test_each_distinct_value_is_encoded_once(tmp_path: Path, kept: bool) -> None:
    texts = ["a", "b", "", "a", "c"]
    found, seen = run(texts, tmp_path if kept else None)
    np.testing.assert_array_equal(found, expected(texts))
    assert sorted(seen) == ["a", "b", "c"]


def test_only_new_values_are_encoded_when_the_catalogue_grows(tmp_path: Path) -> None:
    run(["a", "b"], tmp_path)
    texts = ["new", "b", "a", "newer"]
    found, seen = run(texts, tmp_path)
    np.testing.assert_array_equal(found, expected(texts))
    assert sorted(seen) == ["new", "newer"]
    assert run(texts, tmp_path)[1] == []


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    texts = [f"t{i}" for i in range(20)]
    with pytest.raises(KeyboardInterrupt):
        run(texts, tmp_path, fail_after=12)
    found, seen = run(texts, tmp_path)
    assert len(seen) == 8
    np.testing.assert_array_equal(found, expected(texts))


def test_what_a_killed_writer_left_is_cut_off(tmp_path: Path) -> None:
    texts = ["a", "b", "c"]
    run(texts, tmp_path)
    (folder,) = (tmp_path / "features").iterdir()
    # Killed between the vectors and their keys, and in the middle of a key.
    with open(folder / "vectors.f32", "ab") as file:
        file.write(b"half a vector")
    with open(folder / "keys.bin", "ab") as file:
        file.write(b"half a key")
    more = [*texts, "d"]
    found, seen = run(more, tmp_path)
    assert seen == ["d"]
    np.testing.assert_array_equal(found, expected(more))
    np.testing.assert_array_equal(run(more, tmp_path)[0], expected(more))


def write(folder: Path, start: int, step: int) -> None:
    """Appends the vectors of t<start> to t399, a few at a time, without hurry."""
    store = VectorStore(folder, "test", WIDTH)
    texts = [f"t{i}" for i in range(start, 400)]
    for at in range(0, len(texts), step):
        part = texts[at : at + step]
        store.append(text_digests(part), np.stack([vector(text) for text in part]))
        time.sleep(0.001)


def test_two_writers_and_a_kill_leave_whole_vectors(tmp_path: Path) -> None:
    # Forked, since a fresh process would take longest to import TensorFlow, unused here.
    process = multiprocessing.get_context("fork").Process
    killed, other = (process(target=write, args=(tmp_path, *a)) for a in ((0, 3), (100, 7)))
    killed.start()
    other.start()
    time.sleep(0.05)
    killed.kill()
    other.join()
    assert other.exitcode == 0
    write(tmp_path, 0, 50)
    store = VectorStore(tmp_path, "test", WIDTH)
    texts = [f"t{i}" for i in range(400)]
    rows = store.rows(text_digests(texts))
    assert len(store) == 400
    assert sorted(rows) == list(range(400))
    np.testing.assert_array_equal(store.vectors()[rows], expected(texts))


def test_large_results_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "IN_MEMORY", 0)
    texts = ["a", "", "b"]
    keys = text_digests(texts)
    options = {"encoder": "test", "width": lambda: WIDTH, "description": "", "unit": ""}
    found = cached_vectors(keys, Encoding(texts), folder=tmp_path, **options)
    assert isinstance(found, MappedRows)
    assert isinstance(found.values, np.memmap)
    assert found.shape == (3, WIDTH)
    np.testing.assert_array_equal(found[np.array([2, 1])], expected(["b", ""]))
    np.testing.assert_array_equal(found[:1], expected(["a"]))


def test_another_version_s_cache_is_refused_and_kept(tmp_path: Path) -> None:
    run(["a"], tmp_path)
    (folder,) = (tmp_path / "features").iterdir()
    info = json.loads((folder / "info.json").read_text())
    (folder / "info.json").write_text(json.dumps(info | {"format": 99}))
    with pytest.raises(CacheError, match=r"format is 99, expected 1.*Nothing was changed"):
        run(["a"], tmp_path)
    assert (folder / "vectors.f32").stat().st_size == 4 * WIDTH
    (folder / "info.json").write_text("{")
    with pytest.raises(CacheError, match=r"info.json is not JSON"):
        run(["a"], tmp_path)


def test_vectors_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, "test", WIDTH)
    with pytest.raises(ValueError, match="NaN or infinite"):
        store.append(text_digests(["a"]), np.full((1, WIDTH), np.nan, np.float32))
    with pytest.raises(ValueError, match=r"expected finite vectors of shape \(1, 3\)"):
        store.append(text_digests(["a"]), np.zeros((1, 5), np.float32))


def test_content_of_files_decides_not_their_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    (tmp_path / "c").write_bytes(b"other")
    a, b, c, none = file_digests([tmp_path / "a", tmp_path / "b", tmp_path / "c", None])
    assert a == b != c
    assert none is None
    (tmp_path / "a").write_bytes(b"changed")
    assert file_digests([tmp_path / "a"]) != [a]
    with pytest.warns(UserWarning, match="1 files cannot be read"):
        assert file_digests([tmp_path / "gone"]) == [None]
