"""Version folders: what TensorFlow Serving polls, written aside and renamed into place."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfmm.data.manifest import write_manifest
from tfmm.data.names import MODEL_RULE, is_model_name
from tfmm.data.progress import Bar
from tfmm.export import check
from tfmm.export.card import make_card, write_card
from tfmm.export.errors import ExportError
from tfmm.export.ops import lacking_ops
from tfmm.export.stock import read_graph
from tfmm.tasks.base import Export

# A server takes folders named by numbers only, so that this one is invisible to it.
_ASIDE = re.compile(r"\.tmp-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]+")


def write_version(
    export: Export,
    models_dir: str | Path,
    name: str,
    card: Mapping[str, Any] | None = None,
    warmup_rows: int = check.ROWS,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Writes an export as the next version of a model: `models_dir/name/version/`.

    The version is written beside its place under a name that no server loads, with its model card
    and warm-up requests; then it is loaded again and every signature is asked; only then it is
    renamed into place. What fails on the way is removed. What killed exports of this host left
    behind is removed by the next export.

    Args:
        export: what to write.
        models_dir: the folder that holds a folder for each model; made if missing.
        name: the model's name: letters, digits, "_" and "-".
        card: what `tfmm.export.card.make_card` takes, beside what the export knows itself.
        warmup_rows: rows of the larger warm-up request of each signature, the smaller having one; a
            server that merges requests (`--enable_batching`) with a smaller `max_batch_size` cannot
            load the version. 0 writes none, so that a server finds out at the first request what it
            lacks, not when it loads the version.
        say: takes what the export has to say of itself.

    Returns:
        The version's folder; its name is one above the highest number there was. Exports at the
        same time get different versions.

    Raises:
        ExportError: the name or `warmup_rows` is not allowed, or a step failed; the message names
            the step.
    """
    if not is_model_name(name):
        raise ExportError(
            f"A model's name may hold {MODEL_RULE}, but it is {name!r}. To resolve this, pass "
            "another `name`."
        )
    if warmup_rows < 0:
        raise ExportError(f"warmup_rows must be 0 or more, but is {warmup_rows}.")
    model = Path(models_dir) / name
    fresh = not model.exists()
    aside = model / f".tmp-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    step = f"making the folder {model}"
    # Each signature is traced, and asked for each batch by the warm-up and by the check.
    warmed = check.batches(warmup_rows)
    asked = (len(check.batches(check.ROWS)) + len(warmed)) * len(export.signatures)
    steps = 2 * len(export.signatures) + len(export.files) + asked
    bar = Bar(steps, f"exporting {name}", unit="steps")
    try:
        model.mkdir(parents=True, exist_ok=True)
        step = "removing what killed exports left"
        _remove_leftovers(model)
        step = "writing the SavedModel"
        signatures = {}
        for one in export.signatures:
            signatures[one.name] = one.traced()
            bar.advance()
        save_signatures(export, signatures, aside)
        bar.advance(len(signatures))
        for path, write in export.files.items():
            step = f"writing {path}"
            write(aside / path)
            bar.advance()
        requests = 0
        if warmed:
            step = "writing the warm-up requests"
            requests = check.write_warmup(export.signatures, aside, name, warmup_rows, bar.advance)
        step = "the smoke test of the written version"
        check.check_written(export.signatures, aside, bar.advance)
        step = "writing the model card and renaming the version into place"
        sizes = {
            **export.sizes,
            "bytes": sum(file.stat().st_size for file in aside.rglob("*") if file.is_file()),
        }
        while True:
            version = max(list_versions(model), default=0) + 1
            full = make_card(
                {**(card or {}), **export.card},
                name=name,
                version=version,
                signatures=signatures,
                sizes=sizes,
                warmup_requests=requests,
                warmup_rows=warmup_rows,
                stock_lacks=lacking_ops(read_graph(aside)),
            )
            write_card(full, aside)
            write_manifest(aside)
            if _renamed(aside, model / str(version)):
                bar.stop()
                for line in export.notes(sizes["bytes"]):
                    say(line)
                return model / str(version)
    except Exception as error:
        raise ExportError(
            f"The export of {name!r} to {model} failed at {step}: {error}. Nothing was left that "
            "a server would load."
        ) from error
    finally:
        bar.stop()
        shutil.rmtree(aside, ignore_errors=True)
        if fresh:
            # A model without a version is none; another export may have written one meanwhile.
            try:
                model.rmdir()
            except OSError:
                pass


def save_signatures(export: Export, signatures: Mapping[str, Any], folder: Path) -> None:
    """Writes the SavedModel of an export.

    Args:
        export: whose holder tracks tables.
        signatures: its concrete functions by name.
        folder: where it goes.
    """
    root = export.holder
    if root is None:
        root = tf.Module(name="export")
        # A Keras model that is tracked brings its own functions and metadata along, so that of
        # what holds a method only plain modules are.
        owners = {id(o): o for s in export.signatures if (o := _owner(s.function)) is not None}
        root.owners = list(owners.values())
        root.read = list({id(v): v for f in signatures.values() for v in f.variables}.values())
    tf.saved_model.save(root, str(folder), signatures=dict(signatures), options=export.options)
    methods = {s.name: s.method for s in export.signatures if s.method != "predict"}
    if methods:
        updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(folder))
        for name, method in methods.items():
            updater.replace_method_name(
                signature_key=name, method_name=f"tensorflow/serving/{method}", tags=["serve"]
            )
        updater.save()


def _owner(function: Any) -> tf.Module | None:
    """The module whose method a function is, unless Keras made it."""
    owner = getattr(function, "__self__", None)
    plain = isinstance(owner, tf.Module) and not isinstance(owner, tf.keras.layers.Layer)
    return owner if plain else None


def list_versions(model: str | Path) -> list[int]:
    """The versions in a model's folder, ascending, read as TensorFlow Serving reads them.

    `00000002` is 2; names that are not numbers are no versions.
    """
    return sorted(
        int(entry.name)
        for entry in Path(model).iterdir()
        if entry.name.isascii() and entry.name.isdigit() and entry.is_dir()
    )


def _renamed(aside: Path, target: Path) -> bool:
    """Renames unless another export took the place first: a rename never replaces a full folder."""
    try:
        aside.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _remove_leftovers(model: Path) -> None:
    for entry in model.iterdir():
        match = _ASIDE.fullmatch(entry.name)
        if match and match["host"] == socket.gethostname() and not _runs(int(match["pid"])):
            shutil.rmtree(entry, ignore_errors=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
