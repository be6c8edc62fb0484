"""The doctor's judgement of versions, Keras and machine, and that nothing makes it fail."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from tfmm.commands import doctor
from tfmm.commands import main as cli
from tfmm.commands.doctor import Diagnosis, Finding
from tfmm.commands.packages import PACKAGES, Package

PROJECT = Path(__file__).resolve().parents[2]


def printed(report: Diagnosis) -> str:
    out = io.StringIO()
    report.print(Console(file=out, width=200))
    return out.getvalue()


def test_installation_under_test_is_sound():
    report = doctor.diagnose()
    assert [f for f in report.findings if f.state == "broken"] == []
    found = {f.what: f.found for f in report.findings}
    assert set(found) >= {package.name for package in PACKAGES} | {"Python", "devices", "cores"}
    assert found["tf.keras"].startswith("Keras 2.")
    assert "tfmm can work here." in printed(report)


def test_missing_package_is_broken_with_the_command_that_installs_it():
    finding = doctor.package_finding(Package("tf-keras", "2.20.1", exact=2), "")
    assert finding == Finding(
        "tf-keras", "not installed", "broken", "pip install 'tf-keras==2.20.1'"
    )


def test_missing_optional_package_is_only_noted():
    scann = next(package for package in PACKAGES if package.name == "scann")
    finding = doctor.package_finding(scann, "")
    assert finding.state == "note"
    assert "ScaNN" in finding.fix
    assert "pip install 'scann==1.4.2'" in finding.fix


@pytest.mark.parametrize(
    ("version", "state"),
    [("2.20.1", "ok"), ("2.20.0", "ok"), ("2.19.4", "broken"), ("2.21.0rc1", "broken")],
)
def test_minor_version_must_be_the_tested_one_where_it_matters(version, state):
    finding = doctor.package_finding(Package("tensorflow", "2.20.0", exact=2), version)
    assert finding.state == state
    assert ("tensorflow 2.20" in finding.fix) == (state == "broken")


def test_package_that_does_not_import_tells_why():
    finding = doctor.package_finding(Package("grpcio", "1.85.1"), "1.85.1", "ImportError: no GLIBC")
    assert finding.state == "broken"
    assert "no GLIBC" in finding.fix


def test_tensorflow_text_must_match_tensorflow():
    assert doctor.text_finding("2.20.0", "2.20.1").state == "ok"
    wrong = doctor.text_finding("2.20.0", "2.19.0")
    assert wrong.state == "broken"
    assert "tensorflow-text==2.20.*" in wrong.fix
    assert doctor.text_finding("", "2.20.0").state == "note"


def test_keras_3_is_broken_with_its_fix():
    finding = doctor.keras_finding({"keras": "3.15.1"})
    assert finding.state == "broken"
    assert "tf-keras" in finding.fix
    assert doctor.keras_finding({"failure": "ImportError: x"}).fix.startswith("ImportError: x")


def test_accelerators_are_named():
    answer = {"devices": {"CPU": [""], "GPU": ["Tesla T4", "Tesla T4"]}}
    assert doctor.devices_finding(answer).found == "GPU Tesla T4, GPU Tesla T4"
    assert doctor.devices_finding({}).found == "CPU only"


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 11, 7), "ok"), ((3, 12, 1), "ok"), ((3, 10, 1), "broken"), ((3, 14, 0), "note")],
)
def test_python_version(version, state):
    assert doctor.python_finding(version).state == state


def test_module_that_ends_the_interpreter_is_found_and_the_others_still_judged(monkeypatch):
    def run(command, **_):
        modules = command[3:]
        crash = "bad" in modules
        imports = dict.fromkeys(modules, "")
        answer = json.dumps({"imports": imports, "keras": "2.20.1", "devices": {}})
        return subprocess.CompletedProcess(
            command, -11 if crash else 0, "" if crash else answer, "Fatal: Segmentation fault"
        )

    monkeypatch.setattr(doctor.subprocess, "run", run)
    answer = doctor._probe_each(["good", "bad"])
    assert answer["imports"]["good"] == ""
    assert "-11" in answer["imports"]["bad"]
    assert answer["keras"] == "2.20.1"


def test_nothing_installed_is_a_report_and_not_a_crash(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "installed_version", lambda name: "")
    monkeypatch.setattr(doctor, "_probe", lambda modules: {"failure": "ModuleNotFoundError: x"})
    assert cli.main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "pip install 'tensorflow==2.20.0'" in out
    assert "are broken" in out


def test_report_prints_without_rich(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    Diagnosis([Finding("rich", "not installed", "broken", "pip install rich")]).print()
    out = capsys.readouterr().out
    assert "rich: pip install rich" in out
    assert "1 thing is broken." in out


def test_tested_versions_are_those_of_the_constraints_file():
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    assert {p.name: p.tested for p in PACKAGES} == {p.name: pins[p.name] for p in PACKAGES}


def test_every_extra_that_adds_something_is_looked_at():
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    ours = {"test", "dev", "docs", "notebooks"}
    named = {
        re.split(r"[<>=\[]", needed)[0]
        for extra, all_needed in extras.items()
        if extra not in ours
        for needed in all_needed
    }
    assert named <= {package.name for package in PACKAGES}
