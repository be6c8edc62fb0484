"""Searching by words, pictures and sound: the same over both transports and by either client, and
what is refused."""

from __future__ import annotations

import asyncio
import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.media import tone, wav
from tests.serving.search_exports import save_searcher
from tfmm.data import AudioDecodeError, ImageDecodeError
from tfmm.serving import AsyncClient, Client, Hits, Server, ServingError
from tfmm.serving.ask.query import make_query
from tfmm.serving.ask.query_picture import MAX_SIDE, query_picture
from tfmm.serving.ask.query_sound import query_sound
from tfmm.serving.ask.query_text import MAX_TEXT, query_text


@pytest.fixture(scope="module")
def searcher(tmp_path_factory) -> Server:
    models = tmp_path_factory.mktemp("search")
    save_searcher(models / "shop" / "1")
    with Server(models, grpc_port=0, rest_port=0) as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def where(request, searcher) -> dict[str, str]:
    address = searcher.grpc_address if request.param == "grpc" else searcher.rest_address
    return {"address": address, "transport": request.param, "model": "shop"}


@pytest.fixture
def client(where):
    with Client(**where) as opened:
        yield opened


def encoded(colour, size=(8, 8), kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind, **options)
    return out.getvalue()


RED, BLUE = encoded("red"), encoded("blue")


def test_words_find_the_item_that_has_them(client):
    hits = client.search(text="green shoe")
    assert hits.item_id[:2] == ["g1", "r1"]
    assert hits.score[0] == pytest.approx(1.0)
    first, second = client.search(text=["blue coat", "red  HAT\n"])
    assert (first.item_id[0], second.item_id[0]) == ("b1", "r2")
    assert client.search(text=[]) == []


def test_pictures_find_items_from_a_path_or_from_bytes(client, tmp_path):
    (tmp_path / "seen.png").write_bytes(BLUE)
    assert client.search(image=BLUE).item_id[:2] == ["b1", "b2"]
    assert client.search(image=tmp_path / "seen.png").item_id[:2] == ["b1", "b2"]
    assert client.search(image=str(tmp_path / "seen.png")).item_id[:2] == ["b1", "b2"]
    assert [h.item_id[0] for h in client.search(image=[RED, BLUE])] == ["r1", "b1"]


def test_words_and_a_picture_are_one_question(client):
    assert client.search(text="shoe", image=RED).item_id[0] == "r1"
    assert client.search(text="hat", image=RED).item_id[0] == "r2"
    several = client.search(text=["shoe", "hat", None], image=RED)
    assert [hits.item_id[0] for hits in several] == ["r1", "r2", "r1"]
    pairs = client.search(text=["coat", ""], image=[None, RED])
    assert [hits.item_id[0] for hits in pairs] == ["b1", "r1"]


def test_sound_goes_as_wav_whatever_it_was(client, tmp_path):
    silent, loud = wav(0.001 * tone(440)), wav(tone(440) / 0.4)
    assert client.search(audio=silent).item_id[0] == "r1"
    assert client.search(audio=[silent, loud])[1].item_id[0] == "b2"
    (tmp_path / "loud.wav").write_bytes(loud)
    assert client.search(audio=tmp_path / "loud.wav").item_id[0] == "b2"


def test_exclude_and_allow_hold_in_searches(client):
    assert client.search(text="red shoe", exclude=["r1"]).item_id[0] != "r1"
    assert client.search(text="shoe", allow=["colour=blue"]).item_id == ["b1", "b2"]
    with pytest.raises(ValueError, match="search_mixed does not take it"):
        client.search(text="shoe", image=RED, exclude=["r1"])
    with pytest.raises(ValueError, match=r"`exclude`: .* takes at most 2 entries"):
        client.search(text="shoe", exclude=["a", "b", "c"])


def test_the_asynchronous_client_answers_alike(where):
    async def ask() -> list[object]:
        async with AsyncClient(**where) as client:
            return [
                await client.search(text="green shoe"),
                await client.search(image=[RED, BLUE], allow=["colour=blue"]),
                await client.search(text="hat", image=RED),
            ]

    with Client(**where) as client:
        wanted = [
            client.search(text="green shoe"),
            client.search(image=[RED, BLUE], allow=["colour=blue"]),
            client.search(text="hat", image=RED),
        ]
    assert asyncio.run(ask()) == wanted


def test_emoji_and_chinese_are_answered(client):
    assert client.search(text="红色 帽子").item_id[0] == "b2"
    assert len(client.search(text="👟🔥")) == 4


def test_a_model_without_search_names_what_it_has(server):
    with (
        Client(server.grpc_address, "shop") as client,
        pytest.raises(ServingError, match="has no such signature") as caught,
    ):
        client.search(text="shoe")
    assert caught.value.at_fault == "signature"
    assert "similar_items" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("", ValueError, "an empty text finds nothing"),
        (" \n\t", ValueError, "an empty text finds nothing"),
        ("x" * 10_000, ValueError, "10,000 characters, expected at most 2,000"),
        (b"\xff\xd8\xff\xe0", ValueError, "no UTF-8 .*give a picture as image"),
        ("shoe\x00\x01", ValueError, r"character 5 is '\\x00', which no text holds"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), ValueError, r"character 4 is '\\udce9'"),
        (7, TypeError, "expected one or a list"),
        ([7], TypeError, r"text\[0\]: expected a string, got 7"),
        (["ok", ""], ValueError, r"text\[1\]: an empty text"),
    ],
)
def test_text_that_cannot_be_asked_says_why(client, text, error, words):
    with pytest.raises(error, match=words):
        client.search(text=text)


