"""How requests are merged: TensorFlow Serving's batching parameters, with its defaults."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Self

from tfmm.serving.server.config_messages import read_message
from tfmm.serving.server.errors import ServingConfigError


@dataclass(frozen=True, kw_only=True)
class BatchingParameters:
    """How requests to the same signature are merged into one run.

    Attributes:
        max_batch_size: rows of the largest request taken, and of the largest run unless
            `max_execution_batch_size` says less.
        batch_timeout_micros: microseconds a request waits for company while a thread is free.
        max_enqueued_batches: full batches that may wait; more requests are refused.
        num_batch_threads: batches run at once; 0 is one a core, at least two.
        thread_pool_name: label of the batching metrics.
        allowed_batch_sizes: sizes that a run is padded up to, rising, the last the largest run;
            empty pads nothing.
        pad_variable_length_inputs: merge inputs of different lengths, padded at their ends with
            each one's first element; otherwise only equal shapes are merged.
        enable_large_batch_splitting: split a request larger than `max_execution_batch_size`.
        max_execution_batch_size: rows of the largest run where requests are split; 0 is
            `max_batch_size`.

    Raises:
        ServingConfigError: values that contradict each other, or numbers below their least.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = 0
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("max_batch_size", 1),
            ("batch_timeout_micros", 0),
            ("max_enqueued_batches", 1),
            ("num_batch_threads", 0),
            ("max_execution_batch_size", 0),
        ):
            if getattr(self, name) < least:
                raise ServingConfigError(
                    f"{name} must be at least {least}, got {getattr(self, name)}."
                )
        if self.largest_run > self.max_batch_size:
            raise ServingConfigError(
                f"max_execution_batch_size ({self.max_execution_batch_size}) is larger than "
                f"max_batch_size ({self.max_batch_size})."
            )
        sizes = self.allowed_batch_sizes
        if sizes and (list(sizes) != sorted(set(sizes)) or sizes[0] < 1):
            raise ServingConfigError(f"allowed_batch_sizes must rise from 1 or more, got {sizes}.")
        if sizes and sizes[-1] != self.largest_run:
            raise ServingConfigError(
                f"the last of allowed_batch_sizes must be the largest run ({self.largest_run}: "
                f"max_batch_size, or max_execution_batch_size where requests are split), got "
                f"{sizes[-1]}."
            )

    @property
    def largest_run(self) -> int:
        """Rows of the largest run."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size:
            return self.max_execution_batch_size
        return self.max_batch_size

    def padded_size(self, rows: int) -> int:
        """Rows that a run of `rows` is padded up to."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)

    @classmethod
    def from_file(cls, file: str | os.PathLike[str]) -> Self:
        """Read a `batching_parameters.txt`; what it leaves out has TensorFlow Serving's default.

        Raises:
            ServingConfigError: the file is missing, does not parse, or contradicts itself.
        """
        message = read_message(file, "BatchingParameters")
        given: dict[str, Any] = {}
        for field, value in message.ListFields():
            if field.name == "allowed_batch_sizes":
                given[field.name] = tuple(value)
            else:
                given[field.name] = getattr(value, "value", value)
        try:
            return cls(**given)
        except ServingConfigError as error:
            raise ServingConfigError(f"The BatchingParameters file {file}: {error}") from None
