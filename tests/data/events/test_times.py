import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tfmm.data import ShopFileError
from tfmm.data.events.times import parse_times
from tfmm.data.shop_file.specs import TimeSpec
from tfmm.data.tables import TableError

SEPTEMBER = 1_600_214_400_000_000  # 2020-09-16 00:00 UTC
HOUR = 3_600_000_000


def parse(cells, kind=None, **how):
    read = parse_times(pa.chunked_array([pa.array(cells, kind)]), "time", TimeSpec(**how))
    assert read.times.dtype == np.int64
    return read.times.tolist(), read.bad.tolist()


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["2020-09-16"], None),
        (["2020-09-16T00:00:00"], None),
        (["2020-09-16 00:00:00.000"], None),
        (["2020-09-16T00:00:00Z"], None),
        (["2020-09-16T02:00:00+02:00"], None),
        (["20200916"], None),
        (["1600214400"], None),
        (["1600214400.0"], None),
        (["1600214400000"], None),
        ([20200916], pa.int32()),
        ([1600214400], pa.int64()),
        ([1600214400.0], pa.float64()),
        ([1600214400000], pa.int64()),
        ([1600214400000000], pa.int64()),
        ([1600214400000000000], pa.int64()),
        ([18521], pa.date32()),
        ([pd.Timestamp("2020-09-16")], pa.timestamp("ns")),
        ([pd.Timestamp("2020-09-16", tz="UTC")], pa.timestamp("ms", "Europe/Paris")),
    ],
)
def test_every_form_of_a_time_is_the_same_moment(cells, kind):
    assert parse(cells, kind) == ([SEPTEMBER], [False])


def test_fractions_of_seconds_survive():
    assert parse(["2020-09-16T00:00:00.123456"])[0] == [SEPTEMBER + 123_456]
    assert parse(["1600214400.5"])[0] == [SEPTEMBER + 500_000]


def test_times_of_mixed_zones_become_utc():
    times, _ = parse(["2020-09-16T00:00:00", "2020-09-15T20:00:00-04:00", "2020-09-16"])
    assert times == [SEPTEMBER] * 3


def test_impossible_times_are_bad():
    ahead = time.time() + 2 * 86_400
    assert parse(["2020-09-16", "soon", "", "1969-12-31", "2999-01-01"])[1] == [
        False,
        True,
        True,
        True,
        True,
    ]
    assert parse(["1600214400", "x", "", "-5", str(int(ahead))])[1] == [False] + [True] * 4
    assert parse([1600214400, None, -5], pa.int64())[1] == [False, True, True]
    assert parse([1e30, 1.6e9, np.nan, np.inf], pa.float64())[1] == [True, False, True, True]
    assert parse([1.6e18, 1.6e18, 1e30], pa.float64())[1] == [False, False, True]
    assert parse([None, pd.Timestamp("2020-09-16")], pa.timestamp("us"))[1] == [True, False]


def test_a_few_hours_ahead_is_a_clock_not_a_mistake():
    soon = int(time.time()) + 3600
    assert parse([soon, soon - 10], pa.int64())[1] == [False, False]


def test_eight_digits_that_spell_no_date_are_seconds():
    assert parse([20209999], pa.int64())[0] == [20209999_000_000]


def test_lists_are_no_times():
    with pytest.raises(TableError, match="expected ISO 8601 text, times or unix time"):
        parse([[1]])


@pytest.mark.parametrize(
    ("cells", "format"),
    [
        (["16/09/2020", "31/12/2019"], "%d/%m/%Y"),
        (["09/16/2020", "1/2/2019"], "%m/%d/%Y"),
        (["16.09.2020", "1.2.2019"], "%d.%m.%Y"),
        (["16-09-20", "31-12-19"], "%d-%m-%y"),
        (["2020/09/16 00:00", "2020/1/2 3:04"], None),
        (["16/09/2020 00:00:00", "01/02/2020 03:04:05"], "%d/%m/%Y %H:%M:%S"),
        (["09/16/2020 12:00 AM", "01/02/2020 03:04 PM"], "%m/%d/%Y %I:%M %p"),
        (["09 16, 2020", "02 1, 2019"], "%m %d, %Y"),
        (["16 Sep 2020", "1 May 2019"], "%d %b %Y"),
        (["September 16, 2020", "May 1, 2019"], "%B %d, %Y"),
        (["Wed, 16 Sep 2020 00:00:00 GMT", "Thu, 17 Sep 2020 01:00:00 GMT"], None),
        (["Wed Sep 16 00:00:00 2020", "Thu Sep 17 01:00:00 2020"], "%a %b %d %H:%M:%S %Y"),
        (["16/Sep/2020:02:00:00 +0200"], None),
        (["2020年9月16日", "2020年10月1日"], "%Y年%m月%d日"),
        (["16092020", "31122019"], "%d%m%Y"),
        (["20200916000000", "20200917010203"], None),
        (["2020-09-16 00:00:00 UTC", "2020-09-16 00:00:00.5 UTC"], None),
        (["Sep 16, 2020, 12:00 AM", "Sep 17, 2020, 11:59 PM"], "%b %d, %Y, %I:%M %p"),
        (["202009160000", "202009170102"], None),
    ],
)
def test_format_is_found_over_the_whole_column(cells, format):
    read = parse_times(pa.chunked_array([[*cells, ""]]), "time")
    assert read.times[0] == SEPTEMBER
    assert read.bad[0] == np.False_
    assert read.bad[-1] == np.True_
    assert format is None or f"format {format!r}" in read.notes[0]


