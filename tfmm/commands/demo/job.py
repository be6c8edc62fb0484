"""What `tfmm demo` does: the whole job on the sample shop, from tables to answers over TensorFlow
Serving's protocol, and a page that shows the recommended products.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tfmm import sample_shop
from tfmm.commands.demo.page import write_page, write_picture
from tfmm.evaluation.html.shelves import Card, Section, Shelf
from tfmm.evaluation.html.shelves import Table as PageTable
from tfmm.evaluation.names import baseline_name

if TYPE_CHECKING:
    from tfmm.data.columns import CategoryColumn, ImageColumn, TextColumn
    from tfmm.serving import Client, Hits
    from tfmm.training import Run

RUN: dict[str, Any] = {
    "name": "sample_shop",
    "split": {"by": "time", "valid": 0.1, "test": 0.2, "seed": 1, "cold_items": 0.2},
    "items": {
        "encoders": {
            "title": "bag",
            # With so few pictures augmentation pays (valid Recall@20 .198, else .191).
            "photo": {"name": "cnn", "augment": True},
            "type": "embedding",
            "colour": "embedding",
            "audience": "embedding",
            "tags": "embedding",
            "price": "piecewise",
        }
    },
    "train": {"epochs": 10, "batch_size": 256, "learning_rate": 0.005, "seed": 1},
    "index": {"k": 12},
}
"""The run file of the demo, without its shop."""

SHOPPERS = 5


def run_demo(out: str | Path, *, console: Console | None = None) -> dict[str, Path]:
    """Checks, trains, measures, exports, serves and asks, and writes a page and a picture.

    Args:
        out: the folder to write. `out/run` and `out/models` of an earlier demo are replaced.
        console: where to print; the terminal if None.

    Returns:
        The files written: `page`, `picture`, `report`, and the folders `run` and `model`.

    Raises:
        FileExistsError: `out/run` or `out/models` is there and no demo wrote it.
        RuntimeError: the answers over gRPC and REST differ.
    """
    from tfmm.data import load
    from tfmm.export import export_model
    from tfmm.serving import Client, Server
    from tfmm.training import train

    out = Path(out)
    console = console or Console()
    started = time.perf_counter()
    _make_room(out)

    def step(number: int, title: str) -> None:
        elapsed = time.perf_counter() - started
        console.print(f"\n[bold cyan]{number}  {title}[/] [dim]{elapsed:.0f} s[/]")

    def say(line: str) -> None:
        console.print(f"   [dim]{escape(line)}[/]", highlight=False, soft_wrap=True)

    step(1, "Check the shop")
    load(sample_shop.path()).report.print(console)

    step(2, "Train a two-tower model on pictures, words and attributes")
    run_file = out / "run.yaml"
    config = {"shop": str(sample_shop.path()), **RUN}
    run_file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    say(f"tfmm train {run_file} --out {out / 'run'}")
    run = train(run_file, out / "run", say=say)

    step(3, "Measure it beside the simple ones that often win")
    rows = comparison(run.metrics, len(run.data.items))
    console.print(_rich_table(rows))

    step(4, "Export a SavedModel")
    say(f"tfmm export {out / 'run'} --out {out / 'models'}")
    version = export_model(run, out / "models", k=run.config.index.k)
    say(f"wrote {version}")

    step(5, "Serve it and ask over gRPC and REST")
    name = run.config.name
    shoppers = choose_shoppers(run, SHOPPERS)
    with Server(out / "models", grpc_port=0, rest_port=0) as server:
        say(f"gRPC on {server.grpc_address}, REST on http://{server.rest_address}/v1/models/{name}")
        with (
            Client(server.grpc_address, name) as grpc,
            Client(server.rest_address, name, transport="rest") as rest,
        ):
            answers = dict(zip(shoppers, grpc.recommend(shoppers), strict=True))
            check_same(answers, dict(zip(shoppers, rest.recommend(shoppers), strict=True)))
            console.print(_answers(run, answers))
            say("REST gave the same items and scores as gRPC.")
            sections = _ask(run, grpc, answers)
    say("stopped")

    step(6, "Look at the recommendations")
    title = "tfmm on the sample shop"
    page = write_page(
        out / "recommendations.html",
        title,
        "The photographs are real (public domain); prices, shoppers and events are simulated. "
        "Every answer below came from the served model.",
        sections,
        _page_table(rows),
    )
    picture = write_picture(out / "recommendations.png", title, sections[0])
    for file in (page, picture, out / "run" / "report.md"):
        console.print(f"   {escape(str(file))}", highlight=False, soft_wrap=True)
    say(f"to search and to click: tfmm shop {out / 'models'}")
    seconds = time.perf_counter() - started
    console.print(f"\nDone in {seconds:.0f} s, {peak_memory() / 1e9:.1f} GB of memory at most.")
    return {
        "page": page,
        "picture": picture,
        "report": out / "run" / "report.md",
        "run": out / "run",
        "model": version,
    }


def comparison(metrics: dict[str, Any], items: int) -> list[tuple[str, list[float | None]]]:
    """Rows of the table: a name, then Recall@20 and NDCG@20 on warm items and Recall@20 on cold."""

    def numbers(found: dict[str, Any], cold: dict[str, Any] | None) -> list[float | None]:
        return [found.get("recall@20"), found.get("ndcg@20"), (cold or {}).get("recall@20")]

    rows = [("tfmm", numbers(metrics["model"], metrics.get("cold")))]
    for key, found in metrics.get("baselines", {}).items():
        rows.append((baseline_name(key), numbers(found, found.get("cold"))))
    chance = min(1.0, 20 / items)
    rows.append(("random order", [chance, None, chance if "cold" in metrics else None]))
    return rows


def choose_shoppers(run: Run, count: int) -> list[str]:
    """Shoppers with six to ten items each, of different households in turn."""
    pairs = run.task.pairs
    sizes = np.diff(pairs.offsets)
    able = np.flatnonzero((sizes >= 6) & (sizes <= 10))
    household = cast("CategoryColumn", run.data.users.features["household"]).codes
    kinds = [able[household[able] == code] for code in np.unique(household[able])]
    mixed = [int(user) for turn in zip(*kinds, strict=False) for user in turn]
    return [str(run.data.users.ids[user]) for user in mixed[:count]]


def check_same(first: dict[str, Hits], second: dict[str, Hits]) -> None:
    """Raises RuntimeError unless both hold the same items and scores for every key."""
    for key, hits in first.items():
        other = second[key]
        if hits.item_id != other.item_id or not np.allclose(hits.score, other.score, atol=1e-5):
            raise RuntimeError(
                f"gRPC and REST disagree about {key}: {list(hits)[:3]} and {list(other)[:3]}."
            )


def peak_memory() -> int:
    """The most bytes of memory that this process has held."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _make_room(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    known = {"run": "config.yaml", "models": RUN["name"]}
    for name, mark in known.items():
        folder = out / name
        if not folder.exists():
            continue
        if not (folder / mark).exists():
            raise FileExistsError(
                f"{folder} is there and no demo wrote it. Give another folder: tfmm demo --out DIR"
            )
        shutil.rmtree(folder)


