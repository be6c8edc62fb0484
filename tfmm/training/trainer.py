"""The one way to train: choose on validation, then refit on all that there is to train on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfmm.tasks.base import Say, Task, silent
from tfmm.tasks.config import RunFileError
from tfmm.tasks.model import Model
from tfmm.tasks.weights import restore_weights
from tfmm.training.fit import History, best_epoch, fit


@dataclass(frozen=True)
class Choice:
    """What validation chose.

    Attributes:
        epochs: how many to fit for.
        value: the task's choice with them, and with what was decided beside them.
        decided: whatever else was chosen, see `Task.decide`.
        history: a row an epoch, see `tfmm.training.fit.fit`.
        model: as it was chosen, fitted on the training part alone; None where the choice was made
            elsewhere.
    """

    epochs: int
    value: float | None = None
    decided: Mapping[str, Any] = field(default_factory=dict)
    history: History = field(default_factory=list)
    model: Model | None = field(default=None, repr=False)


class Trainer:
    """Trains the model of a task.

    `tfmm train` chooses, refits and measures; `tfmm tune` chooses many times; benchmarks call the
    same two, so that what one finds is what the others get.

    ```python
    trainer = Trainer(run.task, "runs/again", say=print)
    choice = trainer.choose()
    model = trainer.refit(choice)
    ```

    Args:
        task: what is trained.
        folder: keeps `checkpoints/` and `logs/`; a killed training goes on from there.
        start: fills a model's weights before it is fitted, for a warm start.
        say: takes lines of progress.
    """

    def __init__(
        self,
        task: Task,
        folder: str | Path,
        *,
        start: Callable[[Model], None] | None = None,
        say: Say = silent,
    ) -> None:
        self.task, self.folder, self.start, self.say = task, Path(folder), start, say
        #: A row for every epoch that was fitted, of `choose` and `refit`.
        self.history: History = []
        #: Examples that these epochs saw.
        self.examples = 0

    def choose(self, watch: Callable[[dict[str, float]], None] | None = None) -> Choice:
        """Fits on the training part and chooses the number of epochs, and what the task decides,
        on validation.

        Args:
            watch: takes what each epoch reached on validation; an error that it raises ends the
                fit.
        """
        task = self.task
        check_choosable(task)
        model = self._fresh(task.parts.train)

        def validated() -> dict[str, float]:
            row = task.validate(model)
            if watch is not None:
                watch(row)
            return row

        history = self._fit(model, "choose", task.parts.train, validate=validated)
        epochs = best_epoch(history, task.choice)
        decided, value = task.decide(model, self.say)
        if value is None:
            value = history[epochs - 1][task.choice.name]
        return Choice(epochs, value, decided, history, model)

    def refit(self, choice: Choice) -> Any:
        """The finished model: fitted anew on training and validation where the split allows it,
        else as it was chosen."""
        task, model, part = self.task, choice.model, self.task.parts.final_train()
        if model is None or task.parts.refit:
            what = "training and validation" if task.parts.refit else "training"
            self.say(f"Refitting on {what} for {choice.epochs} epochs.")
            model = self._fresh(part)
            self._fit(model, "refit", part, epochs=choice.epochs)
        return task.finish(model, part, choice.decided)

    def _fresh(self, part: Any) -> Model:
        """An untrained model for a part, the same for the same seed."""
        tf.keras.utils.set_random_seed(self.task.config.train.seed)
        model = self.task.build(part)
        if self.start is not None:
            self.start(model)
        return model

    def _fit(self, model: Model, phase: str, part: Any, **more: Any) -> History:
        history = fit(
            self.task,
            model,
            part,
            self.folder / "checkpoints" / phase,
            logs=self.folder / "logs" / phase,
            say=self.say,
            **more,
        )
        self.history += history
        self.examples += len(history) * self.task.examples(part)
        return history


def check_choosable(task: Task, where: str = "the run configuration") -> None:
    """Refuses parts without validation.

    Raises:
        RunFileError: there is nothing to choose on.
    """
    if not task.examples(task.parts.valid):
        raise RunFileError(
            f"{where}: the split has no validation part, so there is nothing to choose on. Give "
            "`split.valid` a share (or, in a split by column, a value)."
        )


def warm_start(task: Task, folder: Path, say: Say) -> Callable[[Model], None]:
    """Takes over the weights that a run saved in `folder`, for `Trainer(start=…)`."""

    def start(model: Model) -> None:
        moved = restore_weights(model, folder, task.data.items.ids, task.data.users.ids)
        say(
            f"Starting from {folder.parent}: {moved['restored']} weights taken over, "
            f"{moved['new_items']:,} new items."
        )

    return start
