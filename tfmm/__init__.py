"""tfmm: from a shop's tables to a multimodal recommender that TensorFlow Serving serves.

Importing tfmm decides which Keras `tf.keras` is. TensorFlow Recommenders needs Keras 2 (the package
`tf_keras`), and TensorFlow reads that choice once, when `tf.keras` is first touched; so tfmm makes
it here, before any of its modules touch TensorFlow. Submodules and public names load on first use.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from tfmm import _moved

if TYPE_CHECKING:
    # What `__getattr__` loads when it is first used, for editors and type checkers.
    from tfmm.data import load, split
    from tfmm.evaluation import evaluate
    from tfmm.export import export_model
    from tfmm.serving import Client, Server
    from tfmm.tasks.retrieval.graph.model import Graph
    from tfmm.tasks.retrieval.two_tower import TwoTower
    from tfmm.tasks.search.model import ItemModel
    from tfmm.training.backtest import backtest
    from tfmm.training.optimizers import LazyAdam
    from tfmm.training.run import load_run
    from tfmm.training.train import train
    from tfmm.training.update import update

__version__ = "0.1.0"

_PUBLIC = {
    "backtest": "tfmm.training.backtest",
    "load": "tfmm.data",
    "split": "tfmm.data",
    "TwoTower": "tfmm.tasks.retrieval.two_tower",
    "Graph": "tfmm.tasks.retrieval.graph.model",
    "ItemModel": "tfmm.tasks.search.model",
    "LazyAdam": "tfmm.training.optimizers",
    "evaluate": "tfmm.evaluation",
    "export_model": "tfmm.export",
    "Client": "tfmm.serving",
    "Server": "tfmm.serving",
    "train": "tfmm.training",
    "update": "tfmm.training.update",
    "load_run": "tfmm.training",
}
_SUBMODULES = (
    "baselines data encoders evaluation export index layers sample_shop serving tasks training"
).split()

__all__ = [
    "Client",
    "Graph",
    "ItemModel",
    "LazyAdam",
    "Server",
    "TwoTower",
    "__version__",
    "backtest",
    "evaluate",
    "export_model",
    "load",
    "load_run",
    "split",
    "train",
    "update",
]


def _choose_keras_2() -> None:
    tensorflow = sys.modules.get("tensorflow")
    keras = vars(tensorflow).get("keras") if tensorflow else None
    # Before its first use `tf.keras` is TensorFlow's lazy loader; resolved, it names its package.
    # Only its dict is read: asking the loader for an attribute it lacks would resolve it.
    state = vars(keras) if keras is not None else {}
    resolved = keras is not None and state.get("_tfll_initialized", True)
    package = state.get("_tfll_keras_version") or state.get("__name__", "")
    if resolved and not package.startswith("tf_keras"):
        raise ImportError(
            "tfmm needs tf.keras to be Keras 2 (the package tf_keras), which TensorFlow "
            "Recommenders is built on, but in this process tf.keras was already used and became "
            "Keras 3. To resolve this, put `import tfmm` before the first use of tf.keras, or set "
            "the environment variable TF_USE_LEGACY_KERAS=1 before Python starts."
        )
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


_choose_keras_2()
_moved.install()


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _SUBMODULES or f"tfmm.{name}" in _moved.MODULES:
        return importlib.import_module(f"tfmm.{name}")
    raise AttributeError(f"module 'tfmm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
