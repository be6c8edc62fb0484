"""Reads the scripted dialogues, holds them with an assistant and says where it went wrong."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import yaml

from tfmm.serving.assistant import Answer, Assistant, State

CORPUS = Path(__file__).with_name("corpus")
FAQ = Path(__file__).with_name("faq.csv")
#: What a colour of the shop may be called in a Chinese answer.
CHINESE = {
    "black": "黑色", "white": "白色", "grey": "灰色", "red": "红色", "blue": "蓝色",
    "green": "绿色",
    "yellow": "黄色", "orange": "橙色", "pink": "粉色", "purple": "紫色", "brown": "棕色",
    "beige": "米色", "navy": "藏青色", "teal": "青色", "olive": "橄榄色", "burgundy": "酒红色",
}  # fmt: skip
HAS_VOICE = shutil.which("espeak-ng") is not None


@dataclass(frozen=True)
class Dialogue:
    """One scripted conversation."""

    name: str
    file: str
    shopper: str
    turns: Sequence[dict[str, Any]]

    @property
    def spoken(self) -> bool:
        return any("speak" in turn for turn in self.turns)


def dialogues(half: str) -> list[Dialogue]:
    """Those on the sample shop of a half, `tuning` or `held_out`."""
    return [
        Dialogue(one["name"], file.stem, one.get("shopper", ""), one["turns"])
        for file in sorted(CORPUS.glob(f"*_{half}.yaml"))
        for one in yaml.safe_load(file.read_text("utf-8"))
    ]


def fashion_dialogues(half: str) -> list[Dialogue]:
    """Those on the data set `fashion`."""
    told = yaml.safe_load((CORPUS / "fashion.yaml").read_text("utf-8"))
    return [
        Dialogue(one["name"], "fashion", "", one["turns"]) for one in told if one["half"] == half
    ]


@dataclass
class Talk:
    """Holds dialogues with an assistant over a shop whose items' table is at hand.

    `items` has the id as its index, and a column `title`; tags are joined with |.
    """

    assistant: Assistant
    items: pd.DataFrame
    images: Path
    scratch: Path

    def hold(self, dialogue: Dialogue) -> Iterator[tuple[dict[str, Any], Answer, list[str]]]:
        """Each turn with its answer and its faults."""
        state = State(shopper=dialogue.shopper)
        for turn in dialogue.turns:
            answer = self.assistant.reply(state, **self.asked(turn))
            yield turn, answer, self.faults(turn, state, answer)
            state = answer.state

    def asked(self, turn: dict[str, Any]) -> dict[str, Any]:
        asked: dict[str, Any] = {"text": turn.get("say", "")}
        if "image" in turn:
            asked["image"] = self.images / turn["image"]
        if "speak" in turn:
            file = self.scratch / "spoken.wav"
            command = ["espeak-ng", "-v", "en-us", "-s", "140", "-w", str(file), turn["speak"]]
            subprocess.run(command, check=True, timeout=30)
            asked["audio"] = str(file)
        return asked

    def faults(self, turn: dict[str, Any], before: State, answer: Answer) -> list[str]:
        """What is not as the script expects; empty for a turn that went well."""
        found = []
        decision = answer.decision
        if decision.intent != turn["intent"]:
            found.append(f"intent {decision.intent}, expected {turn['intent']}")
        if "filters" in turn:
            found += self._filters(turn, before, answer)
        shown = [product.id for product in answer.products]
        if turn["intent"] in ("search", "refine", "similar", "recommend", "more"):
            if not shown and turn.get("n") != "any":
                found.append("shows nothing")
            if turn["intent"] == "more" and set(shown) & set(before.shown):
                found.append("shows again what was shown")
        if "words" in turn:
            if turn["words"] not in decision.query:
                found.append(f"searched {decision.query!r} without {turn['words']!r}")
            if shown and turn["words"] not in self.items.title[shown[0]].lower():
                found.append(f"{self.items.title[shown[0]]!r} lacks {turn['words']!r}")
        if "place" in turn:
            expected = [self._at(before, place) for place in turn["place"]]
            if shown != expected:
                found.append(f"speaks of {shown}, expected {expected}")
        if "place_of" in turn and decision.reference != self._at(before, turn["place_of"]):
            found.append(f"is like {decision.reference}")
        if "tells" in turn and shown:
            found += self._tells(turn["tells"], shown[0], answer)
        if turn.get("cheapest"):
            cheapest = self.items.price[list(before.shown)].min()
            if len(shown) != 1 or self.items.price[shown[0]] != cheapest:
                found.append(f"{shown} cost not the least")
        if "faq" in turn and decision.faq != turn["faq"]:
            found.append(f"answers {decision.faq!r}, expected {turn['faq']!r}")
        return found

    @staticmethod
    def _at(state: State, place: int) -> str:
        shown = state.shown
        if not -len(shown) <= place <= len(shown):
            return "a place that is not shown"
        return shown[place - 1 if place > 0 else place]

    def _tells(self, feature: str, item: str, answer: Answer) -> list[str]:
        value = self.items[feature][item]
        said = f"{value:.2f}".rstrip("0").rstrip(".") if feature == "price" else str(value)
        if said in answer.text or CHINESE.get(said.lower(), said) in answer.text:
            return []
        return [f"says {answer.text!r}, expected {said}"]

    def _filters(self, turn: dict[str, Any], before: State, answer: Answer) -> list[str]:
        expected = dict(turn["filters"])
        refused = dict(expected.pop("not", {}))
        words = refused.pop("words", [])
        price = expected.pop("price", None)
        got = answer.decision.filters
        also = {turn["also"]} if "also" in turn else set()
        wanted = {name: sorted(values) for name, values in got.wanted.items() if name not in also}
        found = []
        if wanted != {name: sorted(values) for name, values in expected.items()}:
            found.append(f"wants {dict(got.wanted)}, expected {expected}")
        if {name: sorted(v) for name, v in got.refused.items()} != refused:
            found.append(f"refuses {dict(got.refused)}, expected {refused}")
        if sorted(got.without) != sorted(words):
            found.append(f"is without {got.without}, expected {words}")
        if not self._price_fits(price, got.ranges.get("price"), before):
            found.append(f"price {got.ranges.get('price')}, expected {price}")
        for product in answer.products:
            found += [f"{product.id} {fault}" for fault in self._unmet(product.id, turn, answer)]
        return found

    def _price_fits(self, expected: Any, got: Any, before: State) -> bool:
        if expected is None:
            return got is None
        if expected == "kept":
            return got == before.filters.ranges.get("price")
        if isinstance(expected, str) and not before.shown:
            return False
        if isinstance(expected, str):
            middle = median(self.items.price[list(before.shown)])
            low, high = got or (None, None)
            return (
                high is not None and high < middle if expected == "cheaper" else (low or 0) > middle
            )
        return got is not None and list(got) == expected

    def _unmet(self, item: str, turn: dict[str, Any], answer: Answer) -> list[str]:
        row, filters = self.items.loc[item], answer.decision.filters
        unmet = []
        for name, values in turn["filters"].items():
            if name in ("not", "price"):
                continue
            own = set(str(row[name]).split("|"))
            if not (set(values) <= own if name == "tags" else set(values) & own):
                unmet.append(f"has {name} {own}")
        for name, values in turn["filters"].get("not", {}).items():
            if name == "words":
                unmet += [f"is called {row.title}" for word in values if word in row.title.lower()]
            elif set(values) & set(str(row[name]).split("|")):
                unmet.append(f"has {name} {row[name]}")
        low, high = filters.ranges.get("price", (None, None))
        if (low is not None and row.price < low - 1e-4) or (high and row.price > high + 1e-4):
            unmet.append(f"costs {row.price}")
        return unmet
