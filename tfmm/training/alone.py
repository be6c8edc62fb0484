"""One writer to a folder: a second training into it is refused while the first one runs."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Holds a folder, made where it is missing, against other writers of this machine.

    The lock is the kernel's, on the folder itself: it ends with the process however that ends, and
    leaves no file. A folder that was made here and is still empty at the end is removed.

    Raises:
        FileExistsError: another process, or another thread, writes to it.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(
                f"{folder} is being written to by another process. Wait until it ends, or choose "
                "another folder."
            ) from None
        yield
    finally:
        with contextlib.suppress(OSError):
            for one in made:
                one.rmdir()
        os.close(held)


def writes_alone(function: Callable[_Given, _Answer]) -> Callable[_Given, _Answer]:
    """A function that holds the folder given as `out` as long as it runs."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def held(*args: _Given.args, **kwargs: _Given.kwargs) -> _Answer:
        with alone(Path(signature.bind(*args, **kwargs).arguments["out"])):
            return function(*args, **kwargs)

    return held
