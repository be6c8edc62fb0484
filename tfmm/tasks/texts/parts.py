"""The parts of a table of texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import field_validator

from tfmm.config import Section
from tfmm.tasks.base import RowParts
from tfmm.tasks.config import RunFileError


class TextSplitConfig(Section):
    """How texts are parted, where their table does not say: at random, equal texts together."""

    valid: float = 0.1
    """Share for validation; of the training part, where the table has parts and none for it."""
    test: float = 0.1
    """Share for the test."""
    seed: int = 1
    refit: bool = True
    """Whether the tested model is fitted anew on training and validation together."""

    @field_validator("valid", "test")
    @classmethod
    def _share(cls, value: float) -> float:
        if not 0 < value < 0.5:
            raise ValueError(f"a share lies above 0 and below 0.5, got {value}.")
        return value


def text_parts(
    texts: NDArray[np.object_],
    given: NDArray[np.object_],
    config: TextSplitConfig,
    usable: NDArray[np.bool_] | None = None,
) -> RowParts:
    """Divides texts: as their table says, else at random by distinct text.

    Texts that differ in white space and capital letters alone count as equal, so that no copy of a
    text that is tested on was learned from. Rows without a part are left out where others have one.

    Args:
        texts: object[n] of str.
        given: object[n], "train", "valid" or "test"; "" where the table does not say.
        config: the shares.
        usable: bool[n], rows that may be of a part; all by default.

    Raises:
        RunFileError: a part is left empty.
    """
    usable = np.ones(len(texts), bool) if usable is None else usable
    groups = distinct_texts(texts)
    if (given != "").any():
        rows = {name: np.flatnonzero((given == name) & usable) for name in _NAMES}
        if not len(rows["test"]):
            raise RunFileError(
                "The table's column of parts says `test` of no text; add it, or leave `part` out "
                "of the shop file to have parts drawn."
            )
        if not len(rows["valid"]):
            held, kept = _drawn(rows["train"], groups, config.valid, config.seed)
            rows |= {"train": kept, "valid": held}
    else:
        test, rest = _drawn(np.flatnonzero(usable), groups, config.test, config.seed)
        share = config.valid / (1 - config.test)
        valid, train = _drawn(rest, groups, share, config.seed + 1)
        rows = {"train": train, "valid": valid, "test": test}
    made = RowParts(rows["train"], rows["valid"], rows["test"], refit=config.refit)
    for name, count in made.counts().items():
        if not count:
            raise RunFileError(
                f"The {name} part is empty, of {int(usable.sum()):,} texts that could be learned "
                "from; raise its share under `split`, or check the table's column of parts."
            )
    return made


_NAMES = ("train", "valid", "test")


def distinct_texts(texts: NDArray[np.object_]) -> NDArray[np.int64]:
    """int64[n], a number for each text; the same for those that differ in space and case alone."""
    plain = [" ".join(str(text).casefold().split()) for text in texts]
    return pd.factorize(np.array([*plain, None], object)[:-1])[0].astype(np.int64)


def _drawn(
    rows: NDArray[np.int64], groups: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A share of the groups that rows are of, at random, and the rows of the others."""
    distinct = np.unique(groups[rows])
    taken = np.random.default_rng(seed).permutation(distinct)[: round(share * len(distinct))]
    held = np.isin(groups[rows], taken)
    return rows[held], rows[~held]
