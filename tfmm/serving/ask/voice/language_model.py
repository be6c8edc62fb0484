"""A bigram language model of a catalogue's own words, in the ARPA format that recognisers read."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

START, END = "<s>", "</s>"
_DISCOUNT = 0.75
# What ARPA files write for a probability of 0.
_NEVER = -99.0


def bigram_model(sentences: Iterable[Sequence[str]]) -> str:
    """The text of an ARPA file with interpolated Kneser-Ney bigrams.

    Kneser and Ney, ICASSP 1995, as interpolated by Chen and Goodman, Computer Speech and Language
    1999, with the discount 0.75. A catalogue's titles are so unlike other English that a general
    model hears almost nothing of them.

    Args:
        sentences: the words of each; repeats count.

    Raises:
        ValueError: there is no word.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    for words in sentences:
        if words:
            pairs.update(zip((START, *words), (*words, END), strict=True))
    if not pairs:
        raise ValueError("a language model needs at least one sentence with a word.")
    # Kneser-Ney's unigram: in how many contexts a word was seen.
    contexts: Counter[str] = Counter(after for _, after in pairs)
    total: Counter[str] = Counter()
    followers: Counter[str] = Counter()
    by_first: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for (before, after), count in pairs.items():
        total[before] += count
        followers[before] += 1
        by_first[before].append((after, count))
    unigram = {word: count / len(pairs) for word, count in contexts.items()}
    lines = ["\\data\\", f"ngram 1={len(unigram) + 1}", f"ngram 2={len(pairs)}", "", "\\1-grams:"]
    weight = {word: _DISCOUNT * followers[word] / total[word] for word in total}
    lines.append(f"{_NEVER:.4f}\t{START}\t{math.log10(weight[START]):.4f}")
    for word in sorted(unigram):
        entry = f"{math.log10(unigram[word]):.4f}\t{word}"
        lines.append(f"{entry}\t{math.log10(weight[word]):.4f}" if word in weight else entry)
    lines += ["", "\\2-grams:"]
    for before in sorted(by_first):
        for after, count in sorted(by_first[before]):
            chance = max(count - _DISCOUNT, 0) / total[before] + weight[before] * unigram[after]
            lines.append(f"{math.log10(chance):.4f}\t{before} {after}")
    return "\n".join([*lines, "", "\\end\\", ""])
