"""One version of one model: a SavedModel loaded into a session of its own, as TensorFlow Serving
loads it.

A session rather than `tf.saved_model.load`: it takes SavedModels of TensorFlow 1 and 2 alike,
checks requests where TensorFlow Serving checks them (dtype yes, static shape no), and frees its
memory on close.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, saved_model_pb2

from tfmm.data.manifest import ManifestError, check_manifest
from tfmm.serving.server.errors import StatusError, code_name
from tfmm.serving.server.versions.op_packages import import_op_packages

# `inter_op_thread_pool = -1` runs the graph's ops in the calling thread: requests already run side
# by side in the server's threads, and a small graph then takes a third of the time.
_CALLER_THREAD = -1


class _NoDeprecation(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "is deprecated and will be removed" not in record.msg


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # TF says that v1 loading is deprecated; there is no other loader for sessions.
    logger, note = tf.get_logger(), _NoDeprecation()
    logger.addFilter(note)
    try:
        yield
    finally:
        logger.removeFilter(note)


def _what_is_wrong(path: Path) -> tuple[str, str]:
    """TensorFlow Serving's code and words for a folder that Python could not load.

    Returns:
        The words are "" where nothing is wrong with the files themselves.
    """
    file = path / "saved_model.pb"
    if not file.is_file():
        return "NOT_FOUND", (
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. "
            "Check that the directory exists and that you have the right permissions for "
            "accessing it."
        )
    try:
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except DecodeError:
        return "OUT_OF_RANGE", f"Can't parse {file} as binary proto"
    if not any("serve" in graph.meta_info_def.tags for graph in saved.meta_graphs):
        return "NOT_FOUND", (
            "Could not find meta graph def matching supplied tags: { serve }. To inspect available "
            "tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`"
        )
    return "INVALID_ARGUMENT", ""


class Servable:
    """A loaded SavedModel.

    Args:
        name: the model's name in requests.
        version: the number of the version directory.
        path: the version directory.

    Attributes:
        signatures: `SignatureDef` by name, `__saved_model_init_op` included.

    Raises:
        StatusError: the directory holds no SavedModel that loads; the message is TensorFlow's.
    """

    def __init__(self, name: str, version: int, path: Path):
        self.name = name
        self.version = version
        self.path = path
        try:
            check_manifest(path)
        except ManifestError as error:
            raise StatusError("DATA_LOSS", str(error)) from None
        try:
            meta_graph = self._load()
        except tf.errors.OpError as error:
            raise StatusError(code_name(error.error_code), self._told(error.message)) from error
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, DecodeError) as error:
            code, words = _what_is_wrong(path)
            raise StatusError(code, self._told(words or str(error))) from error
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = dict(meta_graph.signature_def)
        # One callable for each set of outputs asked for, bounded because clients choose the sets.
        self._callable = functools.lru_cache(maxsize=64)(self._make_callable)
        self._in_use = 0
        self._idle = threading.Condition()

    def _load(self) -> meta_graph_pb2.MetaGraphDef:
        #: Ops that no package here has, in words.
        self.missing_ops = import_op_packages(self.path)
        config = config_pb2.ConfigProto(allow_soft_placement=True)
        config.gpu_options.allow_growth = True
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        try:
            with _quiet(), graph.as_default():
                return tf.compat.v1.saved_model.load(self._session, ["serve"], str(self.path))
        except BaseException:
            self._session.close()
            raise

    def _told(self, message: str) -> str:
        if not self.missing_ops:
            return message
        return f"{message}\nThis server lacks {', '.join(self.missing_ops)}."

    def _make_callable(
        self, feeds: tuple[str, ...], fetches: tuple[str, ...]
    ) -> Callable[..., list[np.ndarray]]:
        options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
        options.run_options.inter_op_thread_pool = _CALLER_THREAD
        # The public `make_callable` falls back to `Session.run`, which checks static shapes.
        return self._session._make_callable_from_options(options)

    def run(
        self, feeds: Sequence[str], values: Sequence[np.ndarray], fetches: Sequence[str]
    ) -> list[np.ndarray]:
        """Feed tensors by name and fetch others, in the calling thread.

        Raises:
            StatusError: with TensorFlow's own code and text.
        """
        try:
            return list(self._callable(tuple(feeds), tuple(fetches))(*values))
        except tf.errors.OpError as error:
            raise StatusError(code_name(error.error_code), error.message) from error

    def acquire(self) -> None:
        """Keep the session open until `release`; only the manager may, while it lists the
        version."""
        with self._idle:
            self._in_use += 1

    def release(self) -> None:
        with self._idle:
            self._in_use -= 1
            self._idle.notify_all()

    def close(self) -> None:
        """Wait for the requests inside, then free the model."""
        with self._idle:
            self._idle.wait_for(lambda: self._in_use == 0)
        self._callable.cache_clear()
        self._session.close()
        # Graphs are cycles: without this the old version's memory stays until some later
        # collection.
        gc.collect()
