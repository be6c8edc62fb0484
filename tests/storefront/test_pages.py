"""The storefront over HTTP: what it answers, what it forbids, and how it says what is wrong."""

from __future__ import annotations

import http.client
import io
import json
import shutil
import time
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3
from PIL import Image

from tests.media import tone, wav
from tests.storefront.conftest import NAMES, SCRIPT, World
from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import TextColumn
from tfmm.data.media.folders import Folders
from tfmm.data.search_catalog import CATALOG_FILE
from tfmm.serving import ServingConfigError
from tfmm.storefront import Storefront
from tfmm.storefront.pictures import PictureError, picture_jpeg

HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def raw(
    storefront: Storefront, path: str, **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """The answer to a path that is sent as it stands."""
    connection = http.client.HTTPConnection(urlsplit(storefront.url).netloc, timeout=60)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    return response.status, response.headers, response.read()


def get(storefront: Storefront, name: str, model: str = "shop", **pairs: Any) -> Any:
    path = f"/api/{quote(model, safe='')}/{name}?{urlencode(pairs, doseq=True)}"
    status, _, body = raw(storefront, path)
    return status, json.loads(body)


def ask(storefront: Storefront, *fields: tuple[str, Any], model: str = "shop") -> Any:
    response = urllib3.request(
        "POST", f"{storefront.url}api/{model}/ask", fields=list(fields), timeout=60, retries=False
    )
    return response.status, response.json()


def ids(answer: tuple[int, Any]) -> list[str]:
    assert answer[0] == 200, answer
    return [hit["id"] for hit in answer[1]["hits"]]


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 24), colour).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "path",
    ["/", "/static/main.js", "/api/shop", "/nowhere", "/api/nomodel/facets", "/api/shop/picture"],
)
def test_every_answer_carries_the_policy(world: World, path):
    _, headers, _ = raw(world.storefront, path)
    for name, value in HEADERS.items():
        assert headers[name].startswith(value), (path, name)
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_page_names_nothing_from_elsewhere(world: World):
    static = world.storefront
    status, _, page = raw(static, "/")
    assert status == 200
    for name in ("main.js", "api.js", "dom.js", "words.js", "state.js", "sound.js", "style.css"):
        status, _, content = raw(static, f"/static/{name}")
        assert status == 200, name
        page += content
    links = page.replace(b"http://www.w3.org/2000/svg", b"")
    for elsewhere in (b"http://", b"https://", b"innerHTML", b"insertAdjacentHTML", b"eval("):
        assert elsewhere not in links


def test_the_models_say_what_they_can(world: World):
    status, _, body = raw(world.storefront, "/api/shop")
    told = json.loads(body)
    assert status == 200
    assert told["title"] == "Own shop"
    shop, sounds = told["models"]
    assert (shop["name"], shop["version"], shop["items"], shop["shoppers"]) == ("shop", 1, 60, 40)
    assert shop["can"] == {
        "text": True,
        "image": True,
        "mixed": True,
        "audio": False,
        "shopper": True,
        "session": True,
        "similar": True,
    }
    assert [name for name, able in sounds["can"].items() if able] == [
        "text",
        "image",
        "mixed",
        "audio",
    ]


@pytest.mark.parametrize("place", NAMES)
def test_an_item_of_any_id_has_its_page_and_its_likes(world: World, place):
    sku, title = NAMES[place]
    status, item = get(world.storefront, "item", id=sku)
    assert (status, item["id"], item["title"], item["known"]) == (200, sku, title, True)
    assert dict(item["facets"])["kind"]
    similar = ids(ask(world.storefront, ("kind", "similar"), ("item", sku)))
    assert len(similar) == 10
    assert sku not in similar


def test_titles_travel_as_data_and_never_as_markup(world: World):
    _, headers, body = raw(world.storefront, f"/api/shop/item?{urlencode({'id': NAMES[1][0]})}")
    assert headers["Content-Type"].startswith("application/json")
    assert json.loads(body)["title"] == SCRIPT


def test_an_unknown_item_is_said_to_be_unknown(world: World):
    status, item = get(world.storefront, "item", id="never heard of")
    assert (status, item["known"], item["title"]) == (200, False, "never heard of")
    assert ids(ask(world.storefront, ("kind", "similar"), ("item", "never heard of"))) == []


def test_words_pictures_and_both_find_items(world: World):
    by_words = ids(ask(world.storefront, ("kind", "search"), ("text", "红色 帽子")))
    assert by_words[0] == NAMES[0][0]
    red = ("image", ("red.png", picture("red"), "image/png"))
    assert ids(ask(world.storefront, ("kind", "search"), red))
    assert ids(ask(world.storefront, ("kind", "search"), red, ("text", "hat")))


