"""Reports for people: sections of Markdown, their tables, and the file they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmm.data.files import write_text

#: Folder of the plots, beside the report.
PLOTS = "plots"
#: Title of the section that says in plain words what the numbers mean.
IN_SHORT = "In short"
# What Markdown may take for a mark; an underscore within a word is none.
_MARKS = re.compile(r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])")


class Markdown(str):
    """Text that is Markdown already; any other in a table is shown as it is written."""


MODEL: str = Markdown("**model**")


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        paragraphs: text, `table` and `picture` in Markdown.
    """

    title: str
    paragraphs: Sequence[str]


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    higher: Iterable[int] = (),
    lower: Iterable[int] = (),
) -> str:
    """A Markdown table; cells by `cell`.

    ```python
    text = table(["", "recall", "loss"], [["a", 0.2, 3.0], ["b", 0.1, 2.0]], higher=[1], lower=[2])
    assert "| a | **0.2000** | 3.00 |" in text and "| b | 0.1000 | **2.00** |" in text
    ```

    Args:
        header: a title a column; all but the first hold numbers.
        rows: the cells.
        higher: columns whose largest number is set in bold.
        lower: likewise, the smallest.
    """
    given = [list(row) for row in rows]
    shown = [[cell(value) for value in row] for row in given]
    for columns, best in ((higher, max), (lower, min)):
        for column in columns:
            values = [row[column] for row in given if isinstance(row[column], (int, float))]
            if len(values) < 2:
                continue
            first = cell(best(values))
            for row in shown:
                row[column] = f"**{first}**" if row[column] == first else row[column]
    lines = ["| " + " | ".join(cell(title) for title in header) + " |"]
    lines.append("| --- |" + " ---: |" * (len(header) - 1))
    lines += ["| " + " | ".join(row) + " |" for row in shown]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """A cell: four digits below one, two above, thousands apart, nothing for None, and text as it
    is written, unless it is `Markdown`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        shown = f"{value:.4f}" if abs(value) < 1 else f"{value:,.2f}"
        return "0.0000" if shown == "-0.0000" else shown
    if isinstance(value, Markdown):
        return value
    return f"{value:,}" if isinstance(value, int) else escaped(str(value))


def escaped(text: str) -> str:
    """Text, a title of a stranger's say, as Markdown that shows it as it is written, in one line.

    ```python
    assert escaped("[*a*](b) _c_ d_e") == "\\\\[\\\\*a\\\\*\\\\](b) \\\\_c\\\\_ d_e"
    ```
    """
    return _MARKS.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))


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
        rows.append(("configuration, SHA-256", Markdown(f"`{metrics['config_sha256']}`")))
    return [Section("The run", [table(["", ""], rows)])] if rows else []
