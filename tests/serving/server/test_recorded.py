"""TensorFlow Serving's own recorded answers, replayed against this server where they are at
hand."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

import pytest

from tfmm.serving import Server

RECORDED = Path(os.environ.get("TFMM_DATA") or "no folder").parent / "tf_serving"


@pytest.mark.realdata
@pytest.mark.skipif(not (RECORDED / "replay.py").is_file(), reason=f"{RECORDED} is not there")
def test_every_recorded_answer_is_given(tmp_path, monkeypatch, capsys):
    runpy.run_path(str(RECORDED / "make_model.py"))["main"](str(tmp_path))
    config = tmp_path / "models.config"
    template = (RECORDED / "models.config.template").read_text()
    config.write_text(template.replace("MODELS", str(tmp_path)))
    with Server(models_config=config, grpc_port=0, rest_port=0) as server:
        addresses = ["--rest", server.rest_address, "--grpc", server.grpc_address]
        monkeypatch.setattr(sys, "argv", ["replay.py", *addresses])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(RECORDED / "replay.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert ended.value.code == 0, said
    assert "79 of 79 answers as recorded" in said