def test_a_recording_is_asked_as_sound(world: World):
    sound = ("audio", ("question.wav", wav(tone(440, 0.2)), "audio/wav"))
    status, answer = ask(world.storefront, ("kind", "search"), sound, model="sounds")
    assert status == 200
    assert len(answer["hits"]) == 4
    # Nothing is known of that model's items but what it answers.
    assert all(hit["title"] == hit["id"] for hit in answer["hits"])


def test_a_recording_is_heard_where_there_is_a_recognizer(world: World):
    class Hears:
        def text(self, audio: bytes) -> str:
            return "红色 帽子"

    sound = ("audio", ("question.wav", wav(tone(440, 0.2)), "audio/wav"))
    address = world.server.grpc_address
    with Storefront(world.models, server=address, port=0, recognizer=Hears()) as storefront:
        answer = ask(storefront, ("kind", "search"), sound)
    assert ids(answer)[0] == NAMES[0][0]
    assert answer[1]["words"] == "红色 帽子"


def test_a_session_changes_with_each_item_and_says_why(world: World):
    asked = ("kind", "session")
    nothing = ids(ask(world.storefront, asked))
    _, answer = ask(world.storefront, asked, ("item", "00030"))
    once = [hit["id"] for hit in answer["hits"]]
    twice = ids(ask(world.storefront, asked, ("item", "00030"), ("item", "00031")))
    assert nothing != once != twice
    assert "00030" not in once
    assert {hit["because"]["id"] for hit in answer["hits"] if "because" in hit} == {"00030"}


def test_shoppers_are_found_and_have_a_past(world: World):
    assert get(world.storefront, "shoppers", part="03")[1]["shoppers"] == [
        "u003",
        *(f"u{number:03d}" for number in range(30, 40)),
    ]
    past = get(world.storefront, "past", shopper="u003")[1]["hits"]
    assert len(past) == 9
    answer = ids(ask(world.storefront, ("kind", "shopper"), ("shopper", "u003")))
    assert len(answer) == 10
    assert get(world.storefront, "past", shopper="nobody")[1]["hits"] == []


def test_filters_hold_for_answers_and_count_beside_the_other_filters(world: World):
    hats = ("allow", "kind=hat")
    for asked in (("kind", "session"), ("kind", "search"), ("kind", "similar")):
        more = {"search": [("text", "shirt")], "similar": [("item", "00030")]}.get(asked[1], [])
        for item in ids(ask(world.storefront, asked, hats, *more)):
            assert dict(get(world.storefront, "item", id=item)[1]["facets"])["kind"] == ["hat"]
    _, told = get(world.storefront, "facets", allow=["kind=hat"])
    kinds, colours = (
        {f["name"]: dict(f["values"]) for f in told["facets"]}[n] for n in ("kind", "colour")
    )
    assert kinds == {"shirt": 15, "shoe": 15, "hat": 15, "coat": 15}
    assert sum(colours.values()) == 15
    _, browsed = get(world.storefront, "browse", allow=["kind=hat"], start=12)
    assert (browsed["total"], len(browsed["hits"])) == (15, 3)


def test_pictures_are_small_jpegs_of_the_shops_own_folder(world: World):
    status, headers, body = raw(world.storefront, "/api/shop/picture?id=00030")
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(body)) as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize(
    ("item", "status", "words"),
    [
        ("outside", 404, "no such picture"),
        ("linked", 404, "no such picture"),
        ("no-picture-at-all", 404, "no such picture"),
        ("never heard of", 404, "no such picture"),
        ("text-file", 400, "cannot decode"),
    ],
)
def test_other_files_are_not_shown(world: World, item, status, words):
    found, told = get(world.storefront, "picture", id=item)
    assert found == status
    assert words in told["error"]["message"]
    assert str(world.folder.parent / "secret.jpg") not in told["error"]["message"]


