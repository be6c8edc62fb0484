"""The wheel holds what the source tree of the package does, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("setuptools.build_meta", reason="needs the build backend, setuptools")

REPOSITORY = Path(__file__).resolve().parents[1]
_BUILD = "import sys; from setuptools import build_meta; print(build_meta.{}(sys.argv[1]))"


def built(what: str, source: Path, out: Path) -> Path:
    """What the backend builds of a source tree, as `python -m build` asks it, in a process."""
    done = subprocess.run(
        [sys.executable, "-c", _BUILD.format(f"build_{what}"), str(out)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a source distribution, which is how both are released."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    unneeded = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
    for name in ("tfmm", "tests", "benchmarks"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=unneeded)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    packed = built("sdist", source, folder)
    with tarfile.open(packed) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return built("wheel", unpacked, folder)


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        told = [name for name in held if ".dist-info/" in name]
        metadata = archive.read(next(n for n in told if n.endswith("/METADATA"))).decode()
        entries = archive.read(next(n for n in told if n.endswith("/entry_points.txt"))).decode()
    source = {
        file.relative_to(REPOSITORY).as_posix()
        for file in (REPOSITORY / "tfmm").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
    }
    assert source - held == set()
    assert held - source - set(told) == set()
    assert "tfmm/sample_shop/events.csv" in held
    assert "tfmm/storefront/static/index.html" in held
    assert "tfmm/evaluation/html/page.css" in held
    assert "tfmm = tfmm.commands.main:main" in entries
    assert "\nRequires-Dist: markdown-it-py" in metadata
    assert any(name.endswith("LICENSE") for name in told)
