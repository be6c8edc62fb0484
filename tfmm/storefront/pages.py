"""The addresses of the storefront and what answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import MultiMapping

from tfmm.serving.server.errors import ServingError
from tfmm.storefront.chat import read_turn
from tfmm.storefront.errors import errors_as_json, told
from tfmm.storefront.opinions import Opinions
from tfmm.storefront.pictures import SIDES, PictureError, picture_jpeg
from tfmm.storefront.question import QuestionError, read_question
from tfmm.storefront.security import add_headers, only_local_names
from tfmm.storefront.served_model import ServedModel

#: The largest picture or recording that is taken, with what goes with it.
MAX_REQUEST_BYTES = 24 << 20
_STATIC = Path(__file__).with_name("static")
_BROWSED, _SHOPPERS = 24, 20


class Pages:
    """Answers the page's requests about some models.

    Args:
        models: by name, in the order in which they are shown.
        title: the shop's name.
        opinions: what shoppers say of the items.
    """

    def __init__(self, models: Mapping[str, ServedModel], title: str, opinions: Opinions):
        self._models = models
        self._opinions = opinions
        self._title = title

    def app(self, host: str) -> web.Application:
        """The application, to be served at the address `host`."""
        app = web.Application(
            middlewares=[errors_as_json, only_local_names(host)],
            client_max_size=MAX_REQUEST_BYTES,
        )
        app.on_response_prepare.append(add_headers)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/api/shop", self._shop),
                web.get("/api/{model}/facets", self._facets),
                web.get("/api/{model}/browse", self._browse),
                web.get("/api/{model}/item", self._item),
                web.get("/api/{model}/picture", self._picture),
                web.get("/api/{model}/shoppers", self._shoppers),
                web.get("/api/{model}/past", self._past),
                web.post("/api/{model}/ask", self._ask),
                web.post("/api/{model}/chat", self._chat),
                web.static("/static", _STATIC),
            ]
        )
        return app

    async def _page(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(_STATIC / "index.html")

    async def _shop(self, request: web.Request) -> web.Response:
        models = await asyncio.gather(*map(self._about, self._models))
        return web.json_response({"title": self._title, "models": models})

    async def _about(self, name: str) -> dict[str, Any]:
        """What a model can, or why it does not answer."""
        model = self._models[name]
        known = await model.known()
        about = {"name": name, "shoppers": len(known.shoppers), "items": len(known.items.catalog)}
        try:
            return {**about, **await model.abilities()}
        except ServingError as error:
            _, kind, message = told(error)
            return {**about, "error": {"kind": kind, "message": message}}

    async def _facets(self, request: web.Request) -> web.Response:
        known = await self._model(request).known()
        facets = await asyncio.to_thread(known.items.facets, _allow(request))
        return web.json_response({"facets": facets})

    async def _browse(self, request: web.Request) -> web.Response:
        known, start = await self._model(request).known(), _whole(request, "start")

        def found() -> dict[str, Any]:
            ids, total = known.items.browse(_allow(request), start, _BROWSED)
            return {"hits": [known.items.card(item) for item in ids], "total": total}

        return web.json_response(await asyncio.to_thread(found))

    async def _item(self, request: web.Request) -> web.Response:
        known = await self._model(request).known()
        item = _text(request, "id")
        return web.json_response({**known.items.page(item), "opinions": self._opinions.of(item)})

    async def _picture(self, request: web.Request) -> web.Response:
        model = self._model(request)
        known, folders = await model.known(), model.showcase.folders
        paths = known.items.pictures(_text(request, "id"))
        place, side = _whole(request, "number"), _whole(request, "side", SIDES[0])
        if side not in SIDES:
            raise QuestionError(f"side: expected {' or '.join(map(str, SIDES))}, got {side}.")
        if folders is None or place >= len(paths):
            raise PictureError("There is no such picture.")
        content = await asyncio.to_thread(picture_jpeg, paths[place], folders, side)
        return web.Response(
            body=content,
            content_type="image/jpeg",
            headers={"Cache-Control": "private, max-age=600"},
        )

    async def _shoppers(self, request: web.Request) -> web.Response:
        known = await self._model(request).known()
        part = request.query.get("part", "").strip()
        found = await asyncio.to_thread(known.shoppers.find, part, _SHOPPERS)
        return web.json_response({"shoppers": found})

    async def _past(self, request: web.Request) -> web.Response:
        known = await self._model(request).known()
        past = await asyncio.to_thread(known.shoppers.past, _text(request, "shopper"))
        return web.json_response({"hits": [known.items.card(item) for item in past]})

    async def _ask(self, request: web.Request) -> web.Response:
        model = self._model(request)
        question = read_question(await self._form(request))
        return web.json_response(await model.answer(question))

    async def _chat(self, request: web.Request) -> web.Response:
        model = self._model(request)
        turn = read_turn(await self._form(request))
        known = await model.known()
        return web.json_response(await asyncio.to_thread(model.chat.answer, turn, known))

    @staticmethod
    async def _form(request: web.Request) -> MultiMapping[object]:
        try:
            return await request.post()
        except (HttpProcessingError, LookupError) as error:
            raise QuestionError(f"The form cannot be read: {error}") from None

    def _model(self, request: web.Request) -> ServedModel:
        name = request.match_info["model"]
        if name not in self._models:
            raise web.HTTPNotFound(
                text=f"There is no model {name!r} here; there are: {', '.join(self._models)}."
            )
        return self._models[name]


def _allow(request: web.Request) -> list[str]:
    return request.query.getall("allow", [])


def _text(request: web.Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise QuestionError(f"{name}: expected an id, got none.")
    return value


def _whole(request: web.Request, name: str, default: int = 0) -> int:
    value = request.query.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise QuestionError(f"{name}: expected a whole number from 0, got {value!r}.")
    return int(value)
