"""JSON schema of run files: of one task, or of whichever a file names."""

from __future__ import annotations

from typing import Any, Literal

import pydantic

from tfmm.config.json_schema import DIALECT, json_schema, json_schemas
from tfmm.tasks.config import RunConfig
from tfmm.tasks.registry import names, task_class

_TASK = RunConfig.model_fields["task"]


def run_schema(task: str | None = None) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a run file.

    Args:
        task: the task that the file is for; without it, the file's own `task` chooses.

    Raises:
        ValueError: there is no such task.
    """
    if task is not None:
        return json_schema(_form(task))
    schemas, shared = json_schemas({name: _form(name) for name in names()})
    return {
        "$schema": DIALECT,
        "description": "What to train, on which shop, and how.",
        "type": "object",
        "properties": {
            "task": {"enum": names(), "default": _TASK.default, "description": _TASK.description}
        },
        "allOf": [{"if": _names(name), "then": schema} for name, schema in schemas.items()],
        "$defs": shared,
    }


def _form(task: str) -> type[RunConfig]:
    """The form of a task's run files, with a `task` that says so."""
    form = task_class(task).Config
    default = task if task == _TASK.default else ...
    fields: dict[str, Any] = {
        "task": (Literal[task], pydantic.Field(default, description=_TASK.description))
    }
    return pydantic.create_model(f"Run_{task}", __base__=form, __doc__=form.__doc__, **fields)


def _names(task: str) -> dict[str, Any]:
    """A schema that files of a task fit."""
    said: dict[str, Any] = {"properties": {"task": {"const": task}}}
    return said if task == _TASK.default else {**said, "required": ["task"]}
