"""Names of one aspect, merged: by spelling, and by vectors of what is said around them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

#: Takes names and a text of what is said around each; gives vectors of length one.
Vectors = Callable[[Sequence[str], Sequence[str]], NDArray[np.floating]]


def merged(
    names: Sequence[str], contexts: Sequence[str], vectors: Vectors, nearest: float
) -> dict[str, str]:
    """The name that each name goes under: the most frequent of those that mean the same.

    Args:
        names: one for each time that an aspect was spoken of.
        contexts: the sentence of each.
        vectors: of distinct names, see `by_contexts`.
        nearest: cosine from which on two names mean the same.
    """
    plain = {name: _plain(name) for name in dict.fromkeys(names)}
    there = Counter(plain[name] for name in names)
    single = {name: _single(name, there) for name in there}
    counts: Counter[str] = Counter()
    said: dict[str, list[str]] = defaultdict(list)
    for name, context in zip(names, contexts, strict=True):
        under = single[plain[name]]
        counts[under] += 1
        if len(said[under]) < 200:
            said[under].append(context)
    order = [name for name, _ in counts.most_common()]
    found = vectors(order, [" ".join(said[name]) for name in order]) if order else np.zeros((0, 1))
    chosen: dict[str, str] = {}
    heads: list[int] = []
    for place, name in enumerate(order):
        near = found[heads] @ found[place] if heads else np.zeros(0)
        if near.size and near.max() >= nearest:
            chosen[name] = order[heads[int(near.argmax())]]
        else:
            chosen[name] = name
            heads.append(place)
    return {name: chosen[single[plain[name]]] for name in plain}


def by_contexts(names: Sequence[str], contexts: Sequence[str]) -> NDArray[np.floating]:
    """Vectors of names from the words and characters that are said around them: TF-IDF, cut to 64
    dimensions (latent semantic analysis; Deerwester et al., 1990).

    Names that are spoken of alike are near, whatever the language; so may be names of things that
    are praised and blamed alike.
    """
    made = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    try:
        texts = made.fit_transform(contexts)
    except ValueError:
        return np.eye(len(names))
    size = min(64, texts.shape[0] - 1, texts.shape[1] - 1)
    if size < 2:
        return np.eye(len(names))
    found = TruncatedSVD(size, random_state=1).fit_transform(texts)
    # What is said of everything tells no two names apart.
    found -= found.mean(axis=0)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def by_encoder(name: str) -> Vectors:
    """Vectors of the names themselves by a frozen pretrained encoder, such as `minilm`."""

    def made(names: Sequence[str], contexts: Sequence[str]) -> NDArray[np.floating]:
        from tfmm.data.columns import TextColumn
        from tfmm.encoders import encoder
        from tfmm.encoders.pretrained.base import Pretrained

        one = encoder("text", name)
        if not isinstance(one, Pretrained):
            raise ValueError(
                f"`vectors` must be `contexts` or a pretrained encoder of text such as `minilm`, "
                f"got {name!r}."
            )
        values = np.array([*names, None], object)[:-1]
        return np.asarray(one.frozen(TextColumn(values))[: len(names)])

    return made


def _plain(name: str) -> str:
    """A name in small letters, without articles and white space around it."""
    words = name.casefold().split()
    while len(words) > 1 and words[0] in ("the", "a", "an", "this", "my", "its", "their"):
        words = words[1:]
    return " ".join(words)


def _single(name: str, there: Counter[str]) -> str:
    """The singular of a plural, where that occurs too."""
    for end, other in (("ies", "y"), ("es", ""), ("s", "")):
        if name.endswith(end) and name[: -len(end)] + other in there:
            return name[: -len(end)] + other
    return name