def test_late_cell_decides_the_order_for_all():
    cells = ["01/02/2020"] * 1000 + ["02/03/2020", "31/12/2019"]
    read = parse_times(pa.chunked_array([cells[:500], cells[500:]]), "time")
    assert not read.bad.any()
    assert pd.Timestamp(read.times[0], unit="us") == pd.Timestamp("2020-02-01")


@pytest.mark.parametrize(
    "cells",
    [
        ["01/02/2023", "03/04/2023"],
        ["31/12/2022", "12/31/2022"],
        ["01-02-03", "04-05-06"],
        ["01/02/2023 10:00", "03/04/2023 11:00"],
        ["01022023", "03042023"],
    ],
)
def test_column_that_fits_two_formats_asks(cells):
    with pytest.raises(TableError, match=r"fits two formats, .*'%.*Say which .*format: \"%"):
        parse_times(pa.chunked_array([cells]), "time")


def test_two_formats_of_the_same_times_do_not_ask():
    assert parse(["02/02/2020", "03/03/2020"])[1] == [False, False]


def test_a_few_cells_of_another_format_are_bad_and_not_read_another_way():
    times, bad = parse(["16/09/2020", "31/12/2019", "30/11/2019", "12/31/2019", "2019-12-31"])
    assert bad == [False, False, False, True, True]
    assert times[0] == SEPTEMBER


def test_one_bad_date_of_many_spelled_leaves_the_others():
    assert parse([20200916, 20201399, 20200916, 0], pa.int64()) == (
        [SEPTEMBER, 0, SEPTEMBER, 0],
        [False, True, False, True],
    )


def test_what_the_shop_file_says_of_times_goes_first():
    assert parse(["09/10/2020"], format="%d/%m/%Y")[0] == [SEPTEMBER + (23 * 24) * HOUR]
    assert parse(["2020-09-16"], format="%d/%m/%Y")[1] == [True]
    assert parse([16092020], pa.int64(), format="%d%m%Y")[0] == [SEPTEMBER]
    assert parse(["20200916"], unit="s")[0] == [20200916_000_000]
    assert parse([1_600_214_400], pa.int64(), unit="ms")[0] == [1_600_214_400_000]
    assert parse(["soon", "later", "1600214400"], unit="s")[1] == [True, True, True]


def test_zone_is_of_times_that_name_none():
    berlin = {"zone": "Europe/Berlin"}
    assert parse(["2020-09-16T02:00", "2020-09-16T00:00Z"], **berlin)[0] == [SEPTEMBER] * 2
    assert parse(["2020-09-16 05:30:00+05:30"], **berlin)[0] == [SEPTEMBER]
    assert parse(["16/09/2020 02:00"], **berlin)[0] == [SEPTEMBER]
    assert parse([pd.Timestamp("2020-09-16 02:00")], pa.timestamp("ns"), **berlin)[0] == [SEPTEMBER]
    # An hour that clocks show twice is the first; one that they skip is the next that they show.
    assert parse(["2020-10-25T02:30", "2020-03-29T02:30"], **berlin)[0] == [
        pd.Timestamp("2020-10-25 00:30").value // 1000,
        pd.Timestamp("2020-03-29 01:00").value // 1000,
    ]


def test_times_of_the_shop_file_round_trip_and_are_read(shop):
    shop.write("events.csv", "user,item,when\nu1,001,01/02/2020\nu2,002,03/04/2020\n")
    with pytest.raises(ShopFileError, match=r"events\.csv, column 'when' fits two formats"):
        shop.load()
    shop.mapping["events"]["time"] = {"column": "when", "format": "%d/%m/%Y", "zone": "UTC"}
    data = shop.load()
    assert str(pd.Timestamp(data.events.time[0], unit="us").date()) == "2020-02-01"
    assert data.shop.to_dict()["events"]["time"] == shop.mapping["events"]["time"]
    assert type(data.shop).from_dict(data.shop.to_dict()).events == data.shop.events


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"format": "%q"}, "`events.time.format`.*'%q' is no format of times"),
        ({"format": "%d/%m"}, "has no year"),
        ({"zone": "Berlin"}, "'Berlin' is no time zone"),
        ({"unit": "s", "zone": "UTC"}, "which have no `zone`"),
        ({"unit": "h"}, "must be `s`, `ms`, `us` or `ns`, got 'h'"),
        ({"formt": "%Y"}, "unknown key"),
    ],
)
def test_wrong_way_of_writing_times_is_told(shop, how, told):
    shop.mapping["events"]["time"] = {"column": "when", **how}
    with pytest.raises(ShopFileError, match=told):
        shop.load()
