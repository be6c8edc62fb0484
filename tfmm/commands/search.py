"""What `tfmm catalog`, `tfmm search` and `tfmm evaluate` do."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tfmm.commands.demo_page import Card, Section, Shelf, write_page
from tfmm.data.files import write_text
from tfmm.data.search_catalog import SearchCatalog
from tfmm.evaluation.query_list import QueryListError, read_query_list
from tfmm.evaluation.query_metrics import mean_metrics, query_metrics
from tfmm.serving.ask.hybrid import WEIGHTS, Hybrid
from tfmm.serving.client.client import Client
from tfmm.serving.client.hits import Hits
from tfmm.serving.server.open_model import find_catalog, open_model

# Servers refuse larger batches unless told otherwise.
_BATCH = 32
_FACET_VALUES = 6


def write_catalog(options: argparse.Namespace) -> int:
    """`tfmm catalog`: the client's files of a shop."""
    catalog = SearchCatalog.from_shop(options.shop, title=options.title)
    print(f"wrote {catalog.save(options.out)}: {len(catalog):,} items")
    if options.voice is not None:
        from tfmm.serving.ask.voice import SphinxRecognizer

        SphinxRecognizer.from_catalog(catalog, options.voice)
        about = json.loads((options.voice / "about.json").read_text(encoding="utf-8"))
        print(
            f"wrote {options.voice}: a recogniser of {about['words']:,} words, "
            f"{about['by_rule']:,} of them said by rule"
        )
    return 0


def search(options: argparse.Namespace) -> int:
    """`tfmm search`: asks once and shows the hits."""
    if not (options.text or options.image or options.audio):
        options.wrong_usage("expected a query: --text, --image, --audio, or several of them")
    catalog = _catalog(options)
    text = options.text
    if options.voice is not None:
        text = _with_speech(options)
    elif options.audio and (options.text or options.image):
        options.wrong_usage("--audio beside --text or --image is asked as words: give --voice too")
    question: dict[str, Any] = {"text": text, "image": options.image}
    if options.audio and options.voice is None:
        question = {"audio": options.audio}
    hybrid = _hybrid(catalog, options) if text and not options.image else None
    with open_model(options.model_at, options.model, **_transport(options)) as client:
        found = client.search(**question, allow=options.allow, hybrid=hybrid)
    assert isinstance(found, Hits)
    hits = Hits(found.item_id[: options.k], found.score[: options.k])
    _print(hits, found, catalog)
    if options.page is not None:
        print(f"wrote {_page(options.page, text, options.image, hits, catalog)}")
        if catalog is None or not any(catalog.pictures):
            print("It has no pictures: give the shop file (--shop) for a page that shows them.")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """`tfmm evaluate`: the metrics of a list of queries."""
    judged = read_query_list(options.queries)
    catalog = _catalog(options)
    if options.tune and catalog is None:
        options.wrong_usage("--tune weighs keywords: give the catalogue, --catalog or --shop")
    if catalog is not None:
        _check_known(options.queries, judged, catalog)
    texts, relevant = list(judged), list(judged.values())
    ks = sorted({1, 5, 10, options.k})
    with open_model(options.model_at, options.model, **_transport(options)) as client:
        found = _answers(client, texts)
    rows = {"model": _measured([hits.item_id for hits in found], relevant, ks)}
    weight = None
    if catalog is not None:
        hybrid = _hybrid(catalog, options) or Hybrid(catalog, weight=0.0)
        if options.tune:
            hybrid = hybrid.tuned(texts, found, relevant, WEIGHTS)
        weight = hybrid.weight
        for name, mixed in (("hybrid", hybrid), ("keywords", Hybrid(hybrid.keywords, weight=1.0))):
            ranked = [mixed.rank(*pair).item_id for pair in zip(texts, found, strict=True)]
            rows[name] = _measured(ranked, relevant, ks)
    table = Table("", *rows, box=None, pad_edge=False)
    for metric in rows["model"]:
        table.add_row(metric, *(f"{values[metric]:.4f}" for values in rows.values()))
    console = Console()
    console.print(table)
    how = "" if weight is None else f"; weight of the keywords {weight:g}"
    how += ", the best here: judge it on other queries" if options.tune else ""
    console.print(f"{len(texts):,} queries{how}")
    if options.json is not None:
        result = {"queries": len(texts), "weight": weight, **rows}
        write_text(options.json, json.dumps(result, indent=1) + "\n")
        print(f"wrote {options.json}")
    return 0


