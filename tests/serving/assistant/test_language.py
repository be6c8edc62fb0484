"""Languages: one file each, chosen by script; a third one needs no code."""

from __future__ import annotations

import pytest
import yaml

from tfmm.serving import Assistant
from tfmm.serving.assistant.reading.clean import clean_text, folded
from tfmm.serving.assistant.reading.language import (
    FOLDER,
    LanguageError,
    built_in,
    choose,
    load_language,
)


def german() -> dict:
    """English's file with German in it, as somebody adds a language."""
    told = yaml.load((FOLDER / "en.yaml").read_text("utf-8"), yaml.BaseLoader)
    told |= {"code": "de", "name": "Deutsch", "joins": [", ", " und "]}
    told["cues"] = {
        "greeting": ["hallo", "guten tag"],
        "cheaper": ["billiger", "günstiger"],
        "search": ["ich suche", "zeig mir", "ich hätte gern"],
        "without": ["ohne", "nicht in", "kein", "keine"],
        "below": ["unter", "bis zu", "höchstens"],
        "compare": ["vergleiche", "unterschied"],
    }
    told["places"] = {"1": ["erste", "ersten"], "2": ["zweite", "zweiten"]}
    told["questions"] = {"price": ["was kostet", "wie teuer"], "colour": ["welche farbe"]}
    told["features"] = {"price": ["Preis"], "colour": ["Farbe", "colour"], "type": ["Art", "type"]}
    told["values"] = {"red": ["rot", "rote", "rotes"], "dresses": ["Kleid", "Kleider"]}
    told["stop"] = ["ich", "und", "die", "das", "der", "ein"]
    told["answers"] |= {
        "greeting": "Guten Tag! Was suchen Sie?",
        "feature_is": "{feature} von {product}: {value}.",
    }
    return told


def written(told: dict, folder) -> str:
    file = folder / "de.yaml"
    file.write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    return str(file)


def test_a_third_language_is_one_file(served, client, tmp_path):
    assistant = Assistant(client, served.catalog, languages=[written(german(), tmp_path)])
    assert assistant.say("Guten Tag").text == "Guten Tag! Was suchen Sie?"
    found = assistant.say("Ich suche rote Kleider unter 60")
    assert found.language == "de"
    assert found.decision.filters.to_json() == {
        "wanted": {"colour": ["red"], "type": ["Dresses"]},
        "ranges": {"price": [None, 60.0]},
    }
    cheaper = assistant.say("billiger").decision
    assert cheaper.intent == "refine"
    assert assistant.say("Was kostet das zweite?").text.startswith("Preis von Red")
    assert assistant.say("hello").language == "en"
    assert assistant.say("你好").language == "zh"


@pytest.mark.parametrize(
    ("text", "last", "expected"),
    [
        ("red dresses", "", "en"),
        ("红色连衣裙", "en", "zh"),
        ("我想要 Nike 的 T恤", "", "zh"),
        ("do you have T恤?", "", "en"),
        ("123 !?", "zh", "zh"),
        ("", "", "en"),
        ("привет", "zh", "zh"),
    ],
)
def test_the_language_goes_by_script_and_else_stays(text, last, expected):
    assert choose(text, built_in(), last).code == expected


def test_a_language_that_lacks_an_answer_or_a_name_is_refused(tmp_path):
    told = german()
    del told["answers"]["nothing"]
    with pytest.raises(LanguageError, match="lacks answers, nothing"):
        load_language(written(told, tmp_path))
    told = german()
    told["answers"]["more"] = "Mehr."
    with pytest.raises(LanguageError, match=r"more: expected the names first, got 'Mehr\.'"):
        load_language(written(told, tmp_path))
    told = german()
    told["answers"]["greeting"] = "{os.environ}"
    with pytest.raises(LanguageError, match="greeting: expected the names none"):
        load_language(written(told, tmp_path))
    (tmp_path / "no.yaml").write_text("[]")
    with pytest.raises(LanguageError, match="is no language"):
        load_language(tmp_path / "no.yaml")


def test_cleaning_leaves_letters_alone():
    assert clean_text("Café 红色 👗 ｆｕｌｌ") == "Café 红色 👗 ｆｕｌｌ"
    assert clean_text("a\u202eb\x00c\ud800d\u200be") == "abcde"
    assert len(folded("İstanbul ＦＵＬＬ ßẞ")) == len("İstanbul ＦＵＬＬ ßẞ")


def test_the_chinese_answers_name_values_in_chinese(assistant):
    assistant.say("红色的连衣裙")
    assert "红色" in assistant.say("第一个是什么颜色？").text
    assert "类型" in assistant.say("介绍一下第一个").text
