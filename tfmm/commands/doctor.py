"""`tfmm doctor`: what is installed, whether it fits together, and how to mend what does not."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug
from tfmm.commands.packages import PACKAGES, Package

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer()

PYTHONS = ((3, 11), (3, 12))


@app.command(cls=Command, help="check this installation")
def doctor(debug: Debug = False) -> int:
    report = diagnose()
    report.print()
    return 1 if report.broken else 0


@dataclass(frozen=True)
class Finding:
    """A line of the report: what was looked at and found; `ok`, `note` or `broken`; the fix."""

    what: str
    found: str
    state: str = "ok"
    fix: str = ""


@dataclass
class Diagnosis:
    """Everything the doctor found."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Whether tfmm cannot work as things are."""
        return any(finding.state == "broken" for finding in self.findings)

    def print(self, console: Console | None = None) -> None:
        """Prints a table of what was found, then every problem with its fix."""
        try:
            from rich.console import Console
            from rich.markup import escape
            from rich.table import Table
        except ImportError:
            self._print_plain()
            return
        console = console or Console()
        colours = {"ok": "green", "note": "yellow", "broken": "red"}
        table = Table("", "found", "state", box=None, pad_edge=False)
        for finding in self.findings:
            state = f"[{colours[finding.state]}]{finding.state}[/]"
            table.add_row(finding.what, escape(finding.found), state)
        console.print(table)
        for finding in self.findings:
            if finding.fix:
                console.print(
                    f"[{colours[finding.state]}]{finding.what}[/]: {escape(finding.fix)}",
                    soft_wrap=True,
                    highlight=False,
                )
        console.print(self._verdict())

    def _print_plain(self) -> None:
        for finding in self.findings:
            print(f"{finding.what:26}{finding.found:40}{finding.state}")
        for finding in self.findings:
            if finding.fix:
                print(f"{finding.what}: {finding.fix}")
        print(self._verdict())

    def _verdict(self) -> str:
        broken = sum(finding.state == "broken" for finding in self.findings)
        if broken:
            return f"{broken} {'thing is' if broken == 1 else 'things are'} broken."
        return "tfmm can work here."


def diagnose() -> Diagnosis:
    """Looks at the interpreter, every package, Keras, the devices and the machine; never raises."""
    report = Diagnosis()
    report.findings.append(python_finding(sys.version_info[:3]))
    versions = {package.name: installed_version(package.name) for package in PACKAGES}
    answer = _probe_each([p.module for p in PACKAGES if p.module and versions[p.name]])
    importable = answer.get("imports", {})
    for package in PACKAGES:
        report.findings.append(
            package_finding(package, versions[package.name], importable.get(package.module, ""))
        )
    report.findings.append(text_finding(versions["tensorflow"], versions["tensorflow-text"]))
    report.findings += [keras_finding(answer), devices_finding(answer)]
    report.findings += [fonts_finding(), *machine_findings()]
    return report


def python_finding(version: tuple[int, ...]) -> Finding:
    """Whether this Python is a tested one."""
    found = ".".join(map(str, version))
    tested = " or ".join(".".join(map(str, one)) for one in PYTHONS)
    if tuple(version[:2]) in PYTHONS:
        return Finding("Python", found)
    if tuple(version[:2]) < PYTHONS[0]:
        return Finding("Python", found, "broken", f"tfmm needs Python {tested}; install that.")
    return Finding(
        "Python",
        found,
        "note",
        f"tfmm is tested with Python {tested}; packages may lack wheels here.",
    )


def installed_version(name: str) -> str:
    """The installed version of a package; "" when it is not installed."""
    try:
        return metadata.version(name) or ""
    except metadata.PackageNotFoundError:
        return ""


def package_finding(package: Package, version: str, import_error: str = "") -> Finding:
    """Compares an installed version ("" for none) with the tested one.

    Args:
        package: what tfmm needs.
        version: what is installed.
        import_error: why importing it failed, "" if it did not.
    """
    wanted = f"pip install '{package.name}=={package.tested}'"
    if not version:
        if package.only_for:
            return Finding(
                package.name,
                "not installed (optional)",
                "note",
                f"only {package.only_for} needs it: {wanted}",
            )
        return Finding(package.name, "not installed", "broken", wanted)
    if import_error:
        return Finding(
            package.name,
            f"{version}, does not import",
            "note" if package.only_for else "broken",
            f"{import_error}. Reinstall the tested version: {wanted}",
        )
    if _numbers(version)[: package.exact] != _numbers(package.tested)[: package.exact]:
        need = ".".join(map(str, _numbers(package.tested)[: package.exact]))
        return Finding(
            package.name,
            f"{version}, tested {package.tested}",
            "note" if package.only_for else "broken",
            f"tfmm needs {package.name} {need}: {wanted}",
        )
    if version != package.tested:
        return Finding(package.name, f"{version} (tested {package.tested})")
    return Finding(package.name, version)


