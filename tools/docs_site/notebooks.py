"""The notebooks of the site, with their outputs where they have been executed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: Where `make notebooks` puts what it executed.
EXECUTED = Path("build/notebooks")


def shown(root: Path) -> list[Path]:
    """The file that is shown of each notebook: its executed copy, where that has the same cells."""
    found = []
    for path in sorted((root / "notebooks").glob("*.ipynb")):
        executed = root / EXECUTED / path.name
        found.append(executed if executed.is_file() and _cells(executed) == _cells(path) else path)
    return found


def _cells(path: Path) -> list[tuple[str, str]]:
    notebook: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
