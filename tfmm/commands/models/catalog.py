"""`tfmm catalog`: writes what clients search by keywords and by voice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, ShopFile, option

app = typer.Typer()


@app.command(cls=Command, help="write what clients search by keywords and by voice")
def catalog(
    shop: ShopFile,
    out: Annotated[Path, option("--out", metavar="FILE.parquet")],
    title: Annotated[
        str | None,
        option("--title", metavar="FEATURE", help="what names an item (the first text)"),
    ] = None,
    voice: Annotated[
        Path | None,
        option("--voice", metavar="DIR", help="write a recogniser of the titles' words too"),
    ] = None,
    debug: Debug = False,
) -> None:
    from tfmm.data.search_catalog import SearchCatalog

    catalog = SearchCatalog.from_shop(shop, title=title)
    print(f"wrote {catalog.save(out)}: {len(catalog):,} items")
    if voice is not None:
        from tfmm.serving.ask.voice import SphinxRecognizer

        SphinxRecognizer.from_catalog(catalog, voice)
        about = json.loads((voice / "about.json").read_text(encoding="utf-8"))
        print(
            f"wrote {voice}: a recogniser of {about['words']:,} words, "
            f"{about['by_rule']:,} of them said by rule"
        )
