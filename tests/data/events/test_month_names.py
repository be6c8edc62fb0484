"""Times with months of other languages, and days as Excel counts them."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from tfmm.data.events.month_names import in_english
from tfmm.data.events.time_formats import UnclearTimes
from tfmm.data.events.times import parse_times
from tfmm.data.shop_file.specs import TimeSpec


def read(cells, **how):
    times = parse_times(
        pa.chunked_array([pa.array(cells)]), "orders.csv, column 'am'", TimeSpec(**how)
    )
    moments = pd.to_datetime(times.times, unit="us").strftime("%Y-%m-%d %H:%M").tolist()
    return [None if bad else moment for moment, bad in zip(moments, times.bad, strict=True)], times


WRITTEN = {
    "German": ["3. März 2024", "15. Dezember 2023"],
    "German, short": ["3. Mrz. 2024", "15. Dez. 2023"],
    "German, with days and hours": ["So., 3. März 2024 00:00 Uhr", "Fr., 15. Dez. 2023 00:00 Uhr"],
    "French": ["3 mars 2024", "15 décembre 2023"],
    "French, with hours": ["3 mars 2024 à 00h00", "15 déc. 2023 à 00h00"],
    "Spanish": ["3 de marzo de 2024", "15 de diciembre de 2023"],
    "Italian": ["3 mar 2024", "15 dic 2023"],
    "Portuguese": ["3 de março de 2024", "15 de dezembro de 2023"],
    "Dutch": ["3 maart 2024", "15 december 2023"],
    "Polish": ["3 marca 2024", "15 grudnia 2023"],
    "Czech": ["3. března 2024", "15. prosince 2023"],
    "Hungarian": ["2024. március 3.", "2023. december 15."],
    "Russian": ["3 марта 2024 г.", "15 декабря 2023 г."],
    "Turkish": ["3 Mart 2024", "15 Aralık 2023"],
    "Chinese": ["2024 三月 3", "2023 十二月 15"],
}


@pytest.mark.parametrize("language", WRITTEN)
def test_months_have_names_in_many_languages(language):
    given = WRITTEN[language]
    moments, times = read([*given, ""])
    assert moments == ["2024-03-03 00:00", "2023-12-15 00:00", None]
    said = next(note for note in times.notes if "names of months are" in note)
    # What is written alike in two languages is said to be of the first.
    assert said.split()[-1] == language.partition(",")[0] or language in ("Italian", "Dutch")


def test_the_first_of_a_month_has_a_form_of_its_own():
    assert read(["1er février 2024", "2 février 2024"])[0] == [
        "2024-02-01 00:00",
        "2024-02-02 00:00",
    ]


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("3. März 24", "%d. %B %y"),
        ("03-Mrz-24", "%d-%b-%y"),
        ("3 de marzo de 2024", "%d de %B de %Y"),
        ("3 mars 2024 à 00h00", "%d %B %Y à %Hh%M"),
    ],
)
def test_a_format_may_be_given_as_it_is_written(text, format):
    assert read([text], format=format)[0] == ["2024-03-03 00:00"]


def test_english_may_be_whole_and_short():
    for given in (["3 March 2024", "15 Dec 2023"], ["3 Mar 2024", "15 Sept 2023"]):
        moments, times = read(given)
        assert moments[0] == "2024-03-03 00:00"
        assert moments[1] is not None
        assert "names of months are English" in times.notes
    assert read(["3 Mar 2024", "15 Dec 2023"])[1].notes[0].startswith("times are of the format")
    with pytest.raises(UnclearTimes, match="'03-Mar-24' is 2024-03-03 or 2003-03-24"):
        read(["03-Mar-24"])
    words = pd.Series(["hello", "мир", "3 March 2024"])
    same, language = in_english(words)
    assert (list(same), language) == (list(words), "")


def test_a_month_that_two_languages_disagree_about_is_not_read():
    # October in Croatian, November in Polish.
    assert in_english(pd.Series(["5 listopada 2024"]))[1] == ""
    assert in_english(pd.Series(["5 listopada 2024", "1 marca 2024"]))[1] == "Polish"


@pytest.mark.parametrize(
    "cells",
    [
        ["45354", "45275.5", "45000"],
        [45354.0, 45275.5, 45000.0],
        ["45354", "45275.5", "45000", ""],
    ],
)
def test_days_as_excel_counts_them_are_dates(cells):
    moments, times = read(cells)
    assert moments[:3] == ["2024-03-03 00:00", "2023-12-15 12:00", "2023-03-15 00:00"]
    assert "numbers are days from 1900 on, as Excel counts them" in times.notes
    zoned, _ = read(cells, zone="Europe/Berlin")
    assert zoned[0] == "2024-03-02 23:00"


def test_other_small_numbers_stay_what_they_were():
    # Steps and weeks, of which the order alone is meant.
    assert read(["0", "17", "50000"])[1].times.tolist() == [0, 17_000_000, 50_000_000_000]
    assert read(["45354", "45275"], unit="s")[1].notes == []
