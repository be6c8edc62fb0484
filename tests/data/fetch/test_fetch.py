"""Files at addresses come into the cache once, politely, and whole."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from aiohttp import web

from tests.data.fetch.conftest import QUICK, Site, picture
from tfmm.commands.main import main
from tfmm.data import load
from tfmm.data.fetch import Addresses, FetchError, fetch
from tfmm.data.media.images import decode_image
from tfmm.data.shop_file.schema import Shop


def finding(data, check="unfetched_files"):
    (one,) = [found for found in data.report.findings if found.check == check]
    return one


def failed(site, file, path, limits=QUICK):
    """Why one address failed."""
    return fetch(file, limits).failed[site.at(path)]


def pixels(data, row):
    return decode_image(data.items.features["photo"].paths[row][0])


def test_pictures_are_fetched_once_and_read(site, shop_at):
    site.pages = {f"/a/{n}.jpg": picture(n) for n in range(3)}
    file = shop_at(*(site.at(f"/a/{n}.jpg?v=12") for n in range(3)), site.at("/a/0.jpg?v=12"))
    before = finding(load(file))
    assert (before.count, before.examples[0]) == (
        4,
        f"p0: {site.at('/a/0.jpg?v=12')}: never fetched",
    )
    assert f"tfmm fetch {os.path.relpath(file)}" in before.detail or str(file) in before.detail
    assert not site.asked
    report = fetch(file, QUICK)
    assert (report.fetched, report.there, report.failed) == (3, 0, {})
    assert report.bytes == sum(map(len, site.pages.values()))
    data = load(file)
    assert data.report.findings == []
    assert data.items.features["photo"].present.tolist() == [True] * 4
    for n in range(3):
        assert data.items.features["photo"].paths[n][0].read_bytes() == site.pages[f"/a/{n}.jpg"]
    assert not np.array_equal(pixels(data, 0), pixels(data, 1))
    assert np.array_equal(pixels(data, 0), pixels(data, 3))
    asked = sum(site.asked.values())
    again = fetch(file, QUICK)
    assert (again.fetched, again.there, sum(site.asked.values())) == (0, 3, asked)
    agent = site.requests[0][1]["User-Agent"]
    assert agent.startswith("tfmm/")
    # The storefront shows what was fetched, and a cell cannot lead there by a path.
    assert data.folders.hold(data.items.features["photo"].paths[0][0])
    assert not data.folders.find(str(data.items.features["photo"].paths[0][0]))[1]


def test_addresses_as_exports_write_them(site, shop_at, tmp_path):
    site.pages = {
        "/盘子/红 1.jpg": picture(1),
        "/w_400,h_300/b.jpg": picture(2),
        "/c.jpg": picture(3),
        "/100%.jpg": picture(4),
        "/d.jpg?sig=a%2Fb+c%3D": picture(5),
    }
    cells = (
        site.at("/盘子/红 1.jpg"),
        f"{site.at('/w_400,h_300/b.jpg')}, {site.at('/c.jpg')}",
        site.at("/100%.jpg#top"),
        site.at("/d.jpg?sig=a%2Fb+c%3D"),
        f"{site.at('/c.jpg')},",
        "",
    )
    file = shop_at(*cells, column="photo", separator=",")
    assert (fetch(file, QUICK).fetched, len(site.pages)) == (5, 5)
    photo = load(file).items.features["photo"]
    assert [len(paths) for paths in photo.paths] == [1, 2, 1, 1, 1, 0]
    assert photo.paths[1][0].read_bytes() == picture(2)


def test_a_template_may_be_an_address(site, shop_at):
    site.pages = {"/p0.jpg": picture(0), "/p1.jpg": picture(1)}
    file = shop_at("", "", path=site.at("/{id}.jpg"))
    assert fetch(file, QUICK).fetched == 2
    assert load(file).items.features["photo"].present.all()


def test_passwords_are_sent_and_not_shown(site, shop_at):
    async def locked(request):
        good = request.headers.get("Authorization") == "Basic YTpzM2NyZXQ="
        return web.Response(status=404 if good else 401)

    site.pages["/a.jpg"] = locked
    file = shop_at(f"http://a:s3cret@{site.host}/a.jpg")
    told = " ".join(fetch(file, QUICK).lines())
    assert "404 Not Found" in told
    assert f"http://…@{site.host}/a.jpg" in told
    assert "s3cret" not in told + str(finding(load(file)))


def test_redirects_are_followed(site, shop_at):
    async def moved(request):
        raise web.HTTPFound("/盘.jpg")

    site.pages = {"/old.jpg": moved, "/盘.jpg": picture()}
    file = shop_at(site.at("/old.jpg"))
    assert fetch(file, QUICK).fetched == 1
    assert load(file).items.features["photo"].paths[0][0].read_bytes() == picture()


def test_redirects_without_an_end_are_left(site, shop_at):
    async def round_and_round(request):
        raise web.HTTPFound(request.path)

    site.pages["/a.jpg"] = round_and_round
    assert failed(site, shop_at(site.at("/a.jpg")), "/a.jpg") == "more than 5 redirects"


def test_redirects_lead_into_no_private_network(site, shop_at):
    with Site() as inner:
        inner.pages["/secret.jpg"] = picture()

        async def number(request):
            raise web.HTTPFound(inner.at("/secret.jpg"))

        async def name(request):
            raise web.HTTPFound(f"http://localhost:{inner.port}/secret.jpg")

        async def file(request):
            raise web.HTTPFound("file:///etc/hostname")

        site.pages = {"/number.jpg": number, "/name.jpg": name, "/file.jpg": file}
        report = fetch(shop_at(*map(site.at, site.pages)), QUICK)
        assert report.fetched == 0
        assert "127.0.0.1 is in a private network" in report.failed[site.at("/number.jpg")]
        assert "localhost is in a private network" in report.failed[site.at("/name.jpg")]
        assert "only http and https" in report.failed[site.at("/file.jpg")]
        assert not inner.asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"])
def test_private_addresses_are_refused_and_may_be_allowed(site, shop_at, host):
    site.pages["/a.jpg"] = picture()
    address = f"http://{host}:{site.port}/a.jpg"
    file = shop_at(address, hosts=["elsewhere.local"])
    report = fetch(file, QUICK)
    (why,) = report.failed.values()
    assert "in a private network" in why
    assert "private_hosts: [" in why
    assert not site.asked
    assert why in finding(load(file)).detail


def test_what_one_shop_may_read_another_does_not_find(site, shop_at):
    site.pages["/a.jpg"] = picture()
    assert fetch(shop_at(site.at("/a.jpg")), QUICK).fetched == 1
    other = shop_at(site.at("/a.jpg"), hosts=["elsewhere.local"])
    assert not load(other).items.features["photo"].present.any()


def test_what_fails_is_told_by_reason_and_tried_again_by_the_command_alone(site, shop_at):
    file = shop_at(site.at("/a.jpg"), site.at("/b.jpg"))
    site.pages["/b.jpg"] = picture()
    report = fetch(file, QUICK)
    assert list(report.lines()) == [
        f"1 fetched ({len(picture()) / 1e6:.1f} MB), 0 there already, 1 failed",
        "1 failed: 404 Not Found",
        f"  {site.at('/a.jpg')}",
    ]
    assert site.asked["/a.jpg"] == 1
    data = load(file, addresses=Addresses(Shop.from_file(file), "new", QUICK))
    assert site.asked["/a.jpg"] == 1
    assert finding(data).examples == (f"p0: {site.at('/a.jpg')}: 404 Not Found",)
    site.pages["/a.jpg"] = picture(1)
    assert fetch(file, QUICK).fetched == 1
    assert load(file).report.findings == []


def test_training_fetches_what_was_never_tried(site, shop_at, monkeypatch, capsys):
    site.pages["/a.jpg"] = picture()
    file = shop_at(site.at("/a.jpg"))
    monkeypatch.setenv("TFMM_OFFLINE", "1")
    assert finding(load(file, addresses=Addresses(Shop.from_file(file), "new"))).count == 1
    assert not site.asked
    monkeypatch.delenv("TFMM_OFFLINE")
    data = load(file, addresses=Addresses(Shop.from_file(file), "new"))
    assert data.items.features["photo"].present.all()
    said = "photo: fetching files at 1 addresses never tried before\n"
    assert capsys.readouterr().err == said
    load(file, addresses=Addresses(Shop.from_file(file), "new"))
    assert capsys.readouterr().err == ""


def test_a_server_that_fails_for_a_moment_is_asked_again(site, shop_at):
    async def soon(request):
        good = site.asked["/a.jpg"] == 3
        return web.Response(
            status=200 if good else 500,
            body=picture() if good else b"",
            content_type="image/jpeg",
        )

    site.pages["/a.jpg"] = soon
    file = shop_at(site.at("/a.jpg"))
    assert fetch(file, QUICK).fetched == 1

    async def never(request):
        return web.Response(status=503)

    site.pages["/b.jpg"] = never
    assert failed(site, shop_at(site.at("/b.jpg")), "/b.jpg") == "503 Service Unavailable"
    assert site.asked["/b.jpg"] == QUICK.tries


def test_a_server_that_asks_to_wait_is_left_alone_so_long(site, shop_at):
    times = []

    async def later(request):
        times.append(time.monotonic())
        if len(times) == 1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response(body=picture(), content_type="image/jpeg")

    site.pages = {"/a.jpg": later, "/b.jpg": later}
    file = shop_at(*map(site.at, site.pages))
    # One at a time, so that both come after the first answer.
    assert fetch(file, replace(QUICK, per_host=1)).fetched == 2
    assert times[1] - times[0] >= 0.95

    async def tomorrow(request):
        return web.Response(status=503, headers={"Retry-After": "86400"})

    site.pages["/c.jpg"] = tomorrow
    why = failed(site, shop_at(site.at("/c.jpg")), "/c.jpg")
    assert why == "503 Service Unavailable; it asks to wait 86,400 s"
    assert site.asked["/c.jpg"] == 1


class Cut:
    """A large picture whose connection is cut, and whose rest can be asked for."""

    def __init__(self, site, cuts=1, etag='"v1"'):
        self.body, self.site, self.cuts, self.etag = picture(9, 320, "PNG"), site, cuts, etag

    async def __call__(self, request):
        begin = 0
        headers = {"ETag": self.etag, "Content-Type": "image/png"}
        if request.headers.get("If-Range") == self.etag:
            begin = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {begin}-{len(self.body) - 1}/{len(self.body)}"
        headers["Content-Length"] = str(len(self.body) - begin)
        response = web.StreamResponse(status=206 if begin else 200, headers=headers)
        await response.prepare(request)
        if self.cuts:
            self.cuts -= 1
            await response.write(self.body[begin : begin + 50_000])
            await asyncio.sleep(0.05)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write(self.body[begin:])
        return response


def test_a_cut_connection_goes_on_where_it_was(site, shop_at):
    site.pages["/a.png"] = page = Cut(site, cuts=2)
    file = shop_at(site.at("/a.png"))
    assert fetch(file, QUICK).fetched == 1
    assert load(file).items.features["photo"].paths[0][0].read_bytes() == page.body
    asked = [headers.get("Range") for _, headers in site.requests]
    assert asked[0] is None
    assert all(one and one != "bytes=0-" for one in asked[1:])
    assert len(asked) == 3


def test_a_file_that_changed_meanwhile_comes_whole(site, shop_at):
    site.pages["/a.png"] = page = Cut(site, cuts=QUICK.tries)
    file = shop_at(site.at("/a.png"))
    assert failed(site, file, "/a.png") == "the connection was cut"
    assert not load(file).items.features["photo"].present.any()
    page.body, page.etag = picture(10, 320, "PNG"), '"v2"'
    assert fetch(file, QUICK).fetched == 1
    assert site.requests[-1][1]["If-Range"] == '"v1"'
    assert load(file).items.features["photo"].paths[0][0].read_bytes() == page.body


def test_what_is_too_large_is_not_taken(site, shop_at):
    async def endless(request):
        response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
        await response.prepare(request)
        await response.write(picture())
        for _ in range(1000):
            await response.write(bytes(1000))
        return response

    site.pages = {"/said.jpg": picture(1, 300), "/endless.jpg": endless}
    limits = replace(QUICK, sizes={"image": 50_000})
    report = fetch(shop_at(*map(site.at, site.pages)), limits)
    assert set(report.failed.values()) == {"it is larger than 0.1 MB"}
    assert len(report.failed) == 2
    assert not [name for _, _, names in os.walk(os.environ["TFMM_CACHE"]) for name in names
                if name.endswith(".part")]  # fmt: skip


def test_what_is_no_picture_is_not_taken(site, shop_at):
    def answers(body, type):
        async def page(request):
            return web.Response(body=body, content_type=type)

        return page

    html = b"<!DOCTYPE html><title>Not here</title>" + b" " * 4000
    site.pages = {
        "/page.jpg": answers(html, "text/html"),
        "/lie.jpg": answers(html, "image/jpeg"),
        "/short.jpg": answers(b"gone", "image/jpeg"),
        "/empty.jpg": answers(b"", "image/jpeg"),
        "/svg.jpg": answers(b"<svg/>", "image/svg+xml"),
        "/untyped": answers(picture(), "application/octet-stream"),
    }
    report = fetch(shop_at(*map(site.at, site.pages)), QUICK)
    assert report.fetched == 1
    wrong = "its first bytes are not those of a picture"
    assert {address.rpartition("/")[2]: why for address, why in report.failed.items()} == {
        "page.jpg": "the server says that it is text/html, not a picture",
        "lie.jpg": wrong,
        "short.jpg": wrong,
        "empty.jpg": "an empty file",
        "svg.jpg": wrong,
    }


def test_a_picture_that_does_not_decode_is_told_by_its_address(site, shop_at):
    site.pages["/a.jpg"] = picture(0, 64)[:900]
    file = shop_at(site.at("/a.jpg"))
    assert fetch(file, QUICK).fetched == 1
    (example,) = finding(load(file), "corrupt_images").examples
    assert example.startswith(f"{site.at('/a.jpg')}: ")


def test_a_silent_server_is_given_up(site, shop_at):
    async def silent(request):
        await asyncio.sleep(5)

    site.pages = {f"/{n}.jpg": silent for n in range(20)}
    file = shop_at(*map(site.at, site.pages))
    began = time.monotonic()
    # It told its robots.txt, but no picture came: the machine may as well be off.
    with pytest.raises(FetchError, match="none of 20 addresses could be reached"):
        fetch(file, replace(QUICK, tries=2, per_host=2, read=0.2))
    assert time.monotonic() - began < 4
    assert sum(site.asked[path] for path in site.pages) < 12


def test_robots_are_heeded(site, shop_at):
    site.robots = "User-agent: tfmm\nDisallow: /private/\n\nUser-agent: *\nAllow: /\n"
    site.pages = {"/private/a.jpg": picture(), "/b.jpg": picture()}
    report = fetch(shop_at(*map(site.at, site.pages)), QUICK)
    assert report.fetched == 1
    assert report.failed == {site.at("/private/a.jpg"): "the site's robots.txt forbids it"}
    assert site.asked["/robots.txt"] == 1
    assert not site.asked["/private/a.jpg"]


def test_a_crawl_delay_is_kept(site, shop_at):
    site.robots = "User-agent: *\nCrawl-delay: 0.2\n"
    site.pages = {f"/{n}.jpg": picture(n) for n in range(4)}
    began = time.monotonic()
    assert fetch(shop_at(*map(site.at, site.pages)), QUICK).fetched == 4
    assert time.monotonic() - began >= 0.6


def test_a_host_has_few_connections(site, shop_at):
    async def slow(request):
        await asyncio.sleep(0.05)
        return web.Response(body=picture(), content_type="image/jpeg")

    site.pages = {f"/{n}.jpg": slow for n in range(16)}
    file = shop_at(*map(site.at, site.pages))
    assert fetch(file, QUICK).fetched == 16
    assert site.most == QUICK.per_host


def test_connections_are_few_in_all(site, shop_at):
    async def slow(request):
        await asyncio.sleep(0.05)
        return web.Response(body=picture(), content_type="image/jpeg")

    site.pages = {f"/{n}.jpg": slow for n in range(8)}
    named = [f"http://localhost:{site.port}/{n}.jpg" for n in range(8)]
    file = shop_at(*map(site.at, site.pages), *named, hosts=["127.0.0.1", "localhost"])
    assert fetch(file, replace(QUICK, connections=3)).fetched == 16
    assert site.most == 3


def test_nothing_but_http_is_asked(site, shop_at):
    cells = ("data:image/png;base64,iVBORw0KGgo=", "s3://bucket/a.jpg", "ftp://old.example/a.jpg")
    file = shop_at(*cells)
    report = fetch(file, QUICK)
    assert [why.partition(":")[0] for why in report.failed.values()] == [
        "a `data",
        "s3",
        "ftp",
    ]
    found = finding(load(file))
    assert found.count == 3
    assert "write it into a file" in found.examples[0]


def test_offline_names_the_command(site, shop_at):
    file = shop_at("http://nowhere.invalid/a.jpg", "http://nowhere.invalid/b.jpg")
    for _ in range(2):
        with pytest.raises(FetchError) as raised:
            load(file, addresses=Addresses(Shop.from_file(file), "new", QUICK))
        said = str(raised.value)
        assert "none of 2 addresses could be reached" in said
        assert "tfmm fetch" in said
        assert "TFMM_OFFLINE=1" in said


def test_a_dead_host_beside_a_living_one_is_remembered(site, shop_at):
    site.pages["/a.jpg"] = picture()
    file = shop_at("http://nowhere.invalid/b.jpg", site.at("/a.jpg"))
    data = load(file, addresses=Addresses(Shop.from_file(file), "new", QUICK))
    assert finding(data).examples == (
        "p0: http://nowhere.invalid/b.jpg: cannot reach nowhere.invalid",
    )
    began = time.monotonic()
    assert finding(load(file, addresses=Addresses(Shop.from_file(file), "new"))).count == 1
    assert time.monotonic() - began < 0.5


def test_the_command_tells_what_it_did(site, shop_at, capsys):
    site.pages["/盘.jpg"] = picture()
    file = shop_at(site.at("/盘.jpg"), site.at("/b.jpg"))
    assert main(["fetch", str(file)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("1 fetched (0.0 MB), 0 there already, 1 failed")
    assert told[1:] == ["1 failed: 404 Not Found", f"  {site.at('/b.jpg')}"]
    assert main(["fetch", str(shop_at(site.at("/b.jpg"), hosts=["nas.local"]))]) == 0
    assert "in a private network" in capsys.readouterr().out


def test_within_a_running_loop(site, shop_at):
    site.pages["/a.jpg"] = picture()
    file = shop_at(site.at("/a.jpg"))

    async def cell():
        return fetch(file, QUICK)

    assert asyncio.run(cell()).fetched == 1


def test_a_killed_run_goes_on(site, shop_at):
    """What was whole stays, and what was half is taken up."""
    half = asyncio.Event()
    page = Cut(site, cuts=0)

    async def hangs(request):
        if "If-Range" in request.headers:
            return await page(request)
        headers = {"ETag": page.etag, "Content-Type": "image/png"}
        headers["Content-Length"] = str(len(page.body))
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(page.body[:100_000])
        half.set()
        await asyncio.sleep(20)
        return response

    site.pages = {"/half.png": hangs, "/whole.jpg": picture()}
    file = shop_at(*map(site.at, site.pages))
    code = f"from tfmm.data.fetch import fetch; fetch({str(file)!r})"
    with subprocess.Popen([sys.executable, "-c", code], env={**os.environ}) as child:
        end = time.monotonic() + 30
        while not (half.is_set() and site.asked["/whole.jpg"]) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
    report = fetch(file, QUICK)
    assert (report.fetched, report.there, report.failed) == (1, 1, {})
    assert site.asked["/whole.jpg"] == 1
    assert "Range" in site.requests[-1][1]
    assert load(file).items.features["photo"].paths[0][0].read_bytes() == page.body
