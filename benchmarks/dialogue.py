"""What shoppers and others say, understood: intents, slots, and what is out of scope.

    TFMM_DATA=data python benchmarks/dialogue.py clinc150 clinc150_10 restaurant8k simmc_dialogue

A row a name and seed, by the run files of `examples`; `clinc150_10` learns from ten examples of
each intent. The tables are prepared by `examples/NAME/prepare.py`. Baselines are of the same run.
Results go to benchmarks/results/dialogue.json.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import tempfile
import time
from pathlib import Path
from typing import Any

from common import RESULTS, data_folder, report

from tfmm.tasks.config import RunConfig
from tfmm.training import train

EXAMPLES = Path(__file__).parents[1] / "examples"
#: The example of each row, and what its run file says otherwise.
ROWS: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {
    "clinc150": ("clinc150", {}),
    "clinc150_10": ("clinc150", {"split": {"examples": 10}, "train": {"epochs": 8}}),
    "restaurant8k": ("restaurant8k", {}),
    "simmc_dialogue": ("simmc_dialogue", {}),
}


def row_of(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Trains a row's model and measures it beside its baselines."""
    example, changes = ROWS[name]
    runpy.run_path(str(EXAMPLES / example / "prepare.py"))["prepare"](data_folder(), folder)
    os.environ["TFMM_QUERIES"] = str(folder)
    config = RunConfig.from_file(EXAMPLES / example / "run.yaml")
    for section, values in {**changes, "train": {**changes.get("train", {}), "seed": seed}}.items():
        part = getattr(config, section).with_values(**values)
        config = config.with_values(**{section: part})
    started = time.perf_counter()
    run = train(config, folder / "runs" / f"{name}_{seed}")
    metrics = run.metrics
    best = metrics["baselines"].get("svm", metrics["baselines"].get("dictionary", {}))
    names = ("accuracy", "macro_f1", "scope_auc", "scope_aupr", "span_f1")
    return {
        "name": name,
        "seed": seed,
        **{key: _digits(metrics["model"].get(key)) for key in names},
        **{f"baseline {key}": _digits(best.get(key)) for key in ("accuracy", "span_f1")},
        "calibration error": _digits(metrics["model"].get("calibration_error")),
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }


def _digits(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(ROWS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    kept = RESULTS / "dialogue.json"
    rows = json.loads(kept.read_text("utf-8"))["rows"] if kept.exists() else []
    for name in given.names:
        for seed in range(1, given.seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                row = row_of(name, seed, Path(folder))
            rows = [old for old in rows if (old["name"], old["seed"]) != (name, seed)] + [row]
            report("dialogue", rows, {"names": sorted({row["name"] for row in rows})})


if __name__ == "__main__":
    main()
