import pyarrow as pa
import pytest

from tfmm.data.cells.words import COMPOSED, HTML, INVISIBLE, clean_texts, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<p>Oak <b>chair</b></p><ul><li>solid<li>light</ul>", "Oak chair solid light"),
        ("one<br>two<br/>three<BR />four", "one two three four"),
        ("super<sub>script</sub>s", "superscripts"),
        ("<script>var a = '<b>x</b>';</script>Chair<style>p {}</style>", "Chair"),
        ("<!-- a note -->Chair<!DOCTYPE html>", "Chair"),
        ("<div class='a>b' style=\"x\">Chair</div>", "Chair"),
        ("Chairs &amp; stools&nbsp;&#8211; 5&#x20AC;", "Chairs & stools – 5€"),
        ("&lt;p&gt;Oak&lt;/p&gt;", "Oak"),
        ("&amp;eacute;t&eacute;", "été"),
        ("<o:p></o:p>Chair <my-tag>new</my-tag>", "Chair new"),
        ("a < b and c > d, <3, x<y, AT&T, R&D; 5 <b", "a < b and c > d, <3, x<y, AT&T, R&D; 5 <b"),
        ("<p>if a <b and c> d <unknown> e</p>", "if a d <unknown> e"),
        ("a\u200bb\ufeffc\u00add\x00e\x1ff\u202eg", "abcdefg"),
        ("می\u200cخواهم 👩\u200d🍳", "می\u200cخواهم 👩\u200d🍳"),
        ("one\u2028two\x0bthree", "one two three"),
        ("two\nlines\tand tabs", "two\nlines\tand tabs"),
    ],
)
def test_html_and_invisible_characters_leave_words(text, words):
    assert words_of(text) == words


def test_texts_are_changed_only_where_something_is_wrong_and_counted():
    texts = ["plain", None, "", " spaced ", "e\u0301te\u0301", "<b>x</b>", "a\u200b", "&amp;\u200b"]
    cleaned = clean_texts(pa.chunked_array([texts[:3], texts[3:]], pa.string()))
    assert cleaned.texts.to_pylist() == ["plain", None, "", "spaced", "été", "x", "a", "&"]
    counted = {said: rows.tolist() for said, rows in cleaned.rows.items()}
    assert counted == {COMPOSED: [4], HTML: [5, 7], INVISIBLE: [6, 7]}
    assert clean_texts(pa.chunked_array([["a"]])).rows == {}
    assert clean_texts(pa.chunked_array([], pa.string())).texts.to_pylist() == []


def test_texts_categories_and_tags_of_a_shop_are_words(shop):
    shop.write(
        "items.csv",
        "id,title,colour,price,tags\n001,<p>Red &amp; blue</p>,Home &amp; Garden,1,a&#39;s|b\n"
        "002,Plain, Home & Garden ,2,b\u200b\n",
    )
    data = shop.load()
    features = data.items.features
    assert features["title"].values.tolist() == ["Red & blue", "Plain"]
    assert features["colour"].vocabulary.tolist() == ["Home & Garden"]
    assert features["tags"].vocabulary.tolist() == ["a's", "b"]
    said = {(note.column, note.count, note.examples) for note in data.report.notes}
    assert ("title", 1, ("001",)) in said
    assert ("colour", 1, ("001",)) in said
    assert ("tags", 1, ("002",)) in said
    assert data.report.findings == []


def test_text_of_html_alone_is_empty(shop):
    shop.write("items.csv", "id,title,colour,price,tags\n001,<br>,a,1,b\n002,x,a,1,b\n")
    report = shop.load().report
    assert [(finding.check, finding.count) for finding in report.findings] == [("empty_text", 1)]
