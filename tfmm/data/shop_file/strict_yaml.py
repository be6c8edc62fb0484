"""YAML that refuses a key given twice, of which PyYAML would silently keep the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read_yaml(path: str | Path, error: type[Exception], what: str = "file") -> Any:
    """The plain value of a YAML file.

    Args:
        path: the file.
        error: what is raised where it cannot be parsed.
        what: what the file is, for the message where it is missing.

    Raises:
        FileNotFoundError: there is no such file.
        error: it is not UTF-8 or not YAML, or a mapping has a key twice; the message says where.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no {what} {path}.")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except (yaml.YAMLError, UnicodeDecodeError) as reason:
        raise error(f"{path} is not valid YAML: {reason}") from reason


class _UniqueKeys(yaml.SafeLoader):
    """PyYAML's safe loader with its constructor of mappings replaced."""


def _unique_mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, (list, dict)):
            raise yaml.YAMLError(f"a list or mapping as key{key_node.start_mark}")
        if key in seen:
            raise yaml.YAMLError(f"the key {key!r} is given twice{key_node.start_mark}")
        seen.add(key)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


_UniqueKeys.add_constructor("tag:yaml.org,2002:map", _unique_mapping)
