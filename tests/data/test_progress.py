import io

from rich.console import Console

from tfmm.data import progress as module
from tfmm.data.progress import progress


def test_nothing_is_written_without_a_terminal(capsys, monkeypatch):
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
