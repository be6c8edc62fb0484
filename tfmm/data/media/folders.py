"""The folders that the files which tables name may lie in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tfmm.data.fetch.spelling import is_address
from tfmm.data.files import cache_folder
from tfmm.data.shop_file.path_templates import template_parts

if TYPE_CHECKING:
    from tfmm.data.shop_file.schema import Shop


class Folders:
    """Tells whether a file may be read, with links followed: a table is not trusted as the shop
    file is, and a cell may name any file of the machine.

    ```python
    from tfmm.data.media.folders import Folders

    Folders("/shop", ["/data/pictures"]).hold("/shop/images/../../etc/hostname")  # False
    ```

    Args:
        root: the shop's folder.
        others: folders that the shop file allows beside it.
    """

    def __init__(
        self, root: str | os.PathLike[str], others: Iterable[str | os.PathLike[str]] = ()
    ) -> None:
        self.root = os.fspath(root)
        #: Where files at addresses are once they were fetched; cells do not lead there.
        self._fetched = os.path.realpath(cache_folder() / "fetched")
        self._held = tuple(dict.fromkeys(os.path.realpath(one) for one in (root, *others)))
        #: The place of each folder that files were looked for in, which are few beside the files.
        self._real: dict[str, str] = {}

    @classmethod
    def of(cls, shop: Shop) -> Folders:
        """Those of a shop: its root, what it allows, and what its templates of paths begin with."""
        tables = [table for table in (shop.items, shop.users) if table is not None]
        templates = [
            template
            for table in tables
            for feature in table.features.values()
            for template in feature.paths
            if not is_address(template)
        ]
        named = {os.path.dirname(template_parts(template)[0][0]) for template in templates}
        # A template that is a column but for its slash leaves all to the cells.
        written = [shop.root / folder for folder in sorted(named) if folder.strip(os.sep)]
        return cls(shop.root, (*shop.allowed, *written))

    def real(self, path: str) -> str:
        """Where a path leads once links are followed, be there a file or not."""
        folder, name = os.path.split(path)
        if name in ("", ".", ".."):
            return os.path.realpath(path)
        if folder not in self._real:
            self._real[folder] = os.path.realpath(folder)
        place = os.path.join(self._real[folder], name)
        return os.path.realpath(place) if os.path.islink(place) else place

    def hold(self, path: str | os.PathLike[str]) -> bool:
        """Whether a path, links followed, lies in one of the folders, or was fetched."""
        real = self.real(os.fspath(path))
        return self._hold(real) or real.startswith(self._fetched + os.sep)

    def find(self, name: str) -> tuple[str, bool]:
        """Where a name of a cell leads.

        Args:
            name: a path, relative to the root.

        Returns:
            The file's path, "" where there is none; and whether it may be read. Of a name that
            leads out of the folders it is the place that it leads to, be there a file or not.
        """
        path = os.path.join(self.root, name)
        try:
            place = self.real(path)
            if not self._hold(place):
                return place, False
            return (path if stat.S_ISREG(os.stat(place).st_mode) else ""), True
        # No such file; or a name that no file can have, with a NUL for instance.
        except (OSError, ValueError):
            return "", True

    def shown(self, folder: str) -> str:
        """A folder as a shop file may name it: relative to the root where that is shorter."""
        return min(os.path.relpath(folder, self._held[0]), folder, key=len)

    def _hold(self, real: str) -> bool:
        return any(
            real == folder or real.startswith(folder.rstrip(os.sep) + os.sep)
            for folder in self._held
        )
