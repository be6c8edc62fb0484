"""Text for a cell of a Markdown table."""

from __future__ import annotations

import re

_CODE = re.compile(r"(`[^`]*`)")


def cell(text: str) -> str:
    """A text on one line whose bars and angle brackets a table leaves alone."""
    parts = _CODE.split(" ".join(text.split()))
    plain = [part if part.startswith("`") else part.replace("<", "&lt;") for part in parts]
    return "".join(plain).replace("|", "\\|")
