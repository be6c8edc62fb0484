"""A folder is what it was written with, or refused by the file's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfmm.commands import main as cli
from tfmm.data.manifest import (
    MANIFEST,
    ManifestError,
    check_manifest,
    digest,
    problems,
    renewed,
    write_manifest,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "läufe" / "店"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "gewichte é.npz").write_bytes(b"\x00\x01")
    (folder / "model" / "empty").write_bytes(b"")
    (folder / "config.yaml").write_text("name: x\n")
    (folder / "notes.txt").write_text("mine")
    write_manifest(folder, "config.yaml", "model")
    return folder


def test_what_was_written_is_taken(run):
    assert problems(run) == []
    check_manifest(run)
    (run / "notes.txt").write_text("changed, and not of its parts")
    (run / "model" / ".being-written").write_text("x")
    assert problems(run) == []
    files = json.loads((run / MANIFEST).read_text("utf-8"))["files"]
    assert list(files) == ["config.yaml", "model/empty", "model/gewichte é.npz"]
    # Of the bytes 00 01.
    assert files["model/gewichte é.npz"] == {
        "sha256": "b413f47d13ee2fe6c845b2ee141af81de858df4ec549a58b7970bb96645bc8d2",
        "bytes": 2,
    }


def test_each_change_is_named(run, capsys):
    (run / "model" / "gewichte é.npz").write_bytes(b"\x00\x02")
    (run / "model" / "empty").unlink()
    (run / "model" / "more").mkdir()
    (run / "model" / "more" / "ö.npy").write_bytes(b"")
    lines = [
        "model/empty is missing",
        "model/gewichte é.npz was changed",
        "model/more/ö.npy was added",
    ]
    assert problems(run) == lines
    with pytest.raises(ManifestError, match="店 is not as it was written: model/empty is missing"):
        check_manifest(run)
    assert cli.main(["verify", str(run)]) == 1
    assert "  model/gewichte é.npz was changed\n" in capsys.readouterr().out
    assert cli.main(["verify", "--accept", str(run)]) == 0
    assert digest(run / MANIFEST) in capsys.readouterr().out
    check_manifest(run)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1, "parts": []}', "\x00"])
def test_a_manifest_that_is_none_is_refused(run, text, capsys):
    (run / MANIFEST).write_text(text)
    with pytest.raises(ManifestError, match="is no manifest"):
        check_manifest(run)
    assert cli.main(["verify", str(run)]) == 1
    assert "is no manifest" in capsys.readouterr().out


def test_folders_of_earlier_releases_are_taken_and_not_verified(run, capsys):
    (run / MANIFEST).unlink()
    check_manifest(run)
    with pytest.raises(ManifestError, match=r"has no manifest\.json"):
        renewed(run)
    assert cli.main(["verify", str(run)]) == 1
    assert "has no manifest.json" in capsys.readouterr().out


def test_versions_below_a_folder_are_found(tmp_path, capsys):
    for version in ("shop/1", "shop/2", "店/10"):
        (tmp_path / version).mkdir(parents=True)
        (tmp_path / version / "saved_model.pb").write_bytes(b"x")
        write_manifest(tmp_path / version)
    (tmp_path / "shop" / "2" / "variables").mkdir()
    (tmp_path / "shop" / "2" / "variables" / "variables.index").write_bytes(b"y")
    assert cli.main(["verify", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert out.count("is as it was written") == 2
    assert "shop/2 is not as it was written:\n  variables/variables.index was added\n" in out
    assert cli.main(["verify", str(tmp_path / "nowhere")]) == 1
    assert "There is no folder" in capsys.readouterr().err
