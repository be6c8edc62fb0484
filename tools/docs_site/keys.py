"""The pages of the keys of run and shop files, from the JSON schemas that editors use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tfmm.config.json_schema import json_schema
from tfmm.data.shop_file.form import ShopForm
from tfmm.tasks.json_schema import run_schema
from tfmm.tasks.registry import names
from tools.docs_site.cells import cell

_PLAIN = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "array": "list",
    "object": "mapping",
}


def run_file_page() -> str:
    """The Markdown of the run file's keys: a section for each task, then what they share."""
    lines = [
        "# Keys of a run file",
        "",
        "The file's `task` (by default `retrieval`) says which keys there are; an unknown key is "
        "an error that names the nearest one. `tfmm schema run` writes the same as a JSON schema "
        "([for editors](schema.md)).",
    ]
    made = run_schema()
    shared = dict(made["$defs"])
    for task in names():
        form = shared.pop(f"Run_{task}")
        lines += ["", f"## task: {task}", "", *_table(form)]
    return "\n".join([*lines, *_definitions(shared)]) + "\n"


def shop_file_page() -> str:
    """The Markdown of the shop file's keys: the file, then its parts."""
    made = json_schema(ShopForm)
    lines = [
        "# Keys of a shop file",
        "",
        f"{made['description']} `tfmm schema shop` writes the same as a JSON schema "
        "([for editors](schema.md)); [Tables](../guides/tables.md) says how tables are read.",
        "",
        *_table(made),
    ]
    checks = made["properties"]["checks"]
    lines += ["", "## checks", "", checks["description"], "", *_table(checks)]
    return "\n".join([*lines, *_definitions(made["$defs"])]) + "\n"


def _definitions(shared: dict[str, Any]) -> Iterator[str]:
    for name, form in sorted(shared.items(), key=lambda entry: _title(entry[0])):
        yield from ["", f"## {_title(name)} {{ #{_anchor(name)} }}", ""]
        if "description" in form:
            yield from [form["description"], ""]
        yield from _table(form) if "properties" in form else [f"Either {_type(form)}."]


def _table(form: dict[str, Any]) -> list[str]:
    required = form.get("required", [])
    lines = ["| key | value | default | |", "| --- | --- | --- | --- |"]
    for key, said in form["properties"].items():
        default = "**needed**" if key in required else ""
        if "default" in said:
            default = f"`{json.dumps(said['default'], ensure_ascii=False)}`"
        about = cell(said.get("description", ""))
        lines.append(f"| `{key}` | {cell(_type(said))} | {cell(default)} | {about} |")
    return lines


def _type(said: dict[str, Any]) -> str:
    """What a value may be, in words; null is left out where it only stands for "not given"."""
    if "$ref" in said:
        name = said["$ref"].rpartition("/")[2]
        return f"[{_title(name)}](#{_anchor(name)})"
    if "const" in said:
        return f"`{json.dumps(said['const'], ensure_ascii=False).strip(chr(34))}`"
    if "enum" in said:
        return ", ".join(f"`{value}`" for value in said["enum"])
    for several in ("anyOf", "oneOf"):
        if several in said and not said.get("properties"):
            kinds = [_type(one) for one in said[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if said.get("type") == "array" and isinstance(said.get("items"), dict) and said["items"]:
        return f"list of {_type(said['items'])}"
    inner = said.get("additionalProperties")
    if said.get("type") == "object" and isinstance(inner, dict) and inner:
        return f"mapping to {_type(inner)}"
    if said.get("type") == "object" and "properties" in said:
        return "mapping, [see below](#checks)" if "bad_rows" in said["properties"] else "mapping"
    kind = said.get("type", "")
    if isinstance(kind, list):
        return " or ".join(_PLAIN[one] for one in kind)
    return _PLAIN.get(kind, "any value")


def _title(name: str) -> str:
    """A definition's name as people say it: `Encoder_cnn` is "encoder cnn"."""
    *home, last = re.sub("^tfmm__tasks__", "", name).split("__")
    words = re.sub(r"(Form|Config)$", "", last)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words).replace("_", " ", 1).lower()
    return f"{words} ({home[0]})" if len(home) > 1 else words


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", _title(name)).strip("-")
