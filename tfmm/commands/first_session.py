"""TensorFlow's first session in a process, which says more than any setting can turn off."""

from __future__ import annotations

import os
import sys


def start_session_quietly() -> None:
    """Runs a first session with standard error closed to TensorFlow.

    The process's first session logs two lines that no setting turns off; they come only once.
    """
    import tensorflow as tf

    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            session.run(tf.constant(1))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
