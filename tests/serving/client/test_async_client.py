"""The asynchronous client: the same answers and errors as the other one's."""

from __future__ import annotations

import asyncio
import socket

import pytest

from tfmm.serving import AsyncClient, Client, Hits, ServingError


@pytest.fixture(params=["grpc", "rest"])
def where(request, server) -> dict[str, str]:
    address = server.grpc_address if request.param == "grpc" else server.rest_address
    return {"address": address, "transport": request.param}


def test_every_method_answers_as_the_other_client(where):
    async def ask() -> list[object]:
        async with AsyncClient(model="shop", version=1, **where) as client:
            return [
                await client.recommend("ann", exclude=["boot"]),
                await client.recommend(["ann", "bob"]),
                await client.similar("boot", allow=["type=shoe"]),
                await client.recommend_session(["boot", "clog"]),
                (await client.embed_user(["ann", "bob"])).tolist(),
                (await client.predict("embed_user", {"user_id": ["bob"]}))["embedding"].tolist(),
                await client.metadata(),
                await client.status(),
            ]

    with Client(model="shop", version=1, **where) as client:
        wanted = [
            client.recommend("ann", exclude=["boot"]),
            client.recommend(["ann", "bob"]),
            client.similar("boot", allow=["type=shoe"]),
            client.recommend_session(["boot", "clog"]),
            client.embed_user(["ann", "bob"]).tolist(),
            client.predict("embed_user", {"user_id": ["bob"]})["embedding"].tolist(),
            client.metadata(),
            client.status(),
        ]
    assert asyncio.run(ask()) == wanted


def test_many_calls_at_once(where):
    async def ask() -> list[Hits]:
        async with AsyncClient(model="shop", **where) as client:
            return await asyncio.gather(*(client.recommend("ann") for _ in range(50)))

    assert [hits.item_id for hits in asyncio.run(ask())] == [["boot", "clog", "hat"]] * 50


def test_errors_say_what_is_wrong(where):
    async def ask(model: str, signature: str, **options) -> None:
        async with AsyncClient(model=model, **where, **options) as client:
            await client.predict(signature, {"user_id": ["ann"]})

    for model, signature, options, fault in (
        ("nope", "recommend", {}, "model"),
        ("shop", "recommend", {"version": 7}, "version"),
        ("shop", "nope", {}, "signature"),
        ("shop", "recommend", {}, "input"),
    ):
        with pytest.raises(ServingError) as caught:
            asyncio.run(ask(model, signature, **options))
        assert caught.value.at_fault == fault


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_server_that_is_not_there(transport):
    async def ask() -> None:
        async with AsyncClient("127.0.0.1:9", "shop", transport=transport, timeout=2) as client:
            await client.recommend("ann")

    with pytest.raises(ServingError, match="tfmm serve MODELS") as caught:
        asyncio.run(ask())
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_deadline_holds(transport):
    async def ask(address: str) -> None:
        async with AsyncClient(address, "shop", transport=transport, timeout=0.3) as client:
            await client.recommend("ann")

    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
            asyncio.run(ask(f"127.0.0.1:{mute.getsockname()[1]}"))
