"""A site on this machine that answers as a test says, and counts what it is asked."""

from __future__ import annotations

import asyncio
import io
import threading
from collections import Counter

import numpy as np
import pytest
import yaml
from aiohttp import web
from PIL import Image

from tfmm.data.fetch import Limits

#: Quick where nothing is wrong, and soon done where something is.
QUICK = Limits(connect=2.0, read=0.4, backoff=0.01, longest_wait=2.0)


def picture(seed=0, side=16, form="JPEG"):
    """The bytes of a picture of noise."""
    noise = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, form)
    return file.getvalue()


class Site:
    """A server in a thread.

    Attributes:
        pages: by path, the bytes of a picture, or a coroutine function of the request.
        robots: what robots.txt says; None answers 404.
        asked: how often each path was asked for.
        requests: path and headers of each, in order.
        most: how many were answered at once at most.
    """

    def __init__(self):
        self.pages, self.robots, self.asked, self.requests = {}, None, Counter(), []
        self.open = self.most = self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def at(self, path):
        return f"http://{self.host}{path}"

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.port = runner.addresses[0][1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _answer(self, request):
        path = request.path_qs if request.path_qs in self.pages else request.path
        self.asked[path] += 1
        if path == "/robots.txt":
            text = self.robots
            return web.Response(status=404) if text is None else web.Response(text=text)
        self.requests.append((path, dict(request.headers)))
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            page = self.pages.get(path)
            if page is None:
                return web.Response(status=404)
            if isinstance(page, bytes):
                return web.Response(body=page, content_type="image/jpeg")
            return await page(request)
        finally:
            self.open -= 1


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setenv("TFMM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TFMM_OFFLINE", raising=False)
    with Site() as made:
        yield made


@pytest.fixture
def shop_at(tmp_path, site):
    """Writes a shop of pictures at addresses, a row for each cell; its file."""

    folder = tmp_path / "läden 店"

    def made(*cells, hosts=None, **feature):
        folder.mkdir(exist_ok=True)
        rows = "".join('p%d,"%s"\n' % entry for entry in enumerate(cells))  # noqa: UP031
        (folder / "items.csv").write_text("id,photo\n" + rows, encoding="utf-8")
        events = "".join(f"u{n},p{n},2020-01-01\n" for n in range(len(cells)))
        (folder / "events.csv").write_text("user,item,when\n" + events, encoding="utf-8")
        feature = feature or {"column": "photo"}
        shop = {
            "items": {
                "table": "items.csv",
                "id": "id",
                "features": {"photo": {"kind": "image", **feature}},
            },
            "events": {"table": "events.csv", "user": "user", "item": "item", "time": "when"},
            "files": {"private_hosts": [site.host] if hosts is None else hosts},
        }
        file = folder / "shop.yaml"
        file.write_text(yaml.safe_dump(shop, allow_unicode=True), encoding="utf-8")
        return file

    return made
