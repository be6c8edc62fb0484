"""Keyword search in the client and its sum with a model's hits."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import pytest

from tests.serving.search_exports import TERMS, TITLES, save_searcher
from tfmm.data import Catalog, SearchCatalog
from tfmm.data.columns import CategoryColumn, TextColumn
from tfmm.data.search_catalog import SearchCatalogError
from tfmm.serving import AsyncClient, Client, Hits, Hybrid, Keywords, Server
from tfmm.serving.ask.keyword_tokens import is_code, keyword_tokens

TITLE = {
    "100200": "Acme red running shoes XR-500",
    "100300": "Acme blue running shoes XR-600",
    "100400": "Zoom red running shoes 500 ml pocket",
    "100500": "红色连衣裙 夏季",
    "100600": "蓝色牛仔裤",
    "100700": "Crème brûlée T-Shirt",
}


def catalog_of(titles: dict[str, str], **facets: list[str]) -> SearchCatalog:
    features = {"title": TextColumn(np.array(list(titles.values()), object))}
    for name, values in facets.items():
        vocabulary, codes = np.unique(np.array(values, object), return_inverse=True)
        features[name] = CategoryColumn(codes.astype(np.int32), vocabulary)
    return SearchCatalog.from_shop(Catalog(np.array(list(titles), object), features))


@pytest.fixture(scope="module")
def hybrid() -> Hybrid:
    pytest.importorskip("bm25s", reason="needs tfmm[search]")
    kinds = ["shoe", "shoe", "shoe", "dress", "trousers", "shirt"]
    return Hybrid(catalog_of(TITLE, kind=kinds), weight=0.5)


def test_words_are_folded_and_codes_meet_however_they_are_written():
    assert keyword_tokens("Crème BRÛLÉE, Ｗｉｄｅ") == ["creme", "brulee", "wide"]
    assert keyword_tokens("dresses watches parties shoes glass bus gas") == (
        "dress watch party shoe glass bus gas".split()
    )
    assert keyword_tokens("Men's T-Shirts") == ["men", "men", "tshirt", "shirt"]
    assert keyword_tokens("XR-500") == ["xr500", "xr", "500"]
    assert "xr500" in keyword_tokens("buy xr500 now")
    assert keyword_tokens("👟 -- _") == []
    assert [is_code(token) for token in ("xr500", "501", "42", "shoe")] == [
        True,
        True,
        False,
        False,
    ]


def test_scripts_without_spaces_give_characters_and_pairs():
    assert keyword_tokens("红裙子xl") == ["红", "裙", "子", "红裙", "裙子", "xl"]
    assert keyword_tokens("が") == ["が"]
    assert keyword_tokens("한국") == ["한", "국", "한국"]


def test_chinese_titles_are_found_by_parts_of_their_words(hybrid):
    assert hybrid.keywords.search("连衣裙").item_id == ["100500"]
    assert hybrid.keywords.search("牛仔").item_id == ["100600"]
    # 红 alone is in one title, 色 in both: the pair decides.
    assert hybrid.keywords.search("蓝色").item_id == ["100600", "100500"]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("text", ["XR-500", "acme xr500", "shoes xr-500 blue", "100200"])
def test_a_product_code_finds_its_product_first_whatever_the_weight(hybrid, text, weight):
    others = Hits(["100300", "100400", "100600"], [9.0, 8.0, 1.0])
    mixed = Hybrid(hybrid.keywords, weight=weight).rank(text, others)
    assert mixed.item_id[0] == "100200"
    assert len(mixed) == 3
    assert hybrid.keywords.search(text).item_id[0] == "100200"


def test_a_brand_is_not_lost_among_similar_products(hybrid):
    similar = Hits(["100200", "100300", "100400", "100600"], [0.9, 0.89, 0.8, 0.1])
    assert hybrid.rank("zoom running shoes", similar).item_id[0] == "100400"


def test_a_number_that_many_items_share_is_no_code():
    titles = {f"i{n}": f"bottle 500 ml no {n}" for n in range(12)}
    keywords = Keywords(catalog_of(titles))
    assert not keywords.exact("500 ml").any()
    assert keywords.exact("i7").sum() == 1


def test_weights_mix_the_two_lists(hybrid):
    hits = Hits(["100600", "100500"], [3.0, 1.0])
    by_meaning = Hybrid(hybrid.keywords, weight=0.0).rank("blue shoes", hits)
    assert by_meaning.item_id == ["100600", "100500"]
    assert by_meaning.score == [1.0, 0.0]
    by_words = Hybrid(hybrid.keywords, weight=1.0).rank("blue shoes", hits)
    assert by_words.item_id[0] == "100300"
    half = hybrid.rank("blue shoes", hits, k=4)
    assert half.item_id[:2] == ["100600", "100300"]
    assert half.score[0] == pytest.approx(0.5)
    assert len(half) == 4


def test_a_text_of_unknown_words_keeps_the_models_order(hybrid):
    hits = Hits(["100600", "100500"], [3.0, 1.0])
    assert hybrid.rank("👟 qwertz", hits).item_id == hits.item_id
    assert hybrid.rank("qwertz", Hits([], [])) == Hits([], [])
    assert hybrid.keywords.search("qwertz") == Hits([], [])


def test_the_weight_is_tuned_on_queries(hybrid):
    texts = ["blue running shoes", "red shirt"]
    useless = [Hits(["100600", "100500"], [2.0, 1.0])] * 2
    right = [{"100300": 1.0}, {"100700": 1.0}]
    # 0.6 is the first weight at which the best by words passes the best by meaning.
    assert hybrid.tuned(texts, useless, right).weight == 0.6
    good = [Hits(["100300", "100200"], [2.0, 1.0]), Hits(["100700", "100200"], [2.0, 1.0])]
    assert hybrid.tuned(["running", "red"], good, right).weight == 0.0


def test_exclude_and_allow_hold_for_what_keywords_add(hybrid):
    none = Hits(["100600"], [1.0])
    found = hybrid.rank("running shoes", none, ["100200"], ["kind=shoe", "kind=shirt"], k=9)
    assert set(found.item_id) == {"100300", "100400", "100600"}
    assert "100200" not in hybrid.keywords.search("XR-500", exclude=["100200"]).item_id
    with pytest.raises(SearchCatalogError, match="no `feature=value` term of this catalogue"):
        hybrid.rank("shoes", none, allow=["colour=red"])


def test_mistakes_say_what_to_do(hybrid, monkeypatch):
    with pytest.raises(ValueError, match="weight must lie in 0 to 1, got 2"):
        Hybrid(hybrid.keywords, weight=2)
    with pytest.raises(ValueError, match="has no words to search"):
        Keywords(catalog_of({"-": ""}))
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfmm\[search\]'"):
        Keywords(hybrid.catalog)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory) -> Server:
    models = tmp_path_factory.mktemp("search")
    save_searcher(models / "shop" / "1")
    with Server(models, grpc_port=0, rest_port=0) as running:
        yield running


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_clients_rank_words_by_both(searcher, transport):
    colours = [term.partition("=")[2] for term in TERMS]
    hybrid = Hybrid(catalog_of(TITLES, colour=colours))
    address = searcher.grpc_address if transport == "grpc" else searcher.rest_address

    async def ask() -> object:
        async with AsyncClient(address, "shop", transport=transport) as client:
            return await client.search(text="hat", hybrid=hybrid, allow=["colour=blue"])

    with Client(address, "shop", transport=transport) as client:
        # The model knows words only whole; keywords know the parts of 帽子.
        assert client.search(text="子 coat").item_id[0] == "b1"
        both = client.search(text=["b2", "green 帽"], hybrid=hybrid)
        assert [hits.item_id[0] for hits in both] == ["b2", "g1"]
        assert both[1].item_id[1] == "b2"
        allowed = client.search(text="hat", hybrid=hybrid, allow=["colour=blue"])
        assert allowed.item_id == ["b2", "b1"]
        assert asyncio.run(ask()) == allowed
        hits = client.search(text="red hat", hybrid=hybrid)
        assert hybrid.catalog.facet_counts(hits.item_id[:2]) == {"colour": {"red": 2}}
