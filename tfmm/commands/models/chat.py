"""`tfmm chat`: talks with the assistant over exported models, in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfmm.commands.asked import (
    Asked,
    CatalogFile,
    ModelAt,
    ModelName,
    ShopInstead,
    Transport,
    recognizer_of,
    voice_in,
)
from tfmm.commands.command import Command
from tfmm.commands.options import Debug, at_least_1, option

app = typer.Typer()


@app.command(cls=Command, help="talk with a shopping assistant over exported models")
def chat(
    model_at: ModelAt,
    model: ModelName = None,
    transport: Transport = "grpc",
    catalog: CatalogFile = None,
    shop: ShopInstead = None,
    understand: Annotated[
        str | None,
        option(
            "--understand",
            metavar="MODEL",
            help="the model of task: dialogue beside it (default: in a folder, the first there)",
        ),
    ] = None,
    faq: Annotated[
        Path | None,
        option("--faq", metavar="FILE.csv", help="the shop's questions and answers"),
    ] = None,
    reviews: Annotated[
        Path | None, option("--reviews", metavar="FILE.parquet", help="of `tfmm reviews`")
    ] = None,
    shopper: Annotated[
        str, option("--shopper", metavar="ID", help="whom recommendations are for")
    ] = "",
    state: Annotated[
        Path | None,
        option("--state", metavar="FILE.json", help="go on with what /save wrote"),
    ] = None,
    wording: Annotated[
        str | None,
        option("--wording", metavar="PRESET", help="a keras-hub language model words the answers"),
    ] = None,
    voice: Annotated[str | None, voice_in("the files of /audio")] = None,
    shown: Annotated[
        int, option("--shown", metavar="N", help="products a list shows (6)", check=at_least_1)
    ] = 6,
    debug: Debug = False,
) -> None:
    from tfmm.commands.first_session import start_session_quietly
    from tfmm.commands.models.chat_terminal import Terminal
    from tfmm.serving.assistant import State
    from tfmm.serving.assistant.open_assistant import open_assistant

    asked = Asked(model_at, model, transport, catalog, shop, None)
    if asked.in_folder and not debug:
        start_session_quietly()
    options = {}
    if wording is not None:
        from tfmm.serving.assistant.wording.hub_wording import HubWording

        options["wording"] = HubWording(wording)
    with open_assistant(
        model_at,
        model,
        understand=understand,
        catalog=asked.find_catalog() if catalog or shop else None,
        transport=transport,
        faq=faq,
        reviews=reviews,
        recognizer=None if voice is None else recognizer_of(voice),
        shopper=shopper,
        state=None if state is None else State.load(state),
        shown=shown,
        **options,
    ) as assistant:
        Terminal(assistant).talk()
