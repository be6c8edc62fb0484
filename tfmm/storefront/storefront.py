"""The storefront's own server, in a thread: a page over models of one server."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tfmm.data.shop import ShopData, load
from tfmm.data.shop_file.specs import ShopFileError
from tfmm.serving.ask.voice.recognizer import Recognizer
from tfmm.serving.assistant import Faq, Reviews
from tfmm.serving.client.async_client import AsyncClient
from tfmm.serving.client.client import Client
from tfmm.serving.server.errors import ServingConfigError
from tfmm.storefront.chat import Chat
from tfmm.storefront.export_files import model_names, newest_version, shop_file_of
from tfmm.storefront.opinions import Opinions
from tfmm.storefront.pages import Pages
from tfmm.storefront.served_model import ServedModel
from tfmm.storefront.showcase import Showcase

_TIMEOUT_SECONDS = 20.0
_GRACE_SECONDS = 5.0


class Storefront:
    """A page that searches, browses and compares models, at `url` inside the block.

    ```python
    with Storefront("models", port=0) as storefront:
        print(storefront.url)
    ```

    Args:
        models: the folder of all models, which tells their items and shoppers. It is served by the
            embedded server, unless `server` is given.
        server: `host:port` of a server that serves the models already.
        names: the models to show; those of the folder by default.
        transport: "grpc" or "rest", to `server`.
        shop: a shop file, for pictures, numbers and texts of the items and what shoppers looked
            at; by default the one that a model's card names, where it is on this machine.
        recognizer: hears the words of recordings; without it they are asked as sound.
        faq: the shop's questions and answers, a CSV file, for the assistant of the chat panel.
        host: address to listen on. The default takes requests from this machine only.
        port: 0 takes a free one.
        title: the shop's name on the page; by default that of the shop's folder.
        reviews: what shoppers say of the items, the file that `tfmm reviews` wrote: shown on their
            pages, and what the assistant answers from.
        say: gets a line about what is shown with what.

    Raises:
        ServingConfigError: there is nothing to show, or a folder, server or port cannot be used.
        ShopFileError: the shop file cannot be used as written.
        OSError: the folder or a file cannot be read.
        FaqError: the file of questions and answers holds something else.
    """

    def __init__(
        self,
        models: str | os.PathLike[str] | None = None,
        *,
        server: str | None = None,
        names: Sequence[str] = (),
        transport: str = "grpc",
        shop: str | os.PathLike[str] | None = None,
        recognizer: Recognizer | None = None,
        faq: str | os.PathLike[str] | None = None,
        host: str = "127.0.0.1",
        port: int = 8600,
        title: str | None = None,
        reviews: str | os.PathLike[str] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ):
        self._folder = None if models is None else Path(models)
        self._server = server
        self._names = list(dict.fromkeys(names)) or self._found_names()
        self._transport = transport
        self._shop_file = None if shop is None else Path(shop)
        self._recognizer = recognizer
        self._faq = None if faq is None else Faq.load(faq)
        self._host = host
        self._port = port
        self._title = title
        self._reviews = reviews
        self._say = say
        self._shops: dict[Path, ShopData | None] = {}
        self._closing = ExitStack()

    def start(self) -> Self:
        """Serves the models where no server does, and listens.

        Raises:
            ServingConfigError, ShopFileError, OSError: as the class says.
        """
        try:
            return self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Takes no more requests and closes everything. Calling it again is fine."""
        self._closing.close()

    @property
    def url(self) -> str:
        """Where the page is."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/"

    def _start(self) -> Self:
        opinions = Opinions(self._reviews)
        if self._reviews is not None:
            self._say(f"{self._reviews}: what shoppers say of {len(opinions):,} items")
        self._chat = {"faq": self._faq, "reviews": Reviews.of_rows(opinions.rows())}
        showcases = {name: self._showcase(name) for name in self._names}
        address = self._server or self._serve()
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="tfmm-storefront", daemon=True)
        thread.start()

        def end() -> None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

        self._closing.callback(end)

        def on_loop(work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result()

        models = on_loop(self._connect(address, showcases))
        self._closing.callback(lambda: on_loop(_close(models)))
        pages = Pages(models, self._title or self._shop_title(), opinions)
        runner = web.AppRunner(
            pages.app(self._host), access_log=None, shutdown_timeout=_GRACE_SECONDS
        )
        self._closing.callback(lambda: on_loop(runner.cleanup()))
        on_loop(self._listen(runner))
        return self

    def _found_names(self) -> list[str]:
        if self._folder is None:
            raise ServingConfigError(
                "There is nothing to show: give the folder of all models, or with a server the "
                "models' names."
            )
        names = model_names(self._folder) if self._folder.is_dir() else []
        if not names:
            raise ServingConfigError(
                f"The models folder {self._folder} holds no version of any model: expected "
                f"{self._folder}/NAME/1/saved_model.pb, as `tfmm export RUN --out {self._folder}` "
                "writes it."
            )
        return names

    def _serve(self) -> str:
        from tfmm.serving.server.server import Server

        if self._folder is None:
            raise ServingConfigError(
                f"The models {', '.join(self._names)} are on no server: give its address, or the "
                "folder of all models."
            )
        server = Server(self._folder, grpc_port=0, rest_port=0)
        self._closing.enter_context(server)
        for line in server.not_served:
            self._say(f"not served: {line}")
        lost = [name for name in self._names if name not in server.model_names]
        if lost and len(lost) == len(self._names):
            raise ServingConfigError(f"{self._folder} serves no model {' or '.join(lost)}.")
        self._transport = "grpc"
        return server.grpc_address

    def _showcase(self, name: str) -> Showcase:
        model = None if self._folder is None else self._folder / name
        version = None if model is None else newest_version(model)
        file = self._shop_file
        if file is None and version is not None:
            file = shop_file_of(version)
        shop = None if file is None else self._shop(file.resolve())
        shown = "their ids" if version is None else "what the export holds, without pictures"
        where = shown if shop is None else str(file)
        self._say(f"{name}: items shown by {where}")
        return Showcase(model, shop)

    def _shop(self, file: Path) -> ShopData | None:
        """A loaded shop; None for one that a card names and that is another by now."""
        if file not in self._shops:
            try:
                self._shops[file] = load(file, verify_media=False)
            except (ShopFileError, ValueError, OSError) as error:
                if self._shop_file is not None:
                    raise
                self._say(f"{file} is not read: {error}")
                self._shops[file] = None
        return self._shops[file]

    def _shop_title(self) -> str:
        shop = next((shop for shop in self._shops.values() if shop is not None), None)
        named = self._names[0] if shop is None else shop.shop.root.name
        return named.replace("_", " ").strip().capitalize()

    async def _connect(self, address: str, showcases: dict[str, Showcase]) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "transport": self._transport,
            "timeout": _TIMEOUT_SECONDS,
            "retries": 1,
        }
        return {
            name: ServedModel(
                AsyncClient(address, name, **settings),
                showcase,
                Chat(partial(Client, address, name, **settings), self._chat),
                self._recognizer,
            )
            for name, showcase in showcases.items()
        }

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            raise ServingConfigError(
                f"The storefront cannot listen on {self._host}:{self._port}: "
                f"{error.strerror or error}. Choose another --port, or 0 for any free one."
            ) from None
        self._port = runner.addresses[0][1]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


async def _close(models: dict[str, ServedModel]) -> None:
    for model in models.values():
        await asyncio.to_thread(model.chat.close)
    await asyncio.gather(*(model.client.close() for model in models.values()))
