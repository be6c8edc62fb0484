import numpy as np
import pytest

from tests.data.conftest import ShopFolder
from tfmm.data import CheckError, Shop, ShopFileError

TABLE = (
    "nr,sku,who,stars,text,part\n"
    "r1,帽子/1,ana,5,很好，电池耐用,train\n"
    'r2,17.0,bo,1,"Battery died, screen é 🎩 great",dev\n'
    "r3,404,,2,unknown thing,TEST\n"
    "r4,17.0,bo,,   ,train\n"
    "r2,17.0,bo,1,again,train\n"
)
ASPECTS = (
    "review,aspect,polarity,start,end\n"
    "r2,battery,Negative,0,7\n"
    "r2,screen,Positive,14,20\n"
    "r2,food,negative,,\n"
    "r1,电池,positive,3,5\n"
    "r3,,,,\n"
    "r9,lost,negative,0,4\n"
    "r1,late,negative,90,99\n"
    "r1,half,negative,1,\n"
    "r1,word,negative,a,b\n"
)
REVIEWS = {
    "table": "reviews.csv",
    "id": "nr",
    "text": "text",
    "item": "sku",
    "user": "who",
    "rating": "stars",
    "part": "part",
    "aspects": {"table": "aspects.csv", "start": "start", "end": "end"},
}


@pytest.fixture
def shop(tmp_path):
    shop = ShopFolder(tmp_path)
    shop.mapping.clear()
    shop.write("reviews.csv", TABLE)
    shop.write("aspects.csv", ASPECTS)
    shop.mapping["reviews"] = dict(REVIEWS)
    return shop


def found(data):
    return {finding.check: finding.count for finding in data.report.findings}


def test_a_shop_may_have_its_reviews_alone(shop):
    data = shop.load()
    reviews = data.reviews
    assert reviews.text.tolist() == [
        "很好，电池耐用",
        "Battery died, screen é 🎩 great",
        "unknown thing",
    ]
    assert data.items.ids.tolist() == ["帽子/1", "17.0", "404"]
    assert data.users.ids.tolist() == ["ana", "bo"]
    assert reviews.item.tolist() == [0, 1, 2]
    assert reviews.user.tolist() == [0, 1, -1]
    assert reviews.rating.tolist() == ["5", "1", "2"]
    assert reviews.part.tolist() == ["train", "valid", "test"]
    assert len(data.examples) == 0
    assert found(data) == {
        "missing_texts": 1,
        "duplicate_reviews": 1,
        "unknown_reviews": 1,
        "bad_aspects": 3,
    }
    assert data.report.counts["reviews"] == {
        "reviews": 3,
        "rated": 3,
        "items": 3,
        "annotated": 3,
        "terms": 3,
        "categories": 1,
    }


def test_terms_have_the_words_of_the_text_at_their_place(shop):
    aspects = shop.load().reviews.aspects
    assert aspects.review.tolist() == [0, 1, 1, 1]
    assert aspects.aspect.tolist() == ["电池", "Battery", "screen", "food"]
    assert aspects.polarity.tolist() == ["positive", "negative", "positive", "negative"]
    assert aspects.is_term.tolist() == [True, True, True, False]
    assert aspects.take([1]).start.tolist() == [0]


def test_a_review_that_the_aspects_do_not_name_was_not_read_for_them(shop):
    shop.write("aspects.csv", "review,aspect,polarity,start,end\nr3,,,,\n")
    reviews = shop.load().reviews
    assert reviews.annotated.tolist() == [False, False, True]
    assert len(reviews.aspects) == 0


def test_reviews_of_items_that_the_table_lacks_are_of_no_item(shop):
    shop.write("items.csv", "id\n17\n帽子/1\n")
    shop.mapping["items"] = {"table": "items.csv", "id": "id"}
    data = shop.load()
    assert data.items.ids.tolist() == ["17", "帽子/1"]
    assert data.reviews.item.tolist() == [1, -1, -1]
    assert found(data)["reviews_of_unknown"] == 2
    data = shop.load(policies={"reviews_of_unknown": "drop"})
    assert len(data.reviews) == 1
    with pytest.raises(CheckError, match=r"reviews_of_unknown in reviews, sku: 2 .*'17.0'"):
        shop.load(policies={"reviews_of_unknown": "raise"})


def test_several_columns_are_one_text_and_repeated_rows_may_be_dropped(shop):
    shop.write("reviews.csv", "title,body\n,nice\nWow,nice\n,nice\n")
    shop.mapping["reviews"] = {"table": "reviews.csv", "text": ["title", "body"]}
    data = shop.load()
    assert data.reviews.text.tolist() == ["nice", "Wow\nnice", "nice"]
    assert found(data) == {"duplicate_texts": 1}
    assert len(data.items) == 0
    assert (data.reviews.item == -1).all()
    assert len(shop.load(policies={"duplicate_texts": "drop"}).reviews) == 2


def test_a_part_that_there_is_not_is_an_error(shop):
    shop.write("reviews.csv", TABLE.replace("dev", "later"))
    with pytest.raises(ShopFileError, match=r"'part' must say train, valid or test.*'later'"):
        shop.load()


def test_a_table_without_a_text_is_an_error(shop):
    shop.write("reviews.csv", "nr,sku,who,stars,text,part\nr1,1,,5,,\n")
    with pytest.raises(ShopFileError, match=r"reviews: no row of reviews.csv is left"):
        shop.load()


def test_the_form_round_trips_and_says_what_is_missing():
    made = Shop.from_dict({"reviews": REVIEWS}, "/shop")
    assert Shop.from_dict(made.to_dict()).reviews == made.reviews
    short = Shop.from_dict({"reviews": {**REVIEWS, "aspects": "a.csv"}}, "/shop")
    assert short.reviews.aspects.columns() == {
        "review": "reviews.aspects.review",
        "aspect": "reviews.aspects.aspect",
        "polarity": "reviews.aspects.polarity",
    }
    with pytest.raises(ShopFileError, match="`aspects` names reviews by their ids; add `id`"):
        Shop.from_dict({"reviews": {"table": "r.csv", "text": "t", "aspects": "a.csv"}})
    aspects = {"table": "a.csv", "end": "to"}
    with pytest.raises(ShopFileError, match="`end` has no meaning without `start`"):
        Shop.from_dict({"reviews": {**REVIEWS, "aspects": aspects}})
    with pytest.raises(ShopFileError, match=r"one of texts \(reviews, queries\)"):
        Shop.from_dict({"users": {"table": "u.csv", "id": "u"}})


def test_every_text_has_its_rows_of_the_arrays(shop):
    reviews = shop.load().reviews
    for name in ("item", "user", "rating", "part", "annotated"):
        assert len(getattr(reviews, name)) == len(reviews)
    assert reviews.item.dtype == reviews.aspects.start.dtype == np.int32
