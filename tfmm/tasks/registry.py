"""The tasks by name, each imported when it is asked for."""

from __future__ import annotations

import importlib

from tfmm.tasks.base import Task

_TASKS = {
    "retrieval": "tfmm.tasks.retrieval.task:Retrieval",
    "search": "tfmm.tasks.search.task:Search",
    "ranking": "tfmm.tasks.ranking.task:Ranking",
    "classification": "tfmm.tasks.classification.task:Classification",
    "reviews": "tfmm.tasks.reviews.task:Reviews",
    "demand": "tfmm.tasks.demand.task:Demand",
    "dialogue": "tfmm.tasks.dialogue.task:Dialogue",
}
_REGISTERED: dict[str, type[Task]] = {}


def names() -> list[str]:
    """The names that `task:` may have in a run file."""
    return [*_TASKS, *(name for name in _REGISTERED if name not in _TASKS)]


def register(task: type[Task]) -> type[Task]:
    """Class decorator that puts a task of your own under its `name`.

    Raises:
        ValueError: another task has that name.
    """
    taken = _TASKS.get(task.name) or _REGISTERED.get(task.name)
    if taken is not None and getattr(taken, "__qualname__", taken) != task.__qualname__:
        raise ValueError(f"A task named {task.name!r} exists already; give yours another `name`.")
    _REGISTERED[task.name] = task
    return task


def task_class(name: str) -> type[Task]:
    """The task of a name.

    Raises:
        ValueError: there is no such task; the message has the nearest and all that there are.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name not in _TASKS:
        from tfmm.config.names import unknown

        raise ValueError(unknown("task", name, names()))
    module, _, attribute = _TASKS[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
