"""The notebooks of the site, with their outputs where they have been executed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

#: Where `make notebooks` puts what it executed.
EXECUTED = Path("build/notebooks")
_STDERR = re.compile(
    r'<div[^>]*data-mime-type="application/vnd\.jupyter\.stderr"[^>]*>\s*<pre>.*?</pre>\s*</div>',
    re.DOTALL,
)
_LOG = re.compile(r"^(?P<before>.*<pre>)?INFO:tensorflow:.*\n", re.MULTILINE)


def shown(root: Path) -> list[Path]:
    """The file that is shown of each notebook: its executed copy, where that has the same cells."""
    found = []
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        executed = root / EXECUTED / path.name
        found.append(executed if executed.is_file() and _cells(executed) == _cells(path) else path)
    return found


def quiet(html: str) -> str:
    """A notebook's page without what was written to standard error and TensorFlow's log."""
    html = _STDERR.sub("", html)
    return _LOG.sub(lambda line: line["before"] or "", html)


def _cells(path: Path) -> list[tuple[str, str]]:
    notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
