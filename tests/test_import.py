"""What `import tfmm` does to a process, seen from fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tfmm

REPOSITORY = Path(__file__).resolve().parents[1]


def python(program: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=timeout,
        check=False,
    )


def test_import_alone_loads_nothing_but_itself_and_the_standard_library():
    done = python(
        "import sys; before = set(sys.modules); import tfmm\n"
        "new = set(sys.modules) - before\n"
        "print(sorted({n.split('.')[0] for n in new} - sys.stdlib_module_names), len(new) < 100)"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['tfmm'] True\n"


def test_help_loads_neither_tensorflow_nor_tables():
    """Of `tfmm` and of every command: that is what keeps it, and completion, under 0.3 s."""
    done = python(
        "import sys\n"
        "from tfmm.commands.main import COMMANDS, main\n"
        "assert main(['--help']) == 0\n"
        "for module in COMMANDS:\n"
        "    assert main([module.__name__.split('.')[-1], '--help']) == 0\n"
        "heavy = 'tensorflow keras numpy pandas pyarrow scipy matplotlib PIL yaml rich grpc'\n"
        "print('heavy', sorted({*heavy.split()} & set(sys.modules)))\n"
        "print('rooms', sorted(n for n in sys.modules if n.count('.') == 1 and n[:5] == 'tfmm.'))"
    )
    assert done.returncode == 0, done.stderr
    *_, heavy, rooms = done.stdout.splitlines()
    assert heavy == "heavy []"
    assert rooms == "rooms ['tfmm._moved', 'tfmm.commands']"


def test_import_before_tensorflow_chooses_keras_2():
    done = python("import tfmm, tensorflow as tf; print(tf.keras.Model.__module__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tf_keras")


def test_import_after_tensorflow_but_before_its_keras_still_chooses_keras_2():
    done = python("import tensorflow as tf; import tfmm; print(tf.keras.Model.__module__)")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tf_keras")


def test_import_after_keras_3_was_resolved_says_what_to_do():
    done = python("import tensorflow as tf; tf.keras.Model; import tfmm")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ImportError: tfmm needs tf.keras to be Keras 2")
    assert "put `import tfmm` before the first use of tf.keras" in message
    assert "TF_USE_LEGACY_KERAS=1" in message


def test_public_names_are_listed_and_unknown_ones_refused():
    done = python(
        "import tfmm\n"
        "assert 'load' in dir(tfmm) and 'sample_shop' in dir(tfmm)\n"
        "try: tfmm.lod\n"
        "except AttributeError as error: print(error)"
    )
    assert done.returncode == 0, done.stderr
    assert "'lod'" in done.stdout


@pytest.mark.slow
def test_every_public_name_is_typed_and_loads_what_it_says(tmp_path):
    script = tmp_path / "typed.py"
    names = [name for name in tfmm.__all__ if name != "__version__"]
    script.write_text("import tfmm\n" + "".join(f"reveal_type(tfmm.{name})\n" for name in names))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--ignore-missing-imports",
            "--follow-imports=silent",
            script,
        ],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
        timeout=600,
    )
    told = [line for line in done.stdout.splitlines() if "Revealed type" in line]
    assert len(told) == len(names), done.stdout
    assert not [line for line in told if 'is "Any"' in line]
    assert set(names) == set(tfmm._PUBLIC)
    for name in names:
        assert getattr(tfmm, name).__name__ == name
