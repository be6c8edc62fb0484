"""What the embedded server takes and how long it answers, and whether it holds under load.

The model is the sample shop's (407 products, 100 in an answer), trained for one epoch, because the
server is measured here and not the index. Server and clients are processes of their own on the same
machine and share its cores, so that the clients' part is in every number.

    python benchmarks/serving.py            # requests a second and latencies
    python benchmarks/serving.py --soak     # 10 minutes at full load, then swaps and kills

The soak asks that resident memory in its last minute is within 2 % of that in its second one, and
that nothing fails while versions come and go, a broken one among them, and clients are killed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import common
import psutil

HERE = Path(__file__).parent
MODEL = "sample_shop"
BATCHING = HERE.parent / "serving_config/batching_parameters.txt"
MEGABYTE = 1 << 20


def prepare(folder: Path) -> Path:
    """Trains and exports the model into `folder`; the folder of models."""
    from tfmm import sample_shop
    from tfmm.export import export_model
    from tfmm.training import train

    run = train(
        {
            "name": MODEL,
            "shop": str(sample_shop.path()),
            "items": {"encoders": {"title": "bag", "type": "embedding", "colour": "embedding"}},
            "train": {"epochs": 1, "batch_size": 256, "learning_rate": 0.005},
        },
        folder / "run",
    )
    export_model(run, folder / "models", k=100, exclude_size=64, allow_size=16)
    (folder / "users.txt").write_text("\n".join(run.data.users.ids), "utf-8")
    return folder / "models"


def in_python(models: Path, users: list[str], calls: int = 1000) -> dict[str, float]:
    """p50 in this process, in ms: of the signature as Python calls it, and of the same tensors
    through a session, which is what the server does."""
    import numpy as np
    import tensorflow as tf

    from tfmm.serving.server.versions.servable import Servable

    version = models / MODEL / "1"
    recommend = tf.saved_model.load(str(version)).signatures["recommend"]
    exclude, allow = [[""] * 64], [[""] * 16]

    def call(user: str) -> None:
        answer = recommend(
            user_id=tf.constant([user]), exclude=tf.constant(exclude), allow=tf.constant(allow)
        )
        for value in answer.values():
            value.numpy()

    servable = Servable(MODEL, 1, version)
    signature = servable.signatures["recommend"]
    names = ("user_id", "exclude", "allow")
    feeds = [signature.inputs[name].name for name in names]
    fetches = [info.name for info in signature.outputs.values()]

    def run(user: str) -> None:
        values = [np.array(given, object) for given in ([user.encode()], exclude, allow)]
        servable.run(feeds, values, fetches)

    medians = {}
    for name, ask in (("signature", call), ("session", run)):
        times = []
        for number in range(calls + 50):
            started = time.perf_counter()
            ask(users[number % len(users)])
            times.append(time.perf_counter() - started)
        medians[name] = statistics.median(times[50:]) * 1e3
    return medians


@contextmanager
def serving(models: Path, *flags: str) -> Iterator[tuple[subprocess.Popen, dict[str, str]]]:
    """`tfmm serve` as a process, and its addresses by transport."""
    command = [sys.executable, "-m", "tfmm", "serve", str(models)]
    command += ["--grpc-port", "0", "--rest-port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout
    for line in said:
        if line.startswith("gRPC on "):
            break
    else:
        raise SystemExit("The server did not start; its last words are above.")
    grpc, rest = line.removeprefix("gRPC on ").split(", REST on http://")
    # What it says later must not fill the pipe.
    threading.Thread(target=lambda: [None for _ in said], daemon=True).start()
    try:
        yield process, {"grpc": grpc, "rest": rest.split("/")[0]}
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def start_load(
    transport: str, address: str, users: Path, clients: int, seconds: float
) -> subprocess.Popen:
    command = [sys.executable, str(HERE / "serving_load.py"), transport, address, MODEL]
    command += ["--clients", str(clients), "--seconds", str(seconds), "--users", str(users)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result_of(process: subprocess.Popen) -> dict:
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"A load process ended with {process.returncode}.")
    return json.loads(out)


def load_average() -> float:
    """Of the last quarter of an hour: over the number of cores, others were at work too."""
    return round(os.getloadavg()[2], 1)


def throughput(models: Path, users: Path, args: argparse.Namespace) -> None:
    """Requests a second and latencies of both ports, with and without batching."""
    direct = in_python(models, users.read_text("utf-8").splitlines())
    rows = []
    for batching in (False, True):
        flags = ["--batching-parameters-file", str(BATCHING)] if batching else []
        with serving(models, *flags) as (_, addresses):
            for transport, address in addresses.items():
                for clients in args.clients:
                    rounds = [
                        result_of(start_load(transport, address, users, clients, args.seconds))
                        for _ in range(args.rounds)
                    ]
                    best = min(rounds, key=lambda found: found["p50"])
                    rows.append(
                        {
                            "port": transport,
                            "batching": "yes" if batching else "no",
                            "clients": clients,
                            "requests/s": round(best["answers"] / best["seconds"]),
                            "p50 ms": round(best["p50"], 2),
                            "p99 ms": round(best["p99"], 2),
                            "over the signature": round(best["p50"] - direct["signature"], 2),
                            "over the session": round(best["p50"] - direct["session"], 2),
                            "errors": sum(sum(r["errors"].values()) for r in rounds),
                        }
                    )
    settings = {"seconds": args.seconds, "rounds, best p50 of": args.rounds}
    settings["load average of the machine"] = load_average()
    settings |= {f"{name} in Python, p50 ms": round(ms, 3) for name, ms in direct.items()}
    common.report("serving", rows, settings)


def sample_memory(process: psutil.Process, seconds: float) -> list[float]:
    """Resident megabytes, once a second."""
    samples = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        samples.append(process.memory_info().rss / MEGABYTE)
        time.sleep(1)
    return samples


def new_version(models: Path, version: int, broken: bool = False) -> None:
    """Puts a version beside the others as an export does; a broken one lacks its variables."""
    aside = models / MODEL / f".{version}.tmp"
    shutil.copytree(models / MODEL / "1", aside)
    if broken:
        shutil.rmtree(aside / "variables")
    aside.rename(models / MODEL / str(version))


def state_of(address: str, version: int) -> str:
    from tfmm.serving import Client

    with Client(address, MODEL) as client:
        return next((s.state for s in client.status() if s.version == version), "not seen")


def wait_for(address: str, version: int, state: str) -> None:
    end = time.monotonic() + 120
    while state_of(address, version) != state:
        if time.monotonic() > end:
            raise SystemExit(f"Version {version} is {state_of(address, version)}, not {state}.")
        time.sleep(0.2)


def soak(models: Path, users: Path, args: argparse.Namespace) -> None:
    """Memory at full load, then failures while versions and clients come and go."""
    # A gateway's worth of clients on each port, and a run-up before the first minute counts.
    half = max(1, args.clients[-1] // 2)
    with serving(models, "--batching-parameters-file", str(BATCHING)) as (process, addresses):
        server = psutil.Process(process.pid)
        loads = [
            start_load(transport, address, users, half, args.soak_seconds)
            for transport, address in addresses.items()
        ]
        samples = sample_memory(server, args.soak_seconds - 2)
        steady = [result_of(one) for one in loads]
        minute = min(60, len(samples) // 4)
        second, last = samples[minute : 2 * minute], samples[-minute:]
        growth = statistics.mean(last) / statistics.mean(second) - 1

        started = time.monotonic()
        swaps, killed = swap_and_kill(models, users, addresses, half, args)
        swapping = time.monotonic() - started
        after = server.memory_info().rss / MEGABYTE
    failed = Counter()
    for found in (*steady, *swaps):
        failed.update(found["errors"])
    rows = [
        {
            "phase": "steady load",
            "seconds": round(args.soak_seconds),
            "answers": sum(found["answers"] for found in steady),
            "failed": sum(sum(found["errors"].values()) for found in steady),
            "memory, MB": f"{statistics.mean(second):.1f} to {statistics.mean(last):.1f}",
            "growth": f"{growth:+.2%}",
        },
        {
            "phase": f"{args.swaps} swaps, a broken version, {killed} killed client processes",
            "seconds": round(swapping),
            "answers": sum(found["answers"] for found in swaps),
            "failed": sum(sum(found["errors"].values()) for found in swaps),
            "memory, MB": f"{after:.1f} at the end",
            "growth": None,
        },
    ]
    settings = {"clients": 2 * half, "failed by code": dict(failed)}
    common.report("serving_soak", rows, settings | {"load average of the machine": load_average()})
    if abs(growth) > 0.02 or failed:
        raise SystemExit("The soak failed: memory moved over 2 %, or a request failed.")


def swap_and_kill(
    models: Path, users: Path, addresses: dict[str, str], half: int, args: argparse.Namespace
) -> tuple[list[dict], int]:
    """What the clients that were left alive saw, and how many processes were killed."""
    long = 10_000.0
    doomed = start_load("grpc", addresses["grpc"], users, half, long)
    killed = 0
    finished = []
    last = args.swaps + 1
    for version in range(2, last + 1):
        watched = [
            start_load(transport, address, users, max(1, half // 2), args.swap_seconds)
            for transport, address in addresses.items()
        ]
        time.sleep(args.swap_seconds / 3)
        new_version(models, version)
        wait_for(addresses["grpc"], version, "AVAILABLE")
        if version % 4 == 0:
            doomed.kill()
            doomed.wait()
            killed += 1
            doomed = start_load("grpc", addresses["grpc"], users, half, long)
        if version == last // 2:
            new_version(models, 1000, broken=True)
            wait_for(addresses["grpc"], 1000, "END")
            shutil.rmtree(models / MODEL / "1000")
        finished += [result_of(one) for one in watched]
        # Two versions back is enough to roll back to; the first one is what all are copied from.
        if version > 3:
            shutil.rmtree(models / MODEL / str(version - 2))
    doomed.kill()
    doomed.wait()
    return finished, killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--soak-seconds", type=float, default=600.0)
    parser.add_argument("--swaps", type=int, default=20)
    parser.add_argument("--swap-seconds", type=float, default=6.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = prepare(Path(folder))
        users = Path(folder, "users.txt")
        (soak if args.soak else throughput)(models, users, args)


if __name__ == "__main__":
    main()
