"""A page in one file: styles and pictures are in it, and a browser is told to fetch nothing."""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from string import Template

from tfmm.data.files import write_text

_HERE = Path(__file__).parent


def write_html(file: str | Path, title: str, body: str) -> Path:
    """Writes a page, aside and renamed into place; its folder is made.

    A policy in the page lets a browser show its own styles and pictures and nothing else: no
    script runs and no request is made, whatever the body holds.

    Args:
        file: where to.
        title: of the page, as plain text.
        body: HTML in which everything from outside is escaped.

    Returns:
        The file's path.
    """
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=html.escape(title), style=style, style_digest=digest, body=body
    )
    file = Path(file)
    write_text(file, page)
    return file


def data_uri(picture: Path) -> str:
    """A picture's file as an address that holds it.

    Raises:
        FileNotFoundError: there is no such file.
    """
    data = picture.read_bytes()
    # Of pictures, browsers look at the bytes: the name needs no more care than this.
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
