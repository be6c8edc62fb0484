"""The shop file: one YAML that says what the tables mean, read and validated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmm.config import checked
from tfmm.data.shop_file.form import FilesForm, ShopForm
from tfmm.data.shop_file.specs import EventSpec, KnowledgeSpec, ShopFileError, TableSpec
from tfmm.data.shop_file.strict_yaml import read_yaml
from tfmm.data.shop_file.texts import QuerySpec, ReviewSpec


@dataclass(frozen=True)
class Shop:
    """A shop file, validated.

    Args:
        file: the file it was read from; None for a shop made in Python.
        root: the folder that the tables' and media's paths are relative to.
        items: the items table; None when items are the ids seen in events.
        events: the events table; None for a shop without.
        users: the users table; None when users are the ids seen in events.
        checks: policy by check, where the file sets one.
        allowed: folders outside the root that the tables may name files of.
        private_hosts: hosts in private networks that the tables' addresses may lead to.
        knowledge: the table of what is known of items, in triples; None where there is none.
        reviews: the table of reviews; likewise.
        queries: the table of what shoppers ask for; likewise.
    """

    file: Path | None
    root: Path
    items: TableSpec | None
    events: EventSpec | None
    users: TableSpec | None = None
    checks: dict[str, str] = field(default_factory=dict)
    allowed: tuple[Path, ...] = ()
    private_hosts: tuple[str, ...] = ()
    knowledge: KnowledgeSpec | None = None
    reviews: ReviewSpec | None = None
    queries: QuerySpec | None = None

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Shop:
        """Reads and validates a shop file.

        Raises:
            ShopFileError: naming the file, the key and the nearest known key.
        """
        file = Path(path).expanduser().absolute()
        if not file.is_file():
            what = "it is a folder" if file.is_dir() else "there is no such file"
            raise ShopFileError(f"cannot read the shop file {file}: {what}")
        return cls._from(read_yaml(file, ShopFileError), file, file.parent)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any], root: str | os.PathLike[str] = ".") -> Shop:
        """Validates a shop given as the mapping that its YAML would hold.

        Args:
            mapping: as in a shop file.
            root: what a relative or absent `root` in the mapping is relative to.
        """
        return cls._from(mapping, None, Path(root).absolute())

    @classmethod
    def of(cls, given: str | os.PathLike[str] | Shop | Mapping[str, Any]) -> Shop:
        """The shop that is given: by its file, by the mapping that a shop file would hold (paths
        relative to the working folder), or as it is.

        Raises:
            ShopFileError: as `from_file` and `from_dict`.
        """
        if isinstance(given, Shop):
            return given
        return cls.from_dict(given) if isinstance(given, Mapping) else cls.from_file(given)

    def to_dict(self) -> dict[str, Any]:
        """The mapping of an equal shop: `Shop.from_dict(shop.to_dict())`."""
        out: dict[str, Any] = {"root": str(self.root)}
        if self.events is not None:
            out["events"] = self.events.to_dict()
        for key in ("items", "users"):
            table: TableSpec | None = getattr(self, key)
            if table is not None:
                out[key] = table.to_dict()
        for key in ("knowledge", "reviews", "queries"):
            spec: KnowledgeSpec | ReviewSpec | QuerySpec | None = getattr(self, key)
            if spec is not None:
                out[key] = spec.to_dict()
        files = {
            "allow": [str(folder) for folder in self.allowed],
            "private_hosts": list(self.private_hosts),
        }
        if any(files.values()):
            out["files"] = {key: value for key, value in files.items() if value}
        if self.checks:
            out["checks"] = dict(self.checks)
        return out

    def __str__(self) -> str:
        return str(self.file) if self.file else "the shop"

    @classmethod
    def _from(cls, mapping: Any, file: Path | None, folder: Path) -> Shop:
        form = checked(ShopForm, mapping, str(file or "the shop"), ShopFileError)
        root = folder if form.root is None else folder / Path(form.root).expanduser()
        root = Path(os.path.normpath(root))
        files = form.files or FilesForm()
        allowed = tuple(
            Path(os.path.normpath(root / Path(one).expanduser())) for one in files.allow or ()
        )
        hosts = tuple(files.private_hosts or ())
        items, users = form.tables()
        events = None if form.events is None else form.events.spec()
        others = {
            key: None if (section := getattr(form, key)) is None else section.spec()
            for key in ("knowledge", "reviews", "queries")
        }
        return cls(file, root, items, events, users, form.checks, allowed, hosts, **others)