def text_finding(tensorflow: str, text: str) -> Finding:
    """tensorflow-text's ops load only into the TensorFlow (2.x) that they were built for."""
    what = "TensorFlow Text's match"
    if not tensorflow or not text:
        return Finding(what, "cannot tell", "note", "install both packages first")
    if _numbers(tensorflow)[:2] == _numbers(text)[:2]:
        return Finding(what, f"{text} with TensorFlow {tensorflow}")
    need = ".".join(map(str, _numbers(tensorflow)[:2]))
    return Finding(
        what,
        f"{text} with TensorFlow {tensorflow}",
        "broken",
        f"its ops fit one TensorFlow only: pip install 'tensorflow-text=={need}.*'",
    )


def machine_findings() -> list[Finding]:
    """Cores and memory that this process may use."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    findings = [Finding("cores", f"{cores} ({platform.machine()})")]
    gigabytes = _memory() / 1e9
    if gigabytes == 0:
        return findings
    if gigabytes < 4:
        findings.append(
            Finding(
                "memory",
                f"{gigabytes:.1f} GB",
                "note",
                "training the sample shop takes up to 4 GB; use a larger machine",
            )
        )
    else:
        findings.append(Finding("memory", f"{gigabytes:.1f} GB"))
    return findings


def fonts_finding() -> Finding:
    """Whether plots can show Chinese, Japanese and Korean."""
    what = "Chinese in plots"
    try:
        from tfmm.evaluation.plots.fonts import font_of, package_of
    except ImportError as error:
        return Finding(what, "cannot tell", "note", f"{error}: matplotlib comes first")
    names = dict.fromkeys(font_of(char) for char in "中カ한")
    if None not in names:
        return Finding(what, ", ".join(map(str, names)))
    return Finding(
        what,
        "no font for some Chinese, Japanese or Korean",
        "note",
        f"plots show □ for it until one is installed (on Debian and Ubuntu: {package_of('中')})",
    )


def _memory() -> int:
    """Bytes of memory: the machine's, or its control group's where lower; 0 if unknown."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(file, encoding="ascii") as limit:
                total = min(total, int(limit.read()))
        except (OSError, ValueError):
            continue
    return total


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version.split("+")[0])[:3])


# Run in a process of its own: a broken wheel may end the process that imports it, and what
# TensorFlow says while it starts stays out of this terminal.
_PROBE = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
answer = {"imports": {}, "keras": "", "devices": {}}
def why(error):
    return (f"{type(error).__name__}: {error}".splitlines() or [""])[0][:300]
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        answer["imports"][name] = ""
    except BaseException as error:
        answer["imports"][name] = why(error)
try:
    import tensorflow as tf
    package = tf.keras.Model.__module__.split(".")[0]
    answer["keras"] = importlib.import_module(package).__version__
    for device in tf.config.list_physical_devices():
        name = ""
        if device.device_type != "CPU":
            name = tf.config.experimental.get_device_details(device).get("device_name", "")
        answer["devices"].setdefault(device.device_type, []).append(name)
except BaseException as error:
    answer["failure"] = why(error)
print("\\n" + json.dumps(answer))
"""


def _probe(modules: list[str], timeout: float = 300.0) -> dict[str, Any]:
    """What a fresh interpreter says of these modules, Keras and devices; `failure` if it cannot."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, *modules],
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"failure": str(error).splitlines()[0]}
    try:
        return json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        lines = done.stderr.strip().splitlines()
        return {"failure": f"the interpreter ended with code {done.returncode}: {lines[-1:]}"}


def _probe_each(modules: list[str]) -> dict[str, Any]:
    """As `_probe`; where one module ends the interpreter, each is asked for alone."""
    together = _probe(modules)
    if "imports" in together:
        return together
    alone = {module: _probe([module]) for module in modules}
    imports = {
        module: answer.get("imports", {}).get(module, answer.get("failure", ""))
        for module, answer in alone.items()
    }
    return {**_probe([]), "imports": imports}


def keras_finding(answer: Mapping[str, Any]) -> Finding:
    """Whether `tf.keras` is Keras 2 once tfmm has chosen; `answer` is the probe's."""
    keras = str(answer.get("keras", ""))
    if keras.startswith("2."):
        return Finding("tf.keras", f"Keras {keras}, as TensorFlow Recommenders needs")
    return Finding(
        "tf.keras",
        f"Keras {keras}" if keras else "does not load",
        "broken",
        f"{answer.get('failure', 'it is not Keras 2')}. TensorFlow Recommenders needs Keras 2: "
        "pip install 'tf-keras>=2.20,<2.21'",
    )


def devices_finding(answer: Mapping[str, Any]) -> Finding:
    """The accelerators that TensorFlow sees."""
    accelerators = [
        f"{kind} {name}".strip()
        for kind, names in sorted(answer.get("devices", {}).items())
        for name in names
        if not kind.endswith("CPU")
    ]
    return Finding("devices", ", ".join(accelerators) or "CPU only")
