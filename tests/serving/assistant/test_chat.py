"""`tfmm chat`, on folders and addresses, with what is typed line by line."""

from __future__ import annotations

import io

import pytest

from tests.serving.assistant.dialogues import FAQ
from tfmm.commands import main as cli
from tfmm.serving.assistant import State
from tfmm.serving.assistant.open_assistant import open_assistant
from tfmm.serving.server.open_model import OpenModelError


@pytest.fixture
def talked(monkeypatch, capsys):
    """What is printed where these lines are typed."""

    def talk(lines: list[str], *options: str) -> list[str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
        assert cli.main(["chat", *options]) == 0
        return capsys.readouterr().out.splitlines()

    return talk


def test_a_conversation_in_the_terminal(served, talked, tmp_path):
    file = tmp_path / "talk.json"
    lines = [
        "red dresses under 60",
        "",
        f"/save {file}",
        "/trace",
        "/what",
        "/image no.jpg",
        "/quit",
    ]
    said = talked(lines, str(served.models), "--faq", str(FAQ), "--shown", "2")
    assert said[0] == "> red dresses under 60"
    assert said[1].startswith("I found 4 products")
    assert [line.split()[0] for line in said[2:4]] == ["1", "2"]
    assert "price" not in said[2]
    assert "." in said[2].split()[-2]
    assert f"wrote {file}" in said
    assert ' "heard": "red dresses under 60",' in said
    assert any("no such command" in line for line in said)
    assert any("no.jpg" in line and "> " not in line for line in said)
    address = f"{served.server.grpc_address}/shop"
    catalog = str(served.models / "shop" / "1" / "assets.extra" / "search_catalog.parquet")
    more = talked(["cheaper"], address, "--catalog", catalog, "--state", str(file))
    assert more[1].startswith("I found")
    assert State.load(file).turn == 1


def test_what_is_typed_and_titled_is_no_markup(served, talked):
    said = talked(["[red]hello[/] \x1b[31m", "/new"], str(served.models))
    assert "\x1b" not in "".join(said)
    assert said[0].startswith("> [red]hello[/]")
    assert said[-1] == "started over"


def test_what_is_no_folder_of_models_is_told(served, tmp_path, capsys):
    assert cli.main(["chat", str(tmp_path)]) == 1
    assert "holds no model" in capsys.readouterr().err
    address = f"{served.server.grpc_address}/shop"
    with pytest.raises(OpenModelError, match="no catalogue"), open_assistant(address):
        pass
