"""Which notebooks the documentation shows."""

from __future__ import annotations

import json

from tools.docs_site.notebooks import quiet, shown


def notebook(path, source, outputs=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = {"cell_type": "code", "source": source, "outputs": list(outputs)}
    path.write_text(json.dumps({"cells": [cell]}), encoding="utf-8")
    return path


def test_an_executed_notebook_is_shown_while_its_cells_are_the_same(tmp_path):
    first = notebook(tmp_path / "notebooks/01_é.ipynb", "print('帽')\nx = 1")
    second = notebook(tmp_path / "notebooks/02.ipynb", "1 + 1")
    assert shown(tmp_path) == [first, second]
    lines = ["print('帽')\n", "x = 1"]
    executed = notebook(tmp_path / "build/notebooks/01_é.ipynb", lines, [{"text": "帽"}])
    notebook(tmp_path / "build/notebooks/02.ipynb", "1 + 2", [{"text": "3"}])
    notebook(tmp_path / "build/notebooks/gone.ipynb", "0")
    assert shown(tmp_path) == [executed, second]


def test_what_tensorflow_says_of_itself_is_not_shown():
    written = '<div class="o" data-mime-type="{}" tabindex="0">\n<pre>{}</pre>\n</div>\n'
    said = written.format("text/plain", "INFO:tensorflow:Assets written\nепоха 1\n")
    noise = written.format("application/vnd.jupyter.stderr", "E cuda\nfailed\n")
    page = f"<p>1 & 2</p>\n{noise}{said}{noise}"
    assert quiet(page).split("\n") == [
        "<p>1 & 2</p>",
        *["", '<div class="o" data-mime-type="text/plain" tabindex="0">'],
        *["<pre>епоха 1", "</pre>", "</div>", "", ""],
    ]
