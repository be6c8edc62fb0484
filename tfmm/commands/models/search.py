"""`tfmm search`: asks a model by words, a picture or sound, and shows the hits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfmm.commands.asked import (
    Asked,
    CatalogFile,
    ModelAt,
    ModelName,
    ShopInstead,
    Transport,
    Weight,
    recognizer_of,
    voice_in,
)
from tfmm.commands.command import Command
from tfmm.commands.options import Debug, at_least_1, option

if TYPE_CHECKING:
    from tfmm.data.search_catalog import SearchCatalog
    from tfmm.serving.client.hits import Hits

app = typer.Typer()

_FACET_VALUES = 6


@app.command(cls=Command, help="ask a model by words, a picture or sound")
def search(
    context: typer.Context,
    model_at: ModelAt,
    model: ModelName = None,
    transport: Transport = "grpc",
    catalog: CatalogFile = None,
    shop: ShopInstead = None,
    weight: Weight = None,
    text: Annotated[str | None, option("--text", metavar="TEXT", help="words")] = None,
    image: Annotated[
        str | None,
        option("--image", metavar="FILE", help="a picture; with --text: like this, but …"),
    ] = None,
    audio: Annotated[
        str | None, option("--audio", metavar="FILE", help="sound, or speech with --voice")
    ] = None,
    voice: Annotated[str | None, voice_in("the sound")] = None,
    allow: Annotated[
        list[str] | None, option("--allow", metavar="FEATURE=VALUE", help="may repeat")
    ] = None,
    k: Annotated[int, option("--k", metavar="K", help="hits to show (10)", check=at_least_1)] = 10,
    page: Annotated[
        Path | None, option("--page", metavar="FILE.html", help="write the hits as a page")
    ] = None,
    debug: Debug = False,
) -> None:
    from tfmm.commands.first_session import start_session_quietly
    from tfmm.serving.client.hits import Hits

    asked = Asked(model_at, model, transport, catalog, shop, weight)
    if asked.in_folder and not debug:
        start_session_quietly()
    if not (text or image or audio):
        context.fail("expected a query: --text, --image, --audio, or several of them")
    known = asked.find_catalog()
    if voice is not None:
        if not audio:
            context.fail("--voice turns --audio into words: give --audio too")
        text = " ".join(filter(None, [text, _words_in(audio, voice)]))
    elif audio and (text or image):
        context.fail("--audio beside --text or --image is asked as words: give --voice too")
    question: dict[str, Any] = {"text": text, "image": image}
    if audio and voice is None:
        question = {"audio": audio}
    hybrid = asked.hybrid(known) if text and not image else None
    with asked.open() as client:
        found = client.search(**question, allow=allow or [], hybrid=hybrid)
    assert isinstance(found, Hits)
    hits = Hits(found.item_id[:k], found.score[:k])
    _print(hits, found, known)
    if page is not None:
        print(f"wrote {_page(page, text, image, hits, known)}")
        if known is None or not any(known.pictures):
            print("It has no pictures: give the shop file (--shop) for a page that shows them.")


def _words_in(audio: str, voice: str) -> str:
    heard = recognizer_of(voice).text(audio)
    print(f"heard: {heard or 'nothing'}")
    if not heard:
        raise ValueError(f"{audio}: no words were heard: is it speech, and loud enough?")
    return heard


def _print(hits: Hits, found: Hits, catalog: SearchCatalog | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table("", "item", "score", "title", box=None, pad_edge=False)
    for place, (item, score) in enumerate(hits, start=1):
        title = "" if catalog is None else catalog.title(item).split("\n")[0]
        table.add_row(str(place), escape(item), f"{score:.4f}", escape(title))
    console.print(table if len(hits) else "nothing found")
    if catalog is not None and len(found):
        for name, counts in catalog.facet_counts(found.item_id).items():
            some = list(counts.items())[:_FACET_VALUES]
            more = f" and {len(counts) - len(some)} more" if len(counts) > len(some) else ""
            line = ", ".join(f"{value} {count}" for value, count in some)
            console.print(f"{escape(name)} of {len(found)} hits: {escape(line)}{more}")


def _page(
    file: Path, text: str | None, image: str | None, hits: Hits, catalog: SearchCatalog | None
) -> Path:
    from tfmm.commands.demo.page import write_page
    from tfmm.evaluation.html.shelves import Card, Section, Shelf
    from tfmm.serving.ask.query_picture import query_picture

    with tempfile.TemporaryDirectory() as folder:
        picture = None
        if image:
            picture = Path(folder) / "asked.jpg"
            picture.write_bytes(query_picture(image))
        given = [Card(text or "this picture", picture)]
        cards = [
            Card(
                item if catalog is None else catalog.title(item),
                None if catalog is None else catalog.picture(item),
                f"{item} · {score:.3f}",
            )
            for item, score in hits
        ]
        shelf = Shelf(text or "a picture", given, cards)
        section = Section("", "", "asked", "found, best first", [shelf])
        words = f"{len(hits)} hits for {text or 'a picture'}"
        return write_page(file, "Search", words, [section])
