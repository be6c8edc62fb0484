"""The names of earlier releases: each imports, warns once, and is the new module itself."""

from __future__ import annotations

import ast
import importlib
import pickle
import sys
import warnings
from pathlib import Path

import pytest

import tfmm
from tests.test_import import python
from tfmm import _moved

PACKAGE = Path(tfmm.__file__).parent


def forget(name: str) -> None:
    """As if nobody had imported the old name yet, though its package."""
    parent, _, leaf = name.rpartition(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        vars(importlib.import_module(parent)).pop(leaf, None)
    sys.modules.pop(name, None)


@pytest.mark.parametrize("old", [old for old, new in _moved.MODULES.items() if new])
def test_an_old_module_is_the_new_one_and_says_so(old):
    forget(old)
    new = importlib.import_module(_moved.MODULES[old])
    spec = new.__spec__
    with pytest.warns(DeprecationWarning, match=f"^{old} is now {new.__name__};") as told:
        module = importlib.import_module(old)
    assert module is new
    assert new.__spec__ is spec
    assert new.__name__ == _moved.MODULES[old]
    assert {warning.filename for warning in told} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert importlib.import_module(old) is new


@pytest.mark.parametrize("name", _moved.NAMES)
def test_a_name_that_left_its_package_is_still_there(name):
    package, _, leaf = name.rpartition(".")
    held = importlib.import_module(package)
    vars(held).pop(leaf, None)
    with pytest.warns(DeprecationWarning, match=f"^{name} is now {_moved.NAMES[name]}.{leaf};"):
        found = getattr(held, leaf)
    assert found is getattr(importlib.import_module(_moved.NAMES[name]), leaf)


def test_every_new_place_is_there():
    for new in {*_moved.MODULES.values(), *_moved.NAMES.values()} - {""}:
        path = PACKAGE.parent / Path(*new.split("."))
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), new


def test_public_names_of_renamed_packages_are_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from tfmm.fusion import Gated
        from tfmm.models import two_tower
        from tfmm.models.graph import Graph
        from tfmm.retrieval import BruteForce, brute_force
        from tfmm.serving.voice import SphinxRecognizer
    assert Gated is tfmm.layers.fusion.Gated
    assert two_tower.TwoTower is tfmm.TwoTower
    assert Graph is tfmm.Graph
    assert BruteForce is brute_force.BruteForce is tfmm.index.BruteForce
    assert SphinxRecognizer is importlib.import_module("tfmm.serving.ask.voice").SphinxRecognizer


def test_an_old_submodule_hides_no_function_of_its_name():
    importlib.import_module("tfmm.training.train")
    from tfmm.training import train

    assert callable(train)


def test_what_was_pickled_under_the_old_name_loads():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        blend = pickle.loads(b"ctfmm.models.linear_part\nLinearPart\n.")
    assert blend.__module__ == "tfmm.tasks.retrieval.blend.linear_part"


def test_the_warning_points_at_the_line_that_imports(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text("import tfmm\n\nfrom tfmm.models.bpr import BPR\nfusion = tfmm.fusion\n")
    done = python(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')")
    assert done.returncode == 0, done.stderr
    assert f"{script}:3: DeprecationWarning: tfmm.models.bpr is now" in done.stderr
    assert f"{script}:4: DeprecationWarning: tfmm.fusion is now tfmm.layers.fusion" in done.stderr


def test_an_old_module_runs_as_a_program():
    done = python(
        "import subprocess, sys\n"
        "sys.exit(subprocess.run([sys.executable, '-m', 'tfmm.cli', '--version']).returncode)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"tfmm {tfmm.__version__}\n"


def test_importing_tfmm_says_nothing():
    done = python("import warnings; warnings.simplefilter('error'); import tfmm; dir(tfmm)")
    assert done.returncode == 0, done.stderr


def modules() -> list[str]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] == "__main__":
            continue  # importing it runs the command
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def test_nothing_inside_uses_an_old_name():
    """No import, at the top or in a function, goes through an old name."""
    old = {*_moved.MODULES, *_moved.NAMES}
    used = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module in _moved.MODULES:
                names = [node.module]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfmm"):
                public = getattr(importlib.import_module(node.module), "__all__", ())
                names = [f"{node.module}.{a.name}" for a in node.names if a.name not in public]
            used += [f"{path}:{node.lineno}: {n}" for n in names if n in old]
    assert not used


@pytest.mark.slow
def test_every_module_imports_alone_and_silently():
    """Each with its public names and in its own process: no circle hides behind who came first."""
    program = """
import importlib, os, sys, warnings
import tfmm, tensorflow, tf_keras, tensorflow_recommenders
# What others wrote is imported once for all.
import grpc, matplotlib.pyplot, numpy, pandas, PIL.Image, pyarrow, pydantic, rich.console
import scipy.linalg, scipy.sparse, sklearn.linear_model, tensorflow_serving.apis, typer, yaml
warnings.filterwarnings("error", category=DeprecationWarning, message=r"(The modules of )?tfmm\\.")
for name in sys.argv[1:] or NAMES:
    child = os.fork()
    if not child:
        try:
            module = importlib.import_module(name)
            for public in getattr(module, "__all__", ()):
                getattr(module, public)
        except ImportError as error:
            optional = (error.name or "").split(".")[0]
            if optional == "tfmm" or not optional:
                print(name, repr(error), flush=True)
        except BaseException as error:
            print(name, repr(error), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
    done = python(f"NAMES = {modules()!r}\n{program}", timeout=900)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("module", ["tfmm.data", "tfmm.data.events.pairs"])
def test_pairs_are_found_by_the_name_they_had(module):
    found = importlib.import_module(module)
    with pytest.warns(DeprecationWarning, match="Interactions is now tfmm.data.Pairs"):
        assert found.Interactions is tfmm.data.Pairs
    with pytest.raises(AttributeError, match="no attribute 'Interaction'"):
        assert found.Interaction
