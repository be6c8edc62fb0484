import io
import time

from rich.console import Console

from tfmm.data import progress as module
from tfmm.data.progress import Bar, progress


def test_quick_work_writes_no_line_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(module, "_DELAY", -1)
    assert list(progress(range(5), 5, "counting")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def terminal(monkeypatch, delay):
    written = io.StringIO()
    monkeypatch.setattr(module, "_DELAY", delay)
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=written, force_terminal=True))
    assert list(progress(range(5), 5, "counting")) == [0, 1, 2, 3, 4]
    return written.getvalue()


def test_bar_shows_what_is_counted_when_it_takes_long(monkeypatch):
    assert "counting" in terminal(monkeypatch, -1)


def test_quick_work_shows_no_bar(monkeypatch):
    assert terminal(monkeypatch, 60) == ""


def test_a_line_every_ten_seconds_says_rate_and_time_left_without_a_terminal(capsys, monkeypatch):
    clock = iter(range(100, 1000, 4))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(Bar, "_told", 0.0)
    assert len(list(progress(range(10), 10, "解码图片", unit="images"))) == 10
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "解码图片: 3 of 10, 0.25 images/s, 0:00:28 left",
        "解码图片: 6 of 10, 0.25 images/s, 0:00:16 left",
        "解码图片: 9 of 10, 0.25 images/s, 0:00:04 left",
    ]


def test_a_bar_within_a_bar_stands_below_it(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(module, "_DELAY", -1)
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=written, force_terminal=True))
    with Bar(2, "outer") as outer:
        outer.advance()
        inner = progress(range(5), 5, "inner")
        assert next(inner) == 0
        assert next(inner) == 1
        Bar._screen.refresh()
        assert [bar.description for bar in Bar._shown] == ["outer", "inner"]
        last = written.getvalue().rpartition("outer")[2]
        assert "inner" in last
        inner.close()
        assert [bar.description for bar in Bar._shown] == ["outer"]
    assert Bar._screen is None
    assert Bar._shown == []


def test_a_step_that_takes_long_is_shown_before_it_is_done(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(module, "_DELAY", 0.01)
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=written, force_terminal=True))
    with Bar(2, "分块"):
        until = time.monotonic() + 5
        while "分块" not in written.getvalue() and time.monotonic() < until:
            time.sleep(0.01)
    assert "0/2" in written.getvalue()
    assert Bar._screen is None


def test_what_was_done_before_does_not_count_for_the_rate(capsys, monkeypatch):
    clock = iter(range(100, 1000, 20))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(Bar, "_told", 0.0)
    with Bar(20, "trials", unit="trials", done=10) as bar:
        bar.advance()
    assert capsys.readouterr().err == "trials: 11 of 20, 0.05 trials/s, 0:03:00 left\n"


def test_stopping_in_the_middle_shows_the_cursor_again(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(module, "_DELAY", -1)
    monkeypatch.setattr(module, "Console", lambda **_: Console(file=written, force_terminal=True))
    bar = Bar(9, "[counting]")
    bar.advance()
    assert "[counting]" in written.getvalue()
    assert written.getvalue().rindex("\x1b[?25l") > written.getvalue().rfind("\x1b[?25h")
    bar.stop()
    assert written.getvalue().rindex("\x1b[?25h") > written.getvalue().rindex("\x1b[?25l")
