"""The fusion that a run file asks for."""

from __future__ import annotations

from tfmm.layers.fusion import fusion
from tfmm.tasks.config import RunFileError
from tfmm.tasks.items.config import ContentConfig


def check_fusion(items: ContentConfig) -> None:
    """Refuses a fusion that there is not, or arguments that it does not have.

    Raises:
        RunFileError: naming the nearest that there is.
    """
    try:
        config = {"dim": items.dim, **items.fused_by}
        fusion(config.pop("name"), **config)
    except (ValueError, TypeError, KeyError) as error:
        raise RunFileError(f"`items.fusion`: {error}") from error
