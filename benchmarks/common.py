"""What every benchmark shares: the data folder, the machine, and the table it prints and keeps."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import resource
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import tfmm  # noqa: F401  (first of all: it chooses Keras 2)

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("tensorflow", "tf-keras", "tensorflow-recommenders", "numpy", "scipy")


def data_folder() -> Path:
    """The folder that the environment variable `TFMM_DATA` names."""
    given = os.environ.get("TFMM_DATA")
    if not given or not Path(given).is_dir():
        raise SystemExit(f"The data folder {given or ''} is missing; set TFMM_DATA to where it is.")
    folder = Path(given).resolve()
    os.environ["TFMM_DATA"] = str(folder)
    return folder


def peak_memory_gb() -> float:
    """Highest resident memory of this process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def report(name: str, rows: list[dict[str, Any]], settings: dict[str, Any]) -> None:
    """Prints rows as a table and keeps them with the machine: `results/<name>.json` and `.md`."""
    table = Table(title=name)
    for column in rows[0]:
        table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    Console(width=160).print(table)
    RESULTS.mkdir(exist_ok=True)
    result = {
        "name": name,
        "date": datetime.date.today().isoformat(),
        "settings": settings,
        "rows": rows,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {package: importlib.metadata.version(package) for package in PACKAGES},
        "peak_memory_gb": round(peak_memory_gb(), 2),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1, default=str) + "\n", "utf-8")
    (RESULTS / f"{name}.md").write_text(_markdown(result), "utf-8")


def _markdown(result: dict[str, Any]) -> str:
    columns = list(result["rows"][0])
    lines = [
        f"# {result['name']}",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + " --- |" * len(columns),
    ]
    for row in result["rows"]:
        cells = ["" if row[column] is None else str(row[column]) for column in columns]
        lines.append("| " + " | ".join(cells) + " |")
    packages = ", ".join(f"{package} {version}" for package, version in result["packages"].items())
    lines += [
        "",
        f"{result['date']}, {result['cores']} cores ({result['machine']}), Python "
        f"{result['python']}, {packages}; settings {json.dumps(result['settings'], default=str)}; "
        f"peak memory of the process {result['peak_memory_gb']} GB.",
    ]
    return "\n".join(lines) + "\n"
