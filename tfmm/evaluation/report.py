"""Reports for people: sections of Markdown, their tables, and the file they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmm.data.files import write_text

#: Folder of the plots, beside the report.
PLOTS = "plots"


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        paragraphs: text, `table` and `picture` in Markdown.
    """

    title: str
    paragraphs: Sequence[str]


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; numbers by `number`."""
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("| --- |" + " ---: |" * (len(header) - 1))
    lines += ["| " + " | ".join(number(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def number(value: Any) -> str:
    """A cell: four digits below one, two above, thousands apart, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        shown = f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"
        return "0.0000" if shown == "-0.0000" else shown
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def picture(path: Path, says: str) -> str:
    """A picture of the folder of plots; `says` is read where it cannot be seen."""
    return f"![{says}]({PLOTS}/{path.name})"


def write_report(
    path: str | Path, sections: Iterable[Section], metrics: Mapping[str, Any] | None = None
) -> Path:
    """Writes a report, aside and renamed into place.

    Args:
        path: of the report; plots are in the folder `plots` beside it.
        sections: its parts, in order.
        metrics: what `metrics.json` holds, of which `split`, `seconds`, `examples_per_second` and
            `config_sha256` make the last section.

    Returns:
        The path.
    """
    path = Path(path)
    found = [*sections, *_run(metrics or {})]
    parts = ["# Report"]
    for section in found:
        parts += [f"## {section.title}", *section.paragraphs]
    write_text(path, "\n\n".join(parts) + "\n")
    return path


def _run(metrics: Mapping[str, Any]) -> list[Section]:
    rows: list[tuple[str, Any]] = [
        (name.replace("_", " "), count) for name, count in metrics.get("split", {}).items()
    ]
    rows += [(f"seconds to {name}", f"{v:,.1f}") for name, v in metrics.get("seconds", {}).items()]
    if "examples_per_second" in metrics:
        rows.append(("training examples per second", f"{metrics['examples_per_second']:,.0f}"))
    if "config_sha256" in metrics:
        rows.append(("configuration, SHA-256", f"`{metrics['config_sha256']}`"))
    return [Section("The run", [table(["", ""], rows)])] if rows else []
