"""What a user reads when a command cannot go on."""

from __future__ import annotations


def is_for_the_user(error: Exception) -> bool:
    """Whether an error speaks of what the user gave, rather than of a mistake in the program."""
    kinds: tuple[type[Exception], ...] = (ValueError, OSError, TimeoutError, ModuleNotFoundError)
    if isinstance(error, kinds):
        return True
    return type(error).__module__.startswith("tfmm.")


def message_of(error: Exception) -> str:
    """The error in words, with where to look next."""
    if isinstance(error, ModuleNotFoundError):
        return f"{error}. `tfmm doctor` says what is missing and how to install it."
    text = str(error) or type(error).__name__
    if type(error).__module__.startswith("tfmm.") or isinstance(error, OSError):
        return text
    return f"{text}\n(--debug shows where this came from)"