def _ask(run: Run, client: Client, answers: dict[str, Hits]) -> list[Section]:
    """The sections of the page, from the answers and some more questions."""
    made = run.task.parts.split
    cold = set(made.cold_test.tolist()) | set(made.cold_valid.tolist())
    ids = run.data.items.ids
    pairs = run.task.pairs
    household = cast("CategoryColumn", run.data.users.features["household"])
    shelves = []
    for user, hits in answers.items():
        row = int(run.data.users.rows([user])[0])
        past = pairs.item[pairs.offsets[row] : pairs.offsets[row + 1]]
        shelves.append(
            Shelf(
                user,
                cards(run, past[::-1][:8], cold=cold),
                hit_cards(run, hits, cold),
                f"household {household.vocabulary[household.codes[row]]}",
            )
        )
    warm = [item for item in range(len(ids)) if item not in cold]
    similar = []
    for item in (warm[len(warm) // 3], warm[2 * len(warm) // 3]):
        hits = client.similar(str(ids[item]))
        similar.append(Shelf(str(ids[item]), cards(run, [item]), hit_cards(run, hits, cold)))
    unseen = []
    for item in sorted(cold)[:: max(1, len(cold) // 3)][:3]:
        hits = client.similar(str(ids[item]))
        given = cards(run, [item], cold=cold)
        unseen.append(Shelf(str(ids[item]), given, hit_cards(run, hits, cold)))
    guest = [warm[5], warm[60], warm[120]]
    session = cast("Hits", client.recommend_session([str(ids[item]) for item in guest]))
    guests = [Shelf("guest", cards(run, guest), hit_cards(run, session, cold))]
    return [
        Section(
            "For shoppers",
            "Signature recommend. “New” marks products that the model was never trained on.",
            "has looked at (latest first)",
            "is recommended",
            shelves,
        ),
        Section(
            "For a shopper never seen before",
            "Signature recommend_session: the products looked at are all that is known.",
            "has looked at",
            "is recommended",
            guests,
        ),
        Section("Similar products", "Signature similar_items.", "product", "similar", similar),
        Section(
            "New products",
            "No event of these products was trained on: they are placed by picture, words and "
            "attributes alone.",
            "new product",
            "similar",
            unseen,
        ),
    ]


def cards(
    run: Run, rows: Iterable[int], notes: Iterable[str] = (), cold: Iterable[int] = ()
) -> list[Card]:
    """Items of the sample shop as cards; those in `cold` carry the badge “new”."""
    titles = cast("TextColumn", run.data.items.features["title"]).values
    photos = cast("ImageColumn", run.data.items.features["photo"]).paths
    rows, notes, new = [int(row) for row in rows], list(notes), set(cold)
    notes += [""] * (len(rows) - len(notes))
    return [
        Card(str(titles[row]), photos[row][0], note, "new" if row in new else "")
        for row, note in zip(rows, notes, strict=True)
    ]


def hit_cards(run: Run, hits: Hits, cold: Iterable[int] = ()) -> list[Card]:
    """A served answer as cards with scores."""
    rows = run.data.items.rows(hits.item_id)
    return cards(run, rows.tolist(), [f"{score:.3f}" for score in hits.score], cold)


def _cells(row: list[float | None]) -> list[str]:
    return ["" if value is None else f"{value:.3f}" for value in row]


def _best(rows: list[tuple[str, list[float | None]]]) -> dict[int, int]:
    """The row with the largest value of each column."""
    columns = range(len(rows[0][1]))
    return {c: max(range(len(rows)), key=lambda r: rows[r][1][c] or 0.0) for c in columns}


_HEADER = ("", "Recall@20", "NDCG@20", "cold Recall@20")


def _rich_table(rows: list[tuple[str, list[float | None]]]) -> Table:
    table = Table(*_HEADER, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    best = _best(rows)
    for number, (name, values) in enumerate(rows):
        cells = [
            f"[bold green]{text}[/]" if best[column] == number else text
            for column, text in enumerate(_cells(values))
        ]
        table.add_row(name, *cells)
    return table


def _page_table(rows: list[tuple[str, list[float | None]]]) -> PageTable:
    cells = [[name, *_cells(values)] for name, values in rows]
    best = {column + 1: number for column, number in _best(rows).items()}
    return PageTable(("on the test part", *_HEADER[1:]), cells, best)


def _answers(run: Run, answers: dict[str, Hits]) -> Table:
    table = Table("shopper", "last looked at", "is recommended", "score", box=None)
    table.columns[3].justify = "right"
    pairs = run.task.pairs
    for user, hits in list(answers.items())[:3]:
        row = int(run.data.users.rows([user])[0])
        past = cards(run, pairs.item[pairs.offsets[row] : pairs.offsets[row + 1]][::-1][:3])
        for place, card in enumerate(hit_cards(run, hits)[:3]):
            seen = past[place].title if place < len(past) else ""
            table.add_row("" if place else user, escape(seen), escape(card.title), card.note)
        table.add_section()
    return table
