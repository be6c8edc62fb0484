"""`tfmm shop`: opens a storefront on exported models."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Literal

import typer

from tfmm.commands.asked import recognizer_of, voice_in
from tfmm.commands.browser import open_in_browser
from tfmm.commands.command import Command
from tfmm.commands.options import Debug, a_port, argument, option

app = typer.Typer()


@app.command(cls=Command, help="open a storefront on exported models")
def shop(
    context: typer.Context,
    models: Annotated[Path | None, argument("MODELS", "the folder of all models")] = None,
    server: Annotated[
        str | None,
        option(
            "--server",
            metavar="HOST:PORT",
            help="ask the models of this server instead of serving the folder",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        option(
            "--model",
            metavar="NAME",
            help="a model to show; may be given several times (default: all of the folder)",
        ),
    ] = None,
    transport: Annotated[
        Literal["grpc", "rest"], option("--transport", help="to the server (grpc)")
    ] = "grpc",
    shop: Annotated[
        Path | None,
        option(
            "--shop",
            metavar="SHOP.yaml",
            help="whose pictures and texts to show (default: the file that a model's card names)",
        ),
    ] = None,
    voice: Annotated[str | None, voice_in("recordings")] = None,
    faq: Annotated[
        Path | None,
        option("--faq", metavar="FILE.csv", help="questions and answers for the chat panel"),
    ] = None,
    title: Annotated[
        str | None, option("--title", metavar="TITLE", help="the shop's name on the page")
    ] = None,
    reviews: Annotated[
        Path | None,
        option(
            "--reviews",
            metavar="FILE.parquet",
            help="what shoppers say of the items, as tfmm reviews wrote it",
        ),
    ] = None,
    host: Annotated[
        str, option("--host", metavar="HOST", help="address to listen on (127.0.0.1)")
    ] = "127.0.0.1",
    port: Annotated[
        int, option("--port", metavar="PORT", help="0 takes a free one (8600)", check=a_port)
    ] = 8600,
    no_browser: Annotated[
        bool, option("--no-browser", help="open no browser, where there is one")
    ] = False,
    debug: Debug = False,
) -> None:
    from tfmm.commands.first_session import start_session_quietly
    from tfmm.storefront import Storefront

    if models is None and not (server and model):
        context.fail("give MODELS, the folder of all models, or --server with --model")
    if server is None and not debug:
        start_session_quietly()
    storefront = Storefront(
        models,
        server=server,
        names=model or (),
        transport=transport,
        shop=shop,
        recognizer=None if voice is None else recognizer_of(voice),
        faq=faq,
        host=host,
        port=port,
        title=title,
        reviews=reviews,
        say=lambda line: print(line, flush=True),
    )
    with storefront:
        asked_to_stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked_to_stop.set())
        print(f"the storefront is at {storefront.url} (Ctrl-C stops it)", flush=True)
        if not no_browser:
            open_in_browser(storefront.url)
        asked_to_stop.wait()
