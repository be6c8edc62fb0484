import numpy as np

from tfmm.data.events.event_log import Events

DAY = 86_400_000_000


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
