"""Keeps what no user of a command can act on off the terminal: TensorFlow's start-up talk, and what
Pillow says of single pictures, which the checks of the tables count."""

from __future__ import annotations

import logging
import os
import warnings


def quiet_tensorflow() -> None:
    """Turns off what settings can turn off; called before TensorFlow is imported."""
    # Level 2, which `import tfmm` sets, still tells machines without a GPU of their missing CUDA.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", module=r"PIL\.")
    # It tells of weights that a font lacks, for each text that is drawn in it.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    # What is left is for the person at the keyboard, who asks for no line of source.
    warnings.formatwarning = lambda message, *_, **__: f"note: {message}\n"
