"""Packages whose public names load on first use: importing one module of them loads no other."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from tfmm import _moved


class _LazyPackage(ModuleType):
    _places: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        place = self._places.get(name) or _moved.place_of(self.__name__, name)
        if place is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(place), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Python binds an imported submodule in its package, where tfmm.training.train, say, would
        # hide the function of that name.
        if isinstance(value, ModuleType) and name in self._places:
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._places})


def lazy_package(package: str, places: dict[str, str]) -> None:
    """Makes a package load its public names on first use; called by its `__init__`.

    Args:
        package: the package's name, which is being imported.
        places: the module that has each public name.
    """
    module = sys.modules[package]
    module.__dict__["_places"] = places
    module.__class__ = _LazyPackage
