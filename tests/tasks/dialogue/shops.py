"""A tiny shop whose shoppers speak English and Chinese."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pandas as pd
import yaml

COLOURS = ["red", "dark blue", "绿色", "café ☕", "black"]
THINGS = ["shirt", "running shoes", "连衣裙", "coat"]
_SAID = {
    "find/找": [
        "show me a {colour} {thing}",
        "i want {thing} in {colour} please",
        "我要{colour}的{thing}",
    ],
    "price": ["how much is the {thing}?", "price of this {thing}", "这件{thing}多少钱"],
    "goodbye 👋": ["thanks, bye", "再见", "that is all, thank you", "谢谢，没有了"],
    "oos": ["who won the match {n}", "什么是量子 {n}", "sing a song {n}", "is it raining {n}"],
}


def queries(count: int = 480, seed: int = 1) -> list[dict[str, str]]:
    """Rows of a table of queries, with slots at their places."""
    chance, rows = random.Random(seed), []
    for at in range(count):
        intent = list(_SAID)[at % 4]
        text, slots = chance.choice(_SAID[intent]), []
        if "{n}" in text:
            text = text.replace("{n}", str(chance.randrange(50)))
        while "{" in text:
            start = text.index("{")
            name = text[start + 1 : text.index("}")]
            value = chance.choice(COLOURS if name == "colour" else THINGS)
            text = text[:start] + value + text[text.index("}") + 1 :]
            slots.append([name, start, start + len(value)])
        said = chance.choice(["", "hi ", "嗯，", "well… "])
        moved = [[name, start + len(said), end + len(said)] for name, start, end in slots]
        rows.append(
            {
                "text": said + text,
                "before": chance.choice(["", "Anything else?"]),
                "intent": intent,
                "slots": json.dumps(moved, ensure_ascii=False),
                "part": ["train", "train", "valid", "train", "test"][at % 5],
            }
        )
    return rows


def write_shop(folder: Path, **queries_keys: object) -> Path:
    """The shop file, beside its table."""
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(queries()).to_csv(folder / "问题.csv", index=False)
    spec = {
        "table": "问题.csv",
        "text": "text",
        "intent": "intent",
        "slots": "slots",
        "part": "part",
    }
    spec = {key: value for key, value in {**spec, **queries_keys}.items() if value}
    (folder / "shop.yaml").write_text(yaml.safe_dump({"queries": spec}, allow_unicode=True))
    return folder / "shop.yaml"
