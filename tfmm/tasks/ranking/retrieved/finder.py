"""A retrieval run as a ranker learns from it."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfmm.data.events.pairs import Pairs
from tfmm.data.manifest import check_manifest
from tfmm.data.shop import ShopData
from tfmm.evaluation import rank_vectors
from tfmm.evaluation.evaluator import as_matrix
from tfmm.tasks.config import RunConfig, RunFileError
from tfmm.tasks.ranking.config import RankingConfig, SplitConfig
from tfmm.tasks.ranking.retrieved.vectors import Retrieved
from tfmm.tasks.ranking.retrieved.window import Window
from tfmm.tasks.retrieval.blend.blend import Blend
from tfmm.tasks.retrieval.config import RetrievalConfig
from tfmm.tasks.retrieval.task import Retrieval
from tfmm.tasks.retrieval.two_tower import TwoTower


class Finder:
    """A finished retrieval run over a shop's tables.

    A ranker that learned from what the retrieval model has met would trust its score too much: such
    a model knows these events by heart. So it learns from what the run was chosen on, as the model
    that was chosen, fitted on the training part alone, saw it; and is tested as the finished one
    sees the run's test, which neither has met.

    Args:
        folder: the run.
        data: the shop's tables.
        size: items of a history.

    Raises:
        RunFileError: a folder that holds no finished run of retrieval that parts by time, of the
            same shop.
        ManifestError: the run is not as it was written.
    """

    def __init__(self, folder: str | Path, data: ShopData, size: int) -> None:
        self.folder, self.size = Path(folder), size
        config = retrieval_config(self.folder)
        check_manifest(self.folder)
        self.task = Retrieval(config, data)
        made = self.task.parts.split
        if made.by != "time" or not len(made.valid) or not len(made.test):
            raise RunFileError(
                f"`vectors`: {folder} parts events by {made.by!r}, into {len(made.valid):,} for "
                f"validation and {len(made.test):,} for the test. A ranker learns from what came "
                "after its retrieval: train a run with `split: {by: time}`, both shares above 0."
            )
        self._check_shop()

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What the run's `metrics.json` holds."""
        return json.loads((self.folder / "metrics.json").read_text("utf-8"))

    @cached_property
    def window(self) -> Window:
        """See `Window`."""
        made = self.task.parts.split
        assert made.valid.time is not None
        assert made.test.time is not None
        begin, test = int(made.valid.time.min()), int(made.test.time.min())
        return Window(begin, test, int(made.test.log.time[-1]) + 1, made.repeats)

    @cached_property
    def chosen(self) -> TwoTower | Blend:
        """The model as it was chosen, fitted on the training part alone."""
        best = self.folder / "checkpoints" / "choose" / "best"
        if not best.with_name("best.index").exists():
            raise RunFileError(
                f"`vectors`: {best}.index is missing: the model as it was chosen, which has not "
                "met what a ranker learns from. Keep the run's checkpoints, or train it again."
            )
        task, part = self.task, self.task.parts.train
        model = task.build(part)
        tf.train.Checkpoint(model=model).read(str(best)).expect_partial()
        decided: dict[str, Any] = {
            name: self.metrics[name] for name in ("blend", "prior") if name in self.metrics
        }
        return task.finish(model, part, decided)

    @cached_property
    def finished(self) -> TwoTower | Blend:
        """The model that the run serves."""
        return self.task.load(self.folder / "model")

    @cached_property
    def before(self) -> Retrieved:
        """The chosen model's vectors."""
        return self._vectors(self.chosen)

    @cached_property
    def now(self) -> Retrieved:
        """The finished model's."""
        return self._vectors(self.finished).turned_to(self.before)

    def _vectors(self, model: TwoTower | Blend) -> Retrieved:
        return Retrieved.of(model, self.window, self.size, self.task.config.train.temperature)

    def lists(self, top: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The best items of every shopper, int32 `[U, top]`, -1 where there are fewer: as the
        chosen model finds them when validation begins, and the finished one when the test does."""
        made = self.task.parts.split
        return (
            best_of(self.chosen, made.train, top, made.repeats),
            best_of(self.finished, made.final_train(), top, made.repeats),
        )

    def _check_shop(self) -> None:
        """Refuses a run of other tables."""
        names = json.loads((self.folder / "model" / "rows.json").read_text("utf-8"))
        data = self.task.data
        mine = {*map(str, data.items.ids)}
        tables = [rows for path, rows in names.items() if path == "item_tower/known"]
        if tables and not mine.intersection(tables[0]):
            raise RunFileError(
                f"`vectors`: {self.folder} is a run of another shop: it has items such as "
                f"{tables[0][0]!r}, this one such as {data.items.ids[0]!r}."
            )


def check_vectors(config: RankingConfig) -> None:
    """Refuses sections that do not go with `vectors`, or not without.

    Raises:
        RunFileError: the message names the key, what came and what was expected.
    """
    negatives = config.negatives
    if config.vectors is None:
        if negatives.by == "retrieval":
            raise RunFileError(
                "`negatives.by` is retrieval, but no retrieval run is named: give `vectors`."
            )
        return
    if negatives.top < 1 or not 0 <= negatives.share <= 1:
        raise RunFileError(
            "`negatives.top` must be at least 1 and `negatives.share` lie from 0 to 1, got "
            f"{negatives.top} and {negatives.share}."
        )
    plain = SplitConfig()
    for name in SplitConfig.model_fields:
        given = getattr(config.split, name)
        if name not in ("valid", "seed", "refit") and given != getattr(plain, name):
            raise RunFileError(
                f"`split.{name}` is {given!r}, but with `vectors` the parts are those of the "
                "retrieval run: `split` takes `valid`, a share of shoppers, and `seed`."
            )
    valid = config.split.valid
    if isinstance(valid, bool) or not isinstance(valid, (int, float)) or not 0 < valid < 1:
        raise RunFileError(
            f"`split.valid` must with `vectors` be a share of shoppers above 0 and below 1, got "
            f"{valid!r}."
        )


def retrieval_config(folder: Path) -> RetrievalConfig:
    """The configuration of a finished run.

    Raises:
        RunFileError: there is none, or it is of another task.
    """
    for name in ("config.yaml", "metrics.json"):
        if not (folder / name).is_file():
            raise RunFileError(
                f"`vectors`: {folder} is no finished run: it holds no {name}. Train the retrieval "
                f"first: `tfmm train RUN.yaml --out {folder}`."
            )
    config = RunConfig.from_file(folder / "config.yaml")
    if not isinstance(config, RetrievalConfig):
        raise RunFileError(
            f"`vectors`: {folder} holds a run of task {config.task!r}; a ranker reads one of task "
            "'retrieval'."
        )
    return config


def best_of(
    model: TwoTower | Blend, known: Pairs, top: int, repeats: bool, users: Any = None
) -> NDArray[np.int32]:
    """The `top` best items int32 `[U, top]` of users by what is known of them, best first, what
    they had left out unless it may be asked for again; -1 where there are fewer."""
    rows = np.arange(known.n_users) if users is None else users
    items = model.item_vectors()
    vectors = model.user_vectors(known, rows, items)
    seen = None if repeats else as_matrix(known)[rows]
    return rank_vectors(vectors, items, seen, k=top).items
