"""A process full of clients that ask `recommend` as fast as they are answered.

    python benchmarks/serving_load.py grpc 127.0.0.1:8500 shop --clients 8 --seconds 5

Prints one JSON object: how many answers, seconds, latencies' quantiles in ms, and errors by code.
The clients send requests made beforehand and do not read the answers' tensors, so that this process
takes as little of the machine as may be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import cycle
from pathlib import Path

import aiohttp
import grpc
import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

EXCLUDE, ALLOW = 64, 16
_CHANNELS = 8


def _strings(values: list[str], *shape: int) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING)
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    proto.string_val.extend(value.encode() for value in values)
    return proto


def grpc_request(model: str, user: str) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, "recommend"
    request.inputs["user_id"].CopyFrom(_strings([user], 1))
    request.inputs["exclude"].CopyFrom(_strings([""] * EXCLUDE, 1, EXCLUDE))
    request.inputs["allow"].CopyFrom(_strings([""] * ALLOW, 1, ALLOW))
    return request


def rest_body(user: str) -> bytes:
    inputs = {"user_id": [user], "exclude": [[""] * EXCLUDE], "allow": [[""] * ALLOW]}
    return json.dumps({"signature_name": "recommend", "inputs": inputs}).encode()


async def _over_grpc(
    address: str, model: str, users: list[str], clients: int, drive: Callable
) -> None:
    channels = [
        grpc.aio.insecure_channel(address, [("grpc.enable_http_proxy", 0), ("number", number)])
        for number in range(min(clients, _CHANNELS))
    ]
    stubs = cycle(
        prediction_service_pb2_grpc.PredictionServiceStub(channel) for channel in channels
    )
    requests = cycle([grpc_request(model, user) for user in users])

    def asker() -> Callable[[], Awaitable[str]]:
        stub = next(stubs)

        async def ask() -> str:
            try:
                await stub.Predict(next(requests), timeout=20)
            except grpc.RpcError as error:
                return error.code().name
            return "OK"

        return ask

    await drive([asker() for _ in range(clients)])
    for channel in channels:
        await channel.close()


async def _over_rest(
    address: str, model: str, users: list[str], clients: int, drive: Callable
) -> None:
    bodies = cycle([rest_body(user) for user in users])
    url = f"http://{address}/v1/models/{model}:predict"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask() -> str:
            try:
                async with session.post(url, data=next(bodies)) as response:
                    await response.read()
                    return "OK" if response.status == 200 else f"HTTP {response.status}"
            except (aiohttp.ClientError, TimeoutError) as error:
                return type(error).__name__

        await drive([ask] * clients)


async def load(
    transport: str, address: str, model: str, users: list[str], clients: int, seconds: float
) -> dict[str, object]:
    """Ask for so many seconds after a short run-up; what came of it."""
    latencies: list[float] = []
    codes: Counter[str] = Counter()
    spans: list[float] = []

    async def drive(askers: list[Callable[[], Awaitable[str]]]) -> None:
        run_up = time.perf_counter() + min(1.0, seconds / 5)
        end = run_up + seconds

        async def client(ask: Callable[[], Awaitable[str]]) -> None:
            while (started := time.perf_counter()) < end:
                code = await ask()
                if started >= run_up:
                    codes[code] += 1
                    latencies.append(time.perf_counter() - started)
                if code != "OK":
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(client(ask) for ask in askers))
        spans.append(time.perf_counter() - run_up)

    over = _over_grpc if transport == "grpc" else _over_rest
    await over(address, model, users, clients, drive)
    ms = np.array(latencies or [0.0]) * 1e3
    return {
        "answers": codes.pop("OK", 0),
        "seconds": spans[0],
        "p50": float(np.quantile(ms, 0.5)),
        "p99": float(np.quantile(ms, 0.99)),
        "errors": dict(codes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("transport", choices=("grpc", "rest"))
    parser.add_argument("address")
    parser.add_argument("model")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--users", type=Path, help="one id a line")
    args = parser.parse_args()
    users = args.users.read_text("utf-8").splitlines() if args.users else ["nobody"]
    result = load(args.transport, args.address, args.model, users, args.clients, args.seconds)
    print(json.dumps(asyncio.run(result)))


if __name__ == "__main__":
    main()