def test_text_is_asked_in_one_form():
    assert query_text("  cafe\u0301\r\n noir ") == "café noir"
    assert query_text("café".encode()) == "café"
    assert query_text("x" * MAX_TEXT) == "x" * MAX_TEXT


def test_pictures_that_do_not_decode_say_which_and_why(client, tmp_path):
    (tmp_path / "torn.jpg").write_bytes(encoded("red", (64, 64), "JPEG")[:300])
    with pytest.raises(ImageDecodeError, match=r"image .*torn\.jpg: cannot be decoded as a pict"):
        client.search(image=tmp_path / "torn.jpg")
    with pytest.raises(ImageDecodeError, match=r"image\[1\] \(4 bytes\): .*cannot identify"):
        client.search(image=[RED, b"text"])
    with pytest.raises(FileNotFoundError, match=r"no\.jpg"):
        client.search(image=tmp_path / "no.jpg")
    with pytest.raises(TypeError, match=r"image\[0\]: expected a file's path or its bytes"):
        client.search(image=[3])


def test_pictures_of_too_many_pixels_are_refused(monkeypatch):
    monkeypatch.setattr("tfmm.data.media.images.MAX_PIXELS", 2_000)
    with pytest.raises(ImageDecodeError, match="it has 1,100 x 2 pixels, more than the 2,000"):
        query_picture(encoded("red", (1_100, 2)))


def test_a_picture_that_serves_as_it_is_keeps_its_bytes():
    assert query_picture(RED) == RED
    jpeg = encoded("red", (40, 30), "JPEG")
    assert query_picture(jpeg) == jpeg


def test_pictures_are_turned_and_large_ones_scaled_down():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    picture = Image.new("RGB", (60, 30), "red")
    picture.paste("blue", (0, 0, 30, 30))
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, quality=95)
    turned = Image.open(io.BytesIO(query_picture(out.getvalue())))
    assert turned.size == (30, 60)
    assert turned.getpixel((15, 5))[2] > 200  # what was left is on top
    large = query_picture(encoded("red", (3 * MAX_SIDE, MAX_SIDE), "JPEG"))
    assert Image.open(io.BytesIO(large)).size == (MAX_SIDE, round(MAX_SIDE / 3))


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF"])
def test_formats_that_tensorflow_may_not_read_are_written_anew(kind):
    data = query_picture(encoded("blue", kind=kind))
    assert data[:2] == b"\xff\xd8"
    assert Image.open(io.BytesIO(data)).getpixel((4, 4))[2] > 240


def test_transparency_is_laid_over_white():
    out = io.BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(out, "PNG")
    assert Image.open(io.BytesIO(query_picture(out.getvalue()))).getpixel((1, 1)) == (255,) * 3


def test_sound_that_cannot_be_asked_says_why(tmp_path):
    with pytest.raises(AudioDecodeError, match=r"audio \([0-9,]+ bytes\): .*it is cut short"):
        query_sound(wav(tone(440))[:-999])
    (tmp_path / "no.wav").write_bytes(b"text, not sound")
    with pytest.raises(AudioDecodeError, match=r"audio .*no\.wav: cannot be decoded as sound"):
        query_sound(tmp_path / "no.wav")
    with pytest.raises(FileNotFoundError, match=r"gone\.wav"):
        query_sound(tmp_path / "gone.wav")


def test_other_sound_formats_become_wav():
    soundfile = pytest.importorskip("soundfile", reason="needs tfmm[audio]")
    out = io.BytesIO()
    soundfile.write(out, tone(440, 0.2), 16_000, format="FLAC")
    made, rate = soundfile.read(io.BytesIO(query_sound(out.getvalue())))
    assert rate == 16_000
    np.testing.assert_allclose(made, tone(440, 0.2), atol=1e-3)


def test_what_is_no_query_is_refused():
    with pytest.raises(ValueError, match="got none"):
        make_query()
    with pytest.raises(ValueError, match="got text and audio"):
        make_query(text="shoe", audio=b"")
    with pytest.raises(ValueError, match="as many of one as of the other, got 2 and 3"):
        make_query(text=["a", "b"], image=[RED] * 3)
    with pytest.raises(ValueError, match="both are absent in search 1"):
        make_query(text=["a", ""], image=[RED, None])
    with pytest.raises(TypeError, match="expected one or a list"):
        make_query(image=3)


def test_files_travel_over_rest_as_base64():
    from tfmm.serving.client.rest_questions import RestQuestions
    from tfmm.serving.client.transport import Predict, Signature, Target

    inputs = {"audio": np.array([b"RIFF\0\0", b"\xff\xd8", "é".encode()], object)}
    _, _, body = RestQuestions(Target("shop"), 1).request(
        Predict("search_audio", inputs, Signature({}, {}))
    )
    assert json.loads(body)["inputs"]["audio"] == [{"b64": "UklGRgAA"}, {"b64": "/9g="}, "é"]


def test_hits_of_searches_are_without_padding(client):
    assert client.search(text="shoe", allow=["colour=none"]) == Hits([], [])