def test_a_file_that_became_a_link_out_is_not_shown(tmp_path):
    """Loading looked at it before; somebody may have replaced it since."""
    (tmp_path / "shop").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    (tmp_path / "shop" / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(PictureError, match="outside the shop's folder"):
        picture_jpeg(tmp_path / "shop" / "a.png", Folders(tmp_path / "shop"), 360)
    assert picture_jpeg(tmp_path / "shop" / "a.png", Folders(tmp_path), 360)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../pages.py",
        "/static/%2e%2e/pages.py",
        "/static/..%2fpages.py",
        "/static//etc/hostname",
        "/static/%00",
        "/../../etc/hostname",
    ],
)
def test_static_files_are_those_of_the_page(world: World, path):
    status, _, body = raw(world.storefront, path)
    assert status in (400, 403, 404)
    assert b"class Pages" not in body


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([("kind", "dance")], "kind: expected search"),
        ([("kind", "search")], "got none"),
        ([("kind", "search"), ("text", "  ")], "got none"),
        ([("kind", "search"), ("txet", "hat")], "did you mean 'text'?"),
        ([("kind", "search"), ("text", "a\x00b")], "binary"),
        ([("kind", "search"), ("image", "hat")], "expected a file"),
        ([("kind", "search"), ("image", ("x.png", b"no picture", "image/png"))], "decoded"),
        ([("kind", "search"), ("image", ("x.png", b"", "image/png"))], "empty"),
        ([("kind", "similar"), ("item", "a"), ("item", "b")], "one id"),
        ([("kind", "shopper")], "expected an id"),
        ([("kind", "session"), *[("allow", f"kind={n}") for n in range(40)]], "at most"),
    ],
)
def test_a_wrong_question_is_told_what_is_wrong(world: World, fields, words):
    status, told = ask(world.storefront, *fields)
    assert (status, told["error"]["kind"]) == (400, "wrong_question")
    assert words in told["error"]["message"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nabcde\r\n\r\n"),
        ("application/x-www-form-urlencoded; charset=nope", b"kind=session"),
        ("application/x-www-form-urlencoded", b"kind=\xff"),
        ("text/plain", b"kind=session"),
    ],
)
def test_a_form_that_cannot_be_read_is_the_askers_fault(world: World, kind, body):
    response = urllib3.request(
        "POST", f"{world.storefront.url}api/shop/ask", body=body, headers={"Content-Type": kind}
    )
    assert response.status == 400
    assert response.json()["error"]["kind"] == "wrong_question"


def test_a_question_beyond_a_model_says_so(world: World):
    status, told = ask(world.storefront, ("kind", "similar"), ("item", "r1"), model="sounds")
    assert (status, told["error"]["kind"]) == (422, "cannot")
    assert "It has: search_audio" in told["error"]["message"]
    status, told = ask(world.storefront, ("kind", "session"), model="nomodel")
    assert (status, told["error"]["kind"]) == (404, "wrong_question")
    assert "there are: shop, sounds" in told["error"]["message"]


def test_a_file_that_is_too_large_is_refused(world: World):
    large = ("image", ("x.png", b"0" * (25 << 20), "image/png"))
    status, told = ask(world.storefront, ("kind", "search"), large)
    assert status == 413
    assert "at most 24 MB" in told["error"]["message"]


def test_a_server_that_is_away_is_said_plainly(away: Storefront):
    began = time.monotonic()
    status, _, body = raw(away, "/api/shop")
    (model,) = json.loads(body)["models"]
    assert status == 200
    assert model["error"]["kind"] == "server_down"
    status, told = ask(away, ("kind", "similar"), ("item", "00030"))
    assert (status, told["error"]["kind"]) == (503, "server_down")
    assert "Is the server running there" in told["error"]["message"]
    # What the export carries is still shown.
    assert get(away, "browse")[1]["total"] == 60
    assert time.monotonic() - began < 20


def test_only_this_machines_names_are_answered(world: World):
    assert raw(world.storefront, "/api/shop", Host="evil.example:80")[0] == 403
    for name in ("localhost:1234", "localhost", "127.0.0.1", "[::1]:80", "[::1]"):
        assert raw(world.storefront, "/api/shop", Host=name)[0] == 200, name


def test_rest_answers_like_grpc(world: World):
    asked = (("kind", "session"), ("item", "00030"), ("item", NAMES[0][0]))
    rest = world.server.rest_address
    with Storefront(
        world.models, server=rest, transport="rest", names=["shop"], port=0
    ) as storefront:
        assert ids(ask(storefront, *asked)) == ids(ask(world.storefront, *asked))


def test_a_model_elsewhere_is_shown_by_a_shop_file(world: World):
    with Storefront(
        server=world.server.grpc_address, names=["shop"], shop=world.shop_file, port=0
    ) as storefront:
        assert get(storefront, "item", id="00030")[1]["title"] == "red hat no 30"
        assert get(storefront, "shoppers", part="")[1]["shoppers"][0] == "u000"


def test_without_the_shop_the_export_says_what_it_holds(world: World, tmp_path):
    shutil.copytree(world.models / "shop", tmp_path / "shop")
    (tmp_path / "shop" / "1" / "model_card.json").unlink()
    said: list[str] = []
    with Storefront(
        tmp_path, server=world.server.grpc_address, port=0, say=said.append
    ) as storefront:
        _, item = get(storefront, "item", id="00030")
        assert (item["title"], item["pictures"], item["numbers"]) == ("red hat no 30", 0, [])
        assert get(storefront, "shoppers", part="")[1]["shoppers"][0] == "u000"
        assert get(storefront, "past", shopper="u003")[1]["hits"] == []
    assert said == ["shop: items shown by what the export holds, without pictures"]


