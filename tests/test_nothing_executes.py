"""Nothing that is loaded runs code: no pickles, no `Lambda` layers, no YAML that makes objects."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest

import tfmm
from tfmm.data.shop_file.strict_yaml import read_yaml
from tfmm.encoders.pretrained.torch_file import TorchFileError, read_torch_file
from tfmm.tasks.weights import restore_weights, save_weights

SOURCES = sorted(Path(tfmm.__file__).parent.rglob("*.py"))
#: Calls that could, by the last part of their name.
RUN_CODE = {"eval", "exec", "loads_pickle", "Lambda", "read_pickle", "to_pickle", "unsafe_load"}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
#: The one that reads pickles does it with names of tensors alone; see the test below.
READS_TENSORS = {"torch_file.py"}


def called(node: ast.Call) -> str:
    target = node.func
    return target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")


def ways_to_run(node: ast.AST, reads_tensors: bool) -> list[str]:
    """What of a node could run what is read."""
    if isinstance(node, (ast.Import, ast.ImportFrom)) and not reads_tensors:
        names = [one.name for one in node.names] + [getattr(node, "module", None) or ""]
        return sorted({name.partition(".")[0] for name in names} & MODULES)
    if not isinstance(node, ast.Call):
        return []
    found = [called(node)] if called(node) in RUN_CODE else []
    given = {one.arg: ast.unparse(one.value) for one in node.keywords}
    if given.get("allow_pickle", "False") != "False":
        found.append("allow_pickle")
    return found


def test_no_source_has_a_way_to_run_what_it_reads():
    assert ways_to_run(ast.parse("import pickle").body[0], False) == ["pickle"]
    assert ways_to_run(ast.parse("np.load(f, allow_pickle=True)", mode="eval").body, False) == [
        "allow_pickle"
    ]
    assert ways_to_run(ast.parse("keras.layers.Lambda(f)", mode="eval").body, False) == ["Lambda"]
    found = [
        f"{source}:{node.lineno}: {', '.join(ways)}"
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text("utf-8")))
        if (ways := ways_to_run(node, source.name in READS_TENSORS))
    ]
    assert found == []


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def test_a_pickle_in_saved_weights_is_refused_and_not_run(tmp_path, shop_file):
    shop = tfmm.load(shop_file)
    model = tfmm.ItemModel.from_data(
        shop, encoders={"title": "bag"}, dim=8, queries={"title": "bag"}
    )
    save_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    weights, made = tmp_path / "weights.npz", tmp_path / "ran"
    with np.load(weights) as saved:
        arrays = dict(saved)
    arrays |= {name: np.array([Payload(made)], object) for name in arrays}
    np.savez(weights, **arrays)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        restore_weights(model, tmp_path, shop.items.ids, shop.users.ids)
    assert not made.exists()


def test_a_pickle_in_pytorch_weights_is_refused_and_not_run(tmp_path):
    made, file = tmp_path / "ran", tmp_path / "weights.pth"
    start = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, {}))
    file.write_bytes(start + pickle.dumps({"a": Payload(made)}, 2))
    with pytest.raises(TorchFileError, match="which is no tensor"):
        read_torch_file(file)
    assert not made.exists()


@pytest.mark.parametrize(
    "text",
    [
        "shop: !!python/object/apply:os.system ['touch {made}']\n",
        "shop: !!python/name:os.system\n",
        "shop: !!python/object/new:pathlib.Path ['{made}']\n",
    ],
)
def test_yaml_makes_no_objects(tmp_path, text):
    made, file = tmp_path / "ran", tmp_path / "run.yaml"
    file.write_text(text.replace("{made}", str(made)))
    with pytest.raises(ValueError, match="could not determine a constructor for the tag"):
        read_yaml(file, ValueError)
    assert not made.exists()
