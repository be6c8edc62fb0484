"""What `tfmm search` and `tfmm evaluate` share: which model is asked, and with which catalogue."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tfmm.commands.options import argument, option

if TYPE_CHECKING:
    from tfmm.data.search_catalog import SearchCatalog
    from tfmm.serving.ask.hybrid import Hybrid
    from tfmm.serving.ask.voice import Recognizer
    from tfmm.serving.client.client import Client

ModelAt = Annotated[
    str,
    argument("MODEL", "host:port/NAME of a served model, or the folder of an export or run"),
]
ModelName = Annotated[
    str | None,
    option("--model", metavar="MODEL", help="the model's name, where MODEL leaves it open"),
]
Transport = Annotated[Literal["grpc", "rest"], option("--transport")]
CatalogFile = Annotated[
    Path | None, option("--catalog", metavar="FILE.parquet", help="of `tfmm catalog`")
]
ShopInstead = Annotated[
    Path | None, option("--shop", metavar="SHOP.yaml", help="the shop file instead")
]
Weight = Annotated[
    float | None,
    option(
        "--weight",
        metavar="WEIGHT",
        help="of keywords beside the model, 0 to 1, given a catalogue",
    ),
]


@dataclass(frozen=True)
class Asked:
    """The model that is asked and what its answers are mixed with.

    Attributes:
        at: host:port/NAME, or a folder.
        name: the model's name, where `at` leaves it open.
        transport: for an address; a folder is served in this process.
        catalog: the file of `tfmm catalog`; without it and `shop`, the one beside the model.
        shop: the shop file.
        weight: of keywords beside the model; None for the hybrid's own.
    """

    at: str
    name: str | None
    transport: str
    catalog: Path | None
    shop: Path | None
    weight: float | None

    def find_catalog(self) -> SearchCatalog | None:
        """The catalogue, where one was given or stands beside the model."""
        from tfmm.data.search_catalog import SearchCatalog
        from tfmm.serving.server.open_model import find_catalog

        if self.catalog is not None:
            return SearchCatalog.load(self.catalog)
        if self.shop is not None:
            return SearchCatalog.from_shop(self.shop)
        file = find_catalog(self.at, self.name)
        return None if file is None else SearchCatalog.load(file)

    def hybrid(self, catalog: SearchCatalog | None) -> Hybrid | None:
        """The mixture with keywords; None without a catalogue or at weight 0."""
        from tfmm.serving.ask.hybrid import Hybrid

        if catalog is None or self.weight == 0:
            return None
        return Hybrid(catalog) if self.weight is None else Hybrid(catalog, weight=self.weight)

    def open(self) -> AbstractContextManager[Client]:
        """A client of the model."""
        from tfmm.serving.server.open_model import open_model

        transport = {} if self.in_folder else {"transport": self.transport}
        return open_model(self.at, self.name, **transport)

    @property
    def in_folder(self) -> bool:
        """Whether the model is served in this process."""
        return Path(self.at).is_dir()


def voice_in(what: str) -> Any:
    """The option `--voice`, which `recognizer_of` reads."""
    return option(
        "--voice",
        metavar="DIR|PRESET",
        help=f"hear words in {what}: a folder of `tfmm catalog --voice`, or a keras-hub preset",
    )


def recognizer_of(voice: str) -> Recognizer:
    """The recogniser in a folder of `tfmm catalog --voice`, or of a keras-hub preset.

    Raises:
        ModuleNotFoundError: what it needs is not installed.
    """
    from tfmm.serving.ask.voice import HubRecognizer, SphinxRecognizer

    here = Path(voice)
    sphinx = here.is_dir() and not (here / "config.json").is_file()
    return SphinxRecognizer(here) if sphinx else HubRecognizer(voice)
