"""The sample shop that comes with tfmm: 407 real photographs of clothes, 500 simulated shoppers."""

from __future__ import annotations

from pathlib import Path


def path() -> Path:
    """The sample shop's shop file, ready for `tfmm.data.load` and run files.

    ```python
    data = tfmm.data.load(tfmm.sample_shop.path())
    ```
    """
    return Path(__file__).resolve().parent / "shop.yaml"
