import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tfmm.data.events.event_log import Events, parse_times
from tfmm.data.tables import TableError

DAY = 86_400_000_000
SEPTEMBER = 1_600_214_400_000_000  # 2020-09-16 00:00 UTC


def parse(cells, kind=None):
    times, bad = parse_times(pa.chunked_array([pa.array(cells, kind)]), "time")
    assert times.dtype == np.int64
    return times.tolist(), bad.tolist()


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


def test_taken_events_keep_their_columns_together():
    events = Events(
        np.array([0, 1], np.int32),
        np.array([2, 3], np.int32),
        np.array([DAY, 2 * DAY]),
        np.array([1, 0.5], np.float32),
        {"fold": np.array([7, 8])},
    )
    taken = events.take([1])
    assert (taken.user[0], taken.item[0], taken.time[0], taken.extra["fold"][0]) == (
        1,
        3,
        2 * DAY,
        8,
    )
    assert len(taken) == 1
