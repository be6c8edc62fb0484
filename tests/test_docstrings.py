"""Every example in a public docstring runs, and every public name has one."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import pkgutil
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfmm
from tests.conftest import write_shop
from tfmm.data.columns import CategoryColumn
from tfmm.data.search_catalog import SearchCatalog
from tfmm.export import export_model
from tfmm.serving import Client, Server
from tfmm.training import train

_BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
#: The address that examples speak to.
_ADDRESS = "127.0.0.1:8500"


def _documented() -> Iterator[tuple[str, str, str]]:
    """Module, qualified name and docstring of whatever a public module says of itself."""
    for found in pkgutil.walk_packages(tfmm.__path__, "tfmm."):
        if any(part.startswith("_") for part in found.name.split(".")[1:]):
            continue
        spec = importlib.util.find_spec(found.name)
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            continue
        tree = ast.parse(Path(spec.origin).read_text("utf-8"))
        yield from _of_node(found.name, "", tree)


def _of_node(module: str, path: str, node: Any) -> Iterator[tuple[str, str, str]]:
    text = ast.get_docstring(node, clean=False)
    if text:
        yield module, path, text
    for child in node.body:
        kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(child, kinds) and not child.name.startswith("_"):
            yield from _of_node(module, f"{path}.{child.name}".lstrip("."), child)


EXAMPLES = [
    pytest.param(module, textwrap.dedent(source), id=f"{module}:{path}-{number}")
    for module, path, text in _documented()
    for number, (_, source) in enumerate(_BLOCK.findall(text))
]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[dict[str, Any]]:
    """A folder with what examples name, a model that is served, and the names they use."""
    folder = tmp_path_factory.mktemp("world")
    shop_file = write_shop(folder)
    config = {
        "name": "shop",
        "shop": str(shop_file),
        "split": {"cold_items": 0.2},
        "items": {"encoders": {"title": "bag", "photo": "classic"}, "dim": 16},
        "search": {"queries": {"title": "subwords"}, "batch_size": 16},
        "train": {"epochs": 1, "batch_size": 128},
        "evaluate": {"baselines": [], "k": [20]},
    }
    (folder / "run.yaml").write_text(
        "shop: shop.yaml\nitems: {encoders: {title: bag}, dim: 16}\ntrain: {epochs: 1}\n"
    )
    run = train(config, folder / "runs" / "hm", say=lambda _: None)
    export_model(run, folder / "models", say=lambda _: None)
    shutil.copy(folder / "images" / "00001.jpg", folder / "seen_in_the_street.jpg")
    spoken = Path(__file__).parent / "serving/ask/voice/green_wool_hat.wav"
    shutil.copy(spoken, folder / "question.wav")
    shop = tfmm.load(shop_file)
    split = run.task.parts.split
    vectors = run.model.item_vectors()
    column = CategoryColumn(np.array([0, 1, 0], np.int32), np.array(["a", "b"], object))
    with (
        Server(folder / "models", grpc_port=0, rest_port=0) as server,
        Client(server.grpc_address, "shop") as client,
    ):
        yield {
            "folder": folder,
            "address": server.grpc_address,
            "names": {
                "tfmm": tfmm,
                "np": np,
                "tf": tf,
                "asyncio": asyncio,
                "client": client,
                "shop": shop,
                "data": shop,
                "parts": split,
                "train": split.train.csr(),
                "histories": split.train.csr()[:3],
                "model": (run.model.user_vectors(split.final_train(), items=vectors), vectors),
                "item_vectors": vectors,
                "item_ids": shop.items.ids,
                "run": run,
                "titles": shop.items.features["title"],
                "user_vectors": run.model.user_vectors(split.train, items=vectors),
                "column": column,
                "tokens": tf.random.normal([4, 2, 64]),
                "mask": tf.constant([[True, True], [True, False]] * 2),
                "catalog": SearchCatalog.from_shop(shop.items),
                "picture_bytes": (folder / "images" / "00001.jpg").read_bytes(),
            },
        }


@pytest.mark.parametrize(("module", "source"), EXAMPLES)
def test_an_example_of_a_docstring_runs(module, source, world, monkeypatch, capsys):
    for name, package in (("SphinxRecognizer", "pocketsphinx"), ("ScaNN", "scann")):
        if name in source:
            pytest.importorskip(package)
    monkeypatch.chdir(world["folder"])
    SearchCatalog.from_shop(world["names"]["shop"].items).save("catalog.parquet")
    known = _registered()
    names = {**vars(importlib.import_module(module)), **world["names"]}
    names = _with_imports(names, source)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source.replace(_ADDRESS, world["address"]), module, "exec", flags)
    try:
        made = eval(code, names)
        if inspect.iscoroutine(made):
            asyncio.run(made)
    finally:
        _forget(known)


def _with_imports(names: dict[str, Any], source: str) -> dict[str, Any]:
    """The names with those of tfmm that an example uses as if it had imported them."""
    public = [f"tfmm.{name}" for name in ("data", "evaluation", "index", "serving", "encoders")]
    public += ["tfmm.encoders.tabular.embedding", "tfmm.data.search_catalog"]
    for module in map(importlib.import_module, public):
        for name in re.findall(r"\b[A-Za-z_]\w*\b", source):
            if name not in names and hasattr(module, name):
                names[name] = getattr(module, name)
    if re.search(r"\bkeras\.", source):
        import keras

        names["keras"] = keras
    return names


def _registered() -> dict[str, set[str]]:
    from tfmm.encoders import registry

    return {kind: set(made) for kind, made in registry._ENCODERS.items()}


def _forget(known: dict[str, set[str]]) -> None:
    """Takes out what an example registered."""
    from tfmm.encoders import registry

    for kind, made in registry._ENCODERS.items():
        for name in set(made) - known.get(kind, set()):
            del made[name]


@pytest.mark.parametrize("name", [name for name in tfmm.__all__ if not name.startswith("_")])
def test_a_public_name_has_an_example(name):
    found = getattr(tfmm, name)
    assert _BLOCK.search(found.__doc__ or ""), found.__doc__
