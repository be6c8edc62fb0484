"""The encoder of texts whose tokens are told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfmm.encoders.choice import make_encoder
from tfmm.encoders.text.tokens import TokenEncoder
from tfmm.tasks.config import RunFileError


def token_encoder(choice: Mapping[str, Any], dim: int) -> TokenEncoder:
    """The encoder that a run file chose, which has a state and a place for each token.

    Args:
        choice: its `name` and arguments.
        dim: of the vector of a whole text.

    Raises:
        RunFileError: it has none.
    """
    made = make_encoder("text", choice, dim)
    if not isinstance(made, TokenEncoder):
        raise RunFileError(
            f"`text.encoder` must be one that knows its tokens (bag, subwords, lstm, bert, "
            f"minilm), got {made.registered!r}."
        )
    return made