def test_a_newer_version_is_shown_by_its_own_catalogue(world: World, tmp_path):
    shutil.copytree(world.models / "shop" / "1", tmp_path / "shop" / "1")
    (tmp_path / "shop" / "1" / "model_card.json").unlink()
    with Storefront(tmp_path, server=world.server.grpc_address, port=0) as storefront:
        assert get(storefront, "browse")[1]["total"] == 60
        shutil.copytree(tmp_path / "shop" / "1", tmp_path / "shop" / "2")
        newer = Catalog(np.array(["new"], object), {"title": TextColumn(np.array(["neu"], object))})
        SearchCatalog.from_shop(newer).save(tmp_path / "shop" / "2" / CATALOG_FILE)
        assert get(storefront, "browse")[1]["total"] == 1
        assert get(storefront, "item", id="new")[1]["title"] == "neu"


def test_nothing_to_show_is_said_before_anything_is_served(world: World, tmp_path):
    with pytest.raises(ServingConfigError, match="holds no version of any model"):
        Storefront(tmp_path)
    with pytest.raises(ServingConfigError, match="nothing to show"):
        Storefront(server="127.0.0.1:8500")
    port = int(urlsplit(world.storefront.url).port or 0)
    with pytest.raises(ServingConfigError, match="cannot listen"):
        Storefront(world.models, server="127.0.0.1:1", port=port).start()


def test_an_items_page_has_what_shoppers_say_of_it(world: World, tmp_path):
    item = NAMES[0][0]
    rows = [
        {"item": item, "aspect": "", "pros": 3, "cons": 1, "praise": [], "blame": []},
        {"item": item, "aspect": "质量", "pros": 2, "cons": 0, "praise": [SCRIPT], "blame": []},
        {"item": item, "aspect": "unjudged", "pros": 0, "cons": 0, "praise": [], "blame": []},
    ]
    file = tmp_path / "pros.parquet"
    more = {"neither": 0, "confidence": 0.9}
    pq.write_table(pa.Table.from_pylist([row | more for row in rows]), file)
    said: list[str] = []
    with Storefront(
        world.models, server=world.server.grpc_address, port=0, reviews=file, say=said.append
    ) as storefront:
        page = get(storefront, "item", id=item)[1]
        assert get(storefront, "item", id=NAMES[1][0])[1]["opinions"] is None
    assert page["opinions"]["whole"]["pros"] == 3
    (aspect,) = page["opinions"]["aspects"]
    assert aspect["aspect"] == "质量"
    assert aspect["praise"] == [SCRIPT]
    assert f"{file}: what shoppers say of 1 items" in said


def test_a_file_that_holds_no_pros_and_cons_is_refused(world: World, tmp_path):
    file = tmp_path / "other.parquet"
    for content in (b"no parquet", None):
        if content is None:
            pq.write_table(pa.table({"item": ["a"]}), file)
        else:
            file.write_bytes(content)
        with pytest.raises(ServingConfigError, match=r"`tfmm reviews"):
            Storefront(world.models, server=world.server.grpc_address, port=0, reviews=file).start()


def chat(storefront: Storefront, *fields: tuple[str, Any], model: str = "shop") -> Any:
    response = urllib3.request(
        "POST", f"{storefront.url}api/{model}/chat", fields=list(fields), timeout=60, retries=False
    )
    return response.status, response.json()


def test_the_assistant_keeps_nothing_but_what_the_page_sends(world: World):
    status, first = chat(world.storefront, ("text", "red hats"))
    assert (status, first["language"], first["listed"]) == (200, "en", True)
    assert first["decision"]["filters"]["wanted"] == {"colour": ["red"], "kind": ["hat"]}
    assert first["products"][0]["title"].startswith("red hat")
    state = ("state", json.dumps(first["state"]))
    status, second = chat(world.storefront, state, ("text", "what about coats?"))
    assert second["decision"]["filters"]["wanted"] == {"colour": ["red"], "kind": ["coat"]}
    status, anew = chat(world.storefront, ("text", "the first"))
    assert anew["decision"]["intent"] == "unknown"
    status, told = chat(world.storefront, ("text", "recommend me something"), ("shopper", "u003"))
    assert told["state"]["shopper"] == "u003"


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (("state", "{"), "state"),
        (("state", "[" * 100_000), "state"),
        (("state", '{"format": 1, "shown": 5}'), "expected a list of ids"),
        (("mood", "good"), "no field of a turn"),
        (("image", ("x.png", b"")), "is empty"),
    ],
    ids=["json", "deep", "list", "field", "file"],
)
def test_a_turn_that_cannot_be_read_is_told(world: World, field, said):
    status, answer = chat(world.storefront, field)
    assert status == 400
    assert answer["error"]["kind"] == "wrong_question"
    assert said in answer["error"]["message"]
