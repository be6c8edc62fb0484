"""The pages of the API: every public name, with what its docstring says."""

from __future__ import annotations

import ast
from pathlib import Path

#: Modules without an `__all__` that people who extend tfmm import from.
MODULES = (
    "tfmm.config.section",
    "tfmm.evaluation.metrics",
    "tfmm.layers.causal",
    "tfmm.layers.content",
    "tfmm.layers.entire_space",
    "tfmm.layers.multimodal_rnn",
    "tfmm.layers.self_attention",
    "tfmm.layers.target_attention",
    "tfmm.layers.towers",
    "tfmm.tasks.base",
    "tfmm.tasks.config",
    "tfmm.tasks.model",
    "tfmm.tasks.registry",
    "tfmm.tasks.search.alignment",
    "tfmm.tasks.search.measure",
    "tfmm.training.trainer",
    "tfmm.training.tune",
)

_TITLE = "::: {}\n    options:\n      heading_level: 1\n      show_root_full_path: true\n"


def api_pages(root: Path) -> list[tuple[str, str, str]]:
    """A name, a path below docs/ and the Markdown of each page, `tfmm` itself first.

    A name that several packages have is told on the page of the outermost, as people import it.
    """
    packages = {_module(root, file): public_names(file) for file in _packages(root)}
    pages, told = [], set()
    for package in sorted(packages, key=lambda name: (name.count("."), name)):
        names = [name for name in packages[package] if (package, name) not in told]
        for inner, theirs in packages.items():
            if package == "tfmm" or inner.startswith(f"{package}."):
                told |= {(inner, name) for name in names if name in theirs}
        if names:
            pages.append((package, _path(package), _package_page(package, names)))
    pages += [(module, _path(module), _module_page(module)) for module in MODULES]
    first, *rest = pages
    return [first, *sorted(rest)]


def public_names(file: Path) -> list[str]:
    """The names in the `__all__` of a file, but those that start with an underscore."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            found = ast.literal_eval(node.value)
            return [name for name in found if not name.startswith("_")]
    return []


def _packages(root: Path) -> list[Path]:
    return sorted((root / "tfmm").rglob("__init__.py"))


def _module(root: Path, file: Path) -> str:
    return ".".join(file.parent.relative_to(root).parts)


def _path(module: str) -> str:
    return f"api/{module}.md"


def _package_page(package: str, names: list[str]) -> str:
    head = _TITLE.format(package) + "      members: false\n"
    parts = [
        f"::: {package}.{name}\n    options:\n      heading_level: 2\n" for name in sorted(names)
    ]
    return "\n".join([head, *parts])


def _module_page(module: str) -> str:
    return _TITLE.format(module)