def _catalog(options: argparse.Namespace) -> SearchCatalog | None:
    if options.catalog is not None:
        return SearchCatalog.load(options.catalog)
    if options.shop is not None:
        return SearchCatalog.from_shop(options.shop)
    file = find_catalog(options.model_at, options.model)
    return None if file is None else SearchCatalog.load(file)


def _hybrid(catalog: SearchCatalog | None, options: argparse.Namespace) -> Hybrid | None:
    if catalog is None or options.weight == 0:
        return None
    return Hybrid(catalog) if options.weight is None else Hybrid(catalog, weight=options.weight)


def _transport(options: argparse.Namespace) -> dict[str, Any]:
    return {} if Path(options.model_at).is_dir() else {"transport": options.transport}


def _with_speech(options: argparse.Namespace) -> str:
    from tfmm.serving.ask.voice import HubRecognizer, Recognizer, SphinxRecognizer

    if not options.audio:
        options.wrong_usage("--voice turns --audio into words: give --audio too")
    here = Path(options.voice)
    sphinx = here.is_dir() and not (here / "config.json").is_file()
    recognizer: Recognizer = SphinxRecognizer(here) if sphinx else HubRecognizer(options.voice)
    heard = recognizer.text(options.audio)
    print(f"heard: {heard or 'nothing'}")
    if not heard:
        raise ValueError(f"{options.audio}: no words were heard: is it speech, and loud enough?")
    return " ".join(filter(None, [options.text, heard]))


def _print(hits: Hits, found: Hits, catalog: SearchCatalog | None) -> None:
    console = Console()
    table = Table("", "item", "score", "title", box=None, pad_edge=False)
    for place, (item, score) in enumerate(hits, start=1):
        title = "" if catalog is None else catalog.title(item).split("\n")[0]
        table.add_row(str(place), escape(item), f"{score:.4f}", escape(title))
    console.print(table if len(hits) else "nothing found")
    if catalog is not None and len(found):
        for name, counts in catalog.facet_counts(found.item_id).items():
            some = list(counts.items())[:_FACET_VALUES]
            more = f" and {len(counts) - len(some)} more" if len(counts) > len(some) else ""
            line = ", ".join(f"{value} {count}" for value, count in some)
            console.print(f"{escape(name)} of {len(found)} hits: {escape(line)}{more}")


def _page(
    file: Path, text: str | None, image: str | None, hits: Hits, catalog: SearchCatalog | None
) -> Path:
    from tfmm.serving.ask.query_picture import query_picture

    with tempfile.TemporaryDirectory() as folder:
        picture = None
        if image:
            picture = Path(folder) / "asked.jpg"
            picture.write_bytes(query_picture(image))
        given = [Card(text or "this picture", picture)]
        cards = [
            Card(
                item if catalog is None else catalog.title(item),
                None if catalog is None else catalog.picture(item),
                f"{item} · {score:.3f}",
            )
            for item, score in hits
        ]
        shelf = Shelf(text or "a picture", given, cards)
        section = Section("", "", "asked", "found, best first", [shelf])
        words = f"{len(hits)} hits for {text or 'a picture'}"
        return write_page(file, "Search", words, [section])


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
    return mean_metrics(
        [query_metrics(ids, wanted, ks) for ids, wanted in zip(ranked, relevant, strict=True)]
    )


def _check_known(file: Path, judged: dict[str, dict[str, float]], catalog: SearchCatalog) -> None:
    for query, wanted in judged.items():
        ids = [item for item, relevance in wanted.items() if relevance > 0]
        if (catalog.rows(ids) < 0).all():
            raise QueryListError(
                f"{file}: query {query!r}: the catalogue has none of its relevant ids, such as "
                f"{ids[0]!r}; its own look like {catalog.ids[0]!r}."
            )
