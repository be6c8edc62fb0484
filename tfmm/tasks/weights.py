"""Saves a model's weights with the names of their rows, and restores them into a model of other
rows.

A table's rows belong to strings: an item's id, a user's id, a word, a category. Weights are moved
by these names, so one mechanism serves a run loaded again on a catalogue that has grown since, and
a training that starts from an earlier run.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfmm.data.files import replacing, write_text
from tfmm.tasks.model import Model


def save_weights(
    model: Model, folder: str | Path, item_ids: Iterable[str], user_ids: Iterable[str]
) -> None:
    """Writes `weights.npz`, `rows.json` (names of embedding rows) and `encoders.json` to `folder`.

    Each file is written aside and renamed into place; `encoders.json` comes last, so a folder that
    has it is complete.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model.settle()
    weights = {path: variable.numpy() for path, variable in _variables(model).items()}
    with replacing(folder / "weights.npz") as aside:
        np.savez(aside, **weights)
    item_ids, user_ids = ([str(one) for one in ids] for ids in (item_ids, user_ids))
    names = {path: list(rows) for path, rows in _row_names(model, item_ids, user_ids).items()}
    for file_name, value in (("rows.json", names), ("encoders.json", model.states())):
        write_text(folder / file_name, json.dumps(value, ensure_ascii=False))


def saved_states(folder: str | Path) -> dict[str, Any]:
    """What the encoders of a saved model learned, for building it again.

    Raises:
        FileNotFoundError: where no complete model was saved.
    """
    path = Path(folder) / "encoders.json"
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no saved model: {path.name} is missing.")
    return json.loads(path.read_text("utf-8"))


def restore_weights(
    model: Model,
    folder: str | Path,
    item_ids: Iterable[str],
    user_ids: Iterable[str],
    *,
    served: bool = False,
) -> dict[str, int]:
    """Fills `model` with saved weights, row by row name.

    Rows that the saved model did not have keep their initial values. A model that was made for no
    training part knows the items that the saved one knew; the id embedding of others stays unused.

    Args:
        model: the model to fill, with a row for each id of `item_ids` and `user_ids`.
        folder: where `save_weights` wrote.
        item_ids, user_ids: the names of its rows.
        served: for a model that answers rather than trains: it must have every weight, and users
            that the saved model did not have are told by their history alone.

    Returns:
        Counts: `restored` and `new` variables, `new_items` and `new_users` rows.

    Raises:
        FileNotFoundError: where no complete model was saved.
        ValueError: for a weight whose shape differs in more than its rows, or that a model to be
            served does not find.
    """
    saved_states(folder)
    item_ids, user_ids = ([str(one) for one in ids] for ids in (item_ids, user_ids))
    old_names = json.loads((Path(folder) / "rows.json").read_text("utf-8"))
    new_names = _row_names(model, item_ids, user_ids)
    counts = {"restored": 0, "new": 0, "new_items": 0, "new_users": 0}
    new_rows: dict[str, np.ndarray] = {}
    with np.load(Path(folder) / "weights.npz") as saved:
        for path, variable in _variables(model).items():
            if path not in saved:
                if served:
                    raise ValueError(
                        f"{Path(folder) / 'weights.npz'} lacks the weight {path}, without which "
                        "the model would answer at random: the run was saved by another version or "
                        "with another architecture. Use its configuration, or train anew."
                    )
                counts["new"] += 1
                continue
            value = saved[path]
            if path in new_names and path in old_names:
                value, missing = _move_rows(value, old_names[path], variable, new_names[path])
                new_rows[path] = missing
                for ids, count in ((item_ids, "new_items"), (user_ids, "new_users")):
                    if new_names[path] is ids:
                        counts[count] = int(missing.sum())
            if value.shape != tuple(variable.shape):
                raise ValueError(
                    f"The saved weight {path} has shape {value.shape}, the model needs "
                    f"{tuple(variable.shape)}: the run that is read was trained with another "
                    "architecture (dim, encoders or fusion). Use its configuration, or train anew."
                )
            variable.assign(value)
            counts["restored"] += 1
    model.restored(new_rows, served)
    return counts


def _move_rows(
    value: np.ndarray, old: Sequence[str], variable: tf.Variable, new: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The old rows under their new places, and bool, where there is none and the variable's present
    row stays."""
    place = {name: row for row, name in enumerate(old)}
    source = np.fromiter((place.get(name, -1) for name in new), np.int64, len(new))
    moved = variable.numpy()
    if moved.shape[1:] != value.shape[1:]:
        return value, np.zeros(len(value), bool)
    moved[source >= 0] = value[source[source >= 0]]
    return moved, source < 0


def _row_names(
    model: Model, item_ids: Sequence[str], user_ids: Sequence[str]
) -> dict[str, Sequence[str]]:
    """Path of each variable with one row a string -> these strings."""
    named = {
        id(variable): names
        for variable, names in model.row_names({"items": item_ids, "users": user_ids})
    }
    return {p: named[id(v)] for p, v in _variables(model).items() if id(v) in named}


def _variables(model: Model) -> dict[str, tf.Variable]:
    """The saved layers' variables by the shortest path of attributes that leads to them."""
    found: dict[str, tf.Variable] = {}
    queue: deque[tuple[str, Any]] = deque(model.saved_layers().items())
    met = set()
    weights = {id(w) for part in model.saved_layers().values() for w in part.weights}
    while queue:
        path, value = queue.popleft()
        if id(value) in met:
            continue
        met.add(id(value))
        if isinstance(value, tf.Variable):
            if id(value) in weights:
                found[path] = value
            continue
        for name, child in sorted(tf.train.TrackableView.children(value).items()):
            queue.append((f"{path}/{name}", child))
    return found
