"""What reviews call aspects, where nobody marked any: words of which something is said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

# The fabric is …, 质量很…: what such words stand beside is what is spoken of.
_ENGLISH = re.compile(
    r"\b(?:the|this|these|my|its|their|your)\s+((?:[a-z][a-z-]+\s+)?[a-z][a-z-]+)\s+"
    r"(?:is|are|was|were|isn't|wasn't|looks?|looked|feels?|felt|fits?|runs?|ran|seems?|seemed)\b"
)
_CHINESE = re.compile(
    r"(?:^|[^\u4e00-\u9fff]|的|[这那][个些款件]?)(?![这那的])([\u4e00-\u9fff]{2,4}?)"
    r"(?:很|非常|太|不太|不|挺|比较|还|有点|有些|也|真|特别|十分|够|差|好)"
)
#: Words that stand where an aspect would, and are none.
_NONE = frozenset(
    "only one ones thing things other others same rest way first last second reason part whole "
    "item product products best worst most problem fact point review reviews reviewer reviewers "
    "model photo picture pictures day time "
    "这个 那个 东西 感觉 就是 还是 可是 而且 但是 不过 觉得 其他 其它 一点 什么 我们 他们".split()
)


def aspect_names(texts: Sequence[str], at_least: int = 10, most: int = 60) -> list[str]:
    """The most frequent names of aspects of English and Chinese texts, most frequent first.

    Found by what stands before "is", "looks" or "很": no list of words is needed, and other
    languages want one (`aspects.names` of the run file).

    Args:
        texts: of reviews.
        at_least: such places that a name needs.
        most: names past this many are left out.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        lower = text.lower()
        found = {_bare(match[1]) for match in _ENGLISH.finditer(lower)}
        found |= {match[1] for match in _CHINESE.finditer(lower)}
        counts.update(name for name in found if name)
    kept = [(name, count) for name, count in counts.most_common() if count >= at_least]
    return [name for name, _ in kept if name not in _NONE][:most]


def _bare(name: str) -> str:
    """The last word of a pair whose first one alone changes: a noun without its adjective stays."""
    first, _, last = name.partition(" ")
    return "" if (last or first) in _NONE else (last or first)


def mentions(text: str, names: Iterable[str]) -> list[tuple[str, int]]:
    """Where names stand in a text, as words of their own: the name and its first character."""
    lower, found = text.lower(), []
    for name in names:
        at = lower.find(name)
        while at >= 0:
            behind = at + len(name)
            if not (_joins(lower[at - 1 : at]) or _joins(lower[behind : behind + 1])):
                found.append((name, at))
            at = lower.find(name, behind)
    return found


def _joins(letter: str) -> bool:
    """Whether a letter beside a name makes it part of a longer word."""
    return letter.isascii() and letter.isalnum()
