"""Lists of queries with their relevant items, as people judge them: one JSON file."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any


class QueryListError(ValueError):
    """A list of queries that cannot be used; the message names the file and the query."""


def read_query_list(file: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Relevance by item id by query: `{"red shoes": {"sku-1": 2, "sku-7": 1}, …}`.

    A list of ids instead of an object counts each as 1. Ids of relevance 0 are judged not relevant.

    Raises:
        FileNotFoundError: there is no such file.
        QueryListError: it is not JSON of this form, a query repeats, is empty or has nothing
            relevant, or a relevance is no number of 0 or more.
    """
    path = Path(file)
    if not path.is_file():
        raise FileNotFoundError(f"There is no list of queries {path}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text, object_pairs_hook=lambda pairs: _once(path, pairs))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise QueryListError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or not content:
        raise QueryListError(
            f'{path}: expected an object of queries, {{"red shoes": {{"sku-1": 1}}}}, got '
            f"{'an empty one' if content == {} else type(content).__name__}."
        )
    return {query: _relevance(path, query, judged) for query, judged in content.items()}


def _once(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise QueryListError(f"{path}: {twice!r} is there twice; each query and id may be once.")
    return found


def _relevance(path: Path, query: str, judged: Any) -> dict[str, float]:
    where = f"{path}: query {query!r}"
    if not query.strip():
        raise QueryListError(f"{where} is empty.")
    if isinstance(judged, list):
        judged = dict.fromkeys(map(str, judged), 1)
    if not isinstance(judged, dict):
        raise QueryListError(
            f'{where}: expected its relevant ids, {{"sku-1": 1}}, got {type(judged).__name__}.'
        )
    for item, relevance in judged.items():
        number = isinstance(relevance, (int, float)) and not isinstance(relevance, bool)
        if not number or not math.isfinite(relevance) or relevance < 0:
            raise QueryListError(
                f"{where}: the relevance of {item!r} must be a number of 0 or more, got "
                f"{relevance!r}."
            )
    if not any(judged.values()):
        raise QueryListError(f"{where} has no relevant id; leave out what nothing answers.")
    return {item: float(relevance) for item, relevance in judged.items()}
