"""Export a run with a ScaNN index, and say what a server needs for it.

python export/scann_servable.py RUN MODELS --recall 0.95

ScaNN is the fastest index there is here, but its ops are in no stock server: README.md beside this
file says how to build one that has them. Where that is too much, `index: {kind: auto}` serves
everywhere.
"""

from __future__ import annotations

import argparse
import importlib.util

from tfmm.export import check_stock, export_model
from tfmm.index import index_for
from tfmm.training import load_run


def main() -> None:
    """Exports RUN into MODELS and prints which ops the server must have."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="the folder that `tfmm train` wrote")
    parser.add_argument("models", help="the folder that a server serves models from")
    parser.add_argument("--recall", type=float, default=0.95, help="share of the best to find")
    parser.add_argument("--name", help="the model's name (default: the run's and `_scann`)")
    arguments = parser.parse_args()
    if importlib.util.find_spec("scann") is None:
        parser.exit(
            1,
            "ScaNN is not installed in this Python. `pip install 'tfmm[scann]'` installs it (Linux "
            "on x86-64 or aarch64), in the version that was tested with this TensorFlow.\n",
        )

    run = load_run(arguments.run)
    k = run.config.index.k
    version = export_model(
        run,
        arguments.models,
        # A name of its own, so that a stock server that polls the folder never meets it as the
        # newest version of the model it serves.
        name=arguments.name or f"{run.config.name}_scann",
        k=k,
        index=index_for("scann", k=k, recall=arguments.recall),
    )
    print(f"Wrote {version}")
    print(*check_stock(version), sep="\n")


if __name__ == "__main__":
    main()
