"""`tfmm evaluate`: measures a model on queries with relevant ids, or two stages on a test part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tfmm.commands.asked import (
    Asked,
    CatalogFile,
    ModelAt,
    ModelName,
    ShopInstead,
    Transport,
    Weight,
)
from tfmm.commands.command import Command
from tfmm.commands.options import Debug, argument, at_least_1, option

if TYPE_CHECKING:
    from tfmm.data.search_catalog import SearchCatalog
    from tfmm.serving.client.client import Client
    from tfmm.serving.client.hits import Hits

app = typer.Typer()

# Servers refuse larger batches unless told otherwise.
_BATCH = 32


# A line with \b alone keeps the lines of the paragraph after it as they are.
ABOUT = """\b
Measures a model that is searched on queries with relevant ids; or, with --rank, on the test part
of a retrieval run: retrieval alone, and the run of a ranker that puts its candidates in order.
The numbers of the latter are kept in the ranker's run, two_stages.md and two_stages.json."""
EXAMPLES = """\b
examples:
  tfmm evaluate models/shop queries.json --k 20
  tfmm evaluate runs/shop --rank runs/ranker --candidates 500"""


@app.command(
    cls=Command,
    short_help="measure a model on queries with relevant ids, or two stages on a test part",
    help=ABOUT,
    epilog=EXAMPLES,
)
def evaluate(
    context: typer.Context,
    model_at: ModelAt,
    queries: Annotated[
        Path | None, argument("QUERIES.json", '{"red shoes": {"sku-1": 2, …}, …}; not with --rank')
    ] = None,
    rank: Annotated[
        Path | None, option("--rank", metavar="RANKING", help="the run of a ranker; MODEL is a run")
    ] = None,
    candidates: Annotated[
        int | None,
        option(
            "--candidates",
            metavar="M",
            help="items that the ranker puts in order (200)",
            check=at_least_1,
        ),
    ] = None,
    model: ModelName = None,
    transport: Transport = "grpc",
    catalog: CatalogFile = None,
    shop: ShopInstead = None,
    weight: Weight = None,
    k: Annotated[
        int, option("--k", metavar="K", help="a further list length", check=at_least_1)
    ] = 10,
    tune: Annotated[bool, option("--tune", help="find the best --weight on these queries")] = False,
    json_file: Annotated[
        Path | None, option("--json", metavar="FILE", help="write the numbers as JSON too")
    ] = None,
    debug: Debug = False,
) -> None:
    from rich.console import Console
    from rich.table import Table

    from tfmm.commands.first_session import start_session_quietly
    from tfmm.data.files import write_text
    from tfmm.evaluation.query_list import read_query_list
    from tfmm.serving.ask.hybrid import WEIGHTS, Hybrid

    if rank is not None:
        if queries is not None:
            context.fail("--rank measures on the run's test part: leave QUERIES.json out")
        if not debug:
            start_session_quietly()
        _two_stages(model_at, rank, candidates or 200, k, json_file)
        return
    if candidates is not None:
        context.fail("--candidates is of two stages: give --rank RANKING")
    if queries is None:
        context.fail("give QUERIES.json, or --rank RANKING to measure two stages")
    asked = Asked(model_at, model, transport, catalog, shop, weight)
    if asked.in_folder and not debug:
        start_session_quietly()
    judged = read_query_list(queries)
    known = asked.find_catalog()
    if tune and known is None:
        context.fail("--tune weighs keywords: give the catalogue, --catalog or --shop")
    if known is not None:
        _check_known(queries, judged, known)
    texts, relevant = list(judged), list(judged.values())
    ks = sorted({1, 5, 10, k})
    with asked.open() as client:
        found = _answers(client, texts)
    rows = {"model": _measured([hits.item_id for hits in found], relevant, ks)}
    used = None
    if known is not None:
        hybrid = asked.hybrid(known) or Hybrid(known, weight=0.0)
        if tune:
            hybrid = hybrid.tuned(texts, found, relevant, WEIGHTS)
        used = hybrid.weight
        for name, mixed in (("hybrid", hybrid), ("keywords", Hybrid(hybrid.keywords, weight=1.0))):
            ranked = [mixed.rank(*pair).item_id for pair in zip(texts, found, strict=True)]
            rows[name] = _measured(ranked, relevant, ks)
    table = Table("", *rows, box=None, pad_edge=False)
    for metric in rows["model"]:
        table.add_row(metric, *(f"{values[metric]:.4f}" for values in rows.values()))
    console = Console()
    console.print(table)
    how = "" if used is None else f"; weight of the keywords {used:g}"
    how += ", the best here: judge it on other queries" if tune else ""
    console.print(f"{len(texts):,} queries{how}")
    if json_file is not None:
        result = {"queries": len(texts), "weight": used, **rows}
        write_text(json_file, json.dumps(result, indent=1) + "\n")
        print(f"wrote {json_file}")


def _two_stages(run: str, rank: Path, candidates: int, k: int, json_file: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from tfmm.data.files import write_text
    from tfmm.training.two_stages import NAMES, about, evaluate_two_stages, in_words

    found = evaluate_two_stages(run, rank, candidates=candidates, ks=sorted({10, 20, k}))
    rows = {name: title for name, title in NAMES.items() if name in found}
    table = Table("", *rows.values(), box=None, pad_edge=False)
    for metric in found["compared"]:
        table.add_row(metric, *(f"{found[name][metric]:.4f}" for name in rows))
    console = Console()
    console.print(table)
    for metric in found["compared"]:
        console.print(f"{metric}: {in_words(found, metric)}")
    console.print(about(found))
    if json_file is not None:
        write_text(json_file, json.dumps(found, indent=1) + "\n")
        print(f"wrote {json_file}")
    print(f"wrote {rank / 'two_stages.md'}")


def _answers(client: Client, texts: Sequence[str]) -> list[Hits]:
    found: list[Hits] = []
    for start in range(0, len(texts), _BATCH):
        answer = client.search(text=list(texts[start : start + _BATCH]))
        assert isinstance(answer, list)
        found += answer
    return found


def _measured(
    ranked: Sequence[Sequence[str]], relevant: Sequence[dict[str, float]], ks: Sequence[int]
) -> dict[str, float]:
    from tfmm.evaluation.query_metrics import mean_metrics, query_metrics

    return mean_metrics(
        [query_metrics(ids, wanted, ks) for ids, wanted in zip(ranked, relevant, strict=True)]
    )


def _check_known(file: Path, judged: dict[str, dict[str, float]], catalog: SearchCatalog) -> None:
    from tfmm.evaluation.query_list import QueryListError

    for query, wanted in judged.items():
        ids = [item for item, relevance in wanted.items() if relevance > 0]
        if (catalog.rows(ids) < 0).all():
            raise QueryListError(
                f"{file}: query {query!r}: the catalogue has none of its relevant ids, such as "
                f"{ids[0]!r}; its own look like {catalog.ids[0]!r}."
            )
