"""The command `tfmm`: check, encoders, features, train, recommend, export, index, serve, doctor,
demo.

Every command imports what it needs when it runs, so that `tfmm --help` answers at once.
Exit codes: 0 done, 1 something in the input or the machine is wrong (one clear message), 2 wrong
usage, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from tfmm import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line, without the program's name; returns the exit code."""
    options = _parser().parse_args(arguments)
    if not options.debug:
        _quiet_tensorflow()
    try:
        return options.command(options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if options.debug or not _is_for_the_user(error):
            raise
        print(f"tfmm {options.name}: {_message(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    parser = argparse.ArgumentParser(
        prog="tfmm",
        description="From a shop's catalogue and events to a multimodal recommender that "
        "TensorFlow Serving serves.",
    )
    parser.add_argument("--version", action="version", version=f"tfmm {__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND", required=True)

    check = commands.add_parser("check", parents=[shared], help="load a shop and report its flaws")
    check.add_argument("shop", type=Path, metavar="SHOP.yaml", help="the shop file")
    check.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON too")
    check.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="CHECK=POLICY",
        help="set the policy of one check (drop, mask, raise, keep); may be given several times",
    )
    check.set_defaults(command=_check)

    encoders = commands.add_parser("encoders", parents=[shared], help="list the encoders")
    encoders.set_defaults(command=_encoders)

    features = commands.add_parser(
        "features", parents=[shared], help="run frozen encoders over the catalogue, once"
    )
    features.add_argument("file", type=Path, metavar="RUN.yaml|SHOP.yaml", help="run or shop file")
    features.add_argument(
        "--encoder",
        action="append",
        default=[],
        metavar="FEATURE=NAME",
        help="encode this feature by this encoder; may be given several times",
    )
    features.set_defaults(command=_features)

    train = commands.add_parser("train", parents=[shared], help="train a model and measure it")
    train.add_argument("config", type=Path, metavar="RUN.yaml", help="the run file")
    train.add_argument(
        "--out", type=Path, required=True, metavar="RUN", help="the run folder to write"
    )
    train.add_argument(
        "--from",
        dest="from_run",
        type=Path,
        metavar="OLD_RUN",
        help="start from this run's weights",
    )
    train.set_defaults(command=_train)

    recommend = commands.add_parser(
        "recommend", parents=[shared], help="write recommendations for many users to Parquet"
    )
    recommend.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    recommend.add_argument(
        "--users",
        type=Path,
        metavar="FILE",
        help="user ids: a text file with one a line, or a table (CSV, TSV, JSONL, Parquet) with "
        "the shop file's column of user ids; without it, all users",
    )
    recommend.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")
    recommend.add_argument("--k", type=_positive, default=20, help="items for each user (20)")
    recommend.set_defaults(command=_recommend)

    export = commands.add_parser(
        "export", parents=[shared], help="write a servable SavedModel, or check one"
    )
    export.add_argument("run", type=Path, nargs="?", metavar="RUN", help="the run folder")
    export.add_argument("--out", type=Path, metavar="MODELS", help="the folder of all models")
    export.add_argument(
        "--check",
        type=Path,
        metavar="DIR",
        help="write nothing; say whether the stock TensorFlow Serving server can serve the "
        "versions in DIR (a version, a model or a folder of models, of any origin)",
    )
    export.add_argument("--name", help="the model's name (default: the run's)")
    export.add_argument(
        "--k", type=_positive, help="items in an answer (default: the run's index.k)"
    )
    export.add_argument(
        "--index",
        metavar="KIND",
        help="auto, brute_force, ivf or scann (default: the run's index.kind)",
    )
    export.add_argument(
        "--no-exclude-seen",
        dest="exclude_seen",
        action="store_false",
        help="also recommend items that the user has events of",
    )
    export.add_argument(
        "--weights",
        choices=("float32", "bfloat16", "int8"),
        default="float32",
        help="how the tables of vectors are stored; the loss in recall is measured and said",
    )
    export.set_defaults(command=_export, wrong_usage=export.error)

    index = commands.add_parser(
        "index",
        parents=[shared],
        help="write a version with new and changed items, users and events, without training",
    )
    index.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    index.add_argument(
        "--shop", type=Path, metavar="SHOP.yaml", help="the shop file (default: the run's)"
    )
    index.add_argument(
        "--out", type=Path, required=True, metavar="MODELS", help="the folder of all models"
    )
    index.add_argument("--name", help="the model's name (default: the run's)")
    index.set_defaults(command=_index)

    serve = commands.add_parser("serve", parents=[shared], help="serve exported models")
    serve.add_argument(
        "models", type=Path, nargs="?", metavar="MODELS", help="the folder of all models"
    )
    serve.add_argument(
        "--model-config-file",
        "--model_config_file",
        type=Path,
        metavar="FILE",
        help="a models.config instead: which models, versions and labels",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    serve.add_argument("--grpc-port", type=_port, default=8500, help="0 takes a free one (8500)")
    serve.add_argument("--rest-port", type=_port, default=8501, help="0 takes a free one (8501)")
    for flag, help_text in (
        ("--batching-parameters-file", "merge requests that come together, as this file says"),
        ("--monitoring-config-file", "Prometheus metrics on the REST port, as this file says"),
        ("--ssl-config-file", "TLS on both ports, with this file's key and certificates"),
    ):
        # TensorFlow Serving spells its flags with underscores.
        serve.add_argument(
            flag, "--" + flag[2:].replace("-", "_"), type=Path, metavar="FILE", help=help_text
        )
    serve.add_argument(
        "--enable-batching",
        "--enable_batching",
        action="store_true",
        help="merge requests that come together (with TensorFlow Serving's defaults)",
    )
    serve.add_argument(
        "--threads", type=_positive, help="requests answered at once, where they are not merged"
    )
    serve.set_defaults(command=_serve)

    doctor = commands.add_parser("doctor", parents=[shared], help="check this installation")
    doctor.set_defaults(command=_doctor)

    demo = commands.add_parser(
        "demo", parents=[shared], help="the whole job on the bundled sample shop"
    )
    demo.add_argument(
        "--out", type=Path, default=Path("demo_out"), help="the folder to write (demo_out)"
    )
    demo.set_defaults(command=_demo)
    return parser


def _check(options: argparse.Namespace) -> int:
    from tfmm.data import load

    report = load(options.shop, policies=_pairs(options.policy, "--policy", _POLICY)).report
    report.print()
    if options.json:
        _write_text(options.json, json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
        print(f"wrote {options.json}")
    return 0


def _encoders(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from tfmm.encoders import default, describe

    table = Table("kind", "name", "", box=None, pad_edge=False)
    for kind, name, line in describe():
        table.add_row(kind, f"{name} (default)" if name == default(kind) else name, escape(line))
    Console().print(table)
    return 0


def _features(options: argparse.Namespace) -> int:
    from tfmm.training import build_features

    named = _pairs(options.encoder, "--encoder", "FEATURE=NAME, as in photo=efficientnet_lite0")
    build_features(options.file, named or None)
    return 0


def _train(options: argparse.Namespace) -> int:
    from tfmm.training import train

    run = train(options.config, options.out, from_run=options.from_run)
    print(f"wrote {run.path}: the numbers are in {run.path / 'report.md'}")
    return 0


def _recommend(options: argparse.Namespace) -> int:
    from tfmm.training import load_run, write_recommendations

    run = load_run(options.run)
    users = None
    if options.users:
        spec = run.data.shop.users
        users = read_user_ids(options.users, spec.id if spec else run.data.shop.events.user)
    rows = write_recommendations(run, options.out, users=users, k=options.k)
    print(f"wrote {rows:,} rows to {options.out}")
    return 0


def _export(options: argparse.Namespace) -> int:
    if options.check is not None:
        if options.run is not None or options.out is not None:
            options.wrong_usage("--check DIR takes no RUN and no --out: it writes nothing")
        return _check_export(options.check)
    if options.run is None or options.out is None:
        options.wrong_usage("expected RUN --out MODELS, or --check DIR")
    from tfmm.export import export_model

    version = export_model(
        options.run,
        options.out,
        name=options.name,
        k=options.k,
        exclude_seen=options.exclude_seen,
        weights=options.weights,
        index=options.index,
    )
    print(f"wrote {version}")
    print(f"serve it with: tfmm serve {options.out}")
    return 0


def _index(options: argparse.Namespace) -> int:
    from tfmm.export import refresh_index

    shop = None if options.shop is None else str(options.shop.resolve())
    done = refresh_index(options.run, options.out, shop=shop, name=options.name)
    print(f"wrote {done.version}")
    return 0


def _check_export(folder: Path) -> int:
    from tfmm.export import check_stock

    verdicts = check_stock(folder)
    for verdict in verdicts:
        print(verdict)
    return 0 if all(verdict.ok for verdict in verdicts) else 1


def _serve(options: argparse.Namespace) -> int:
    from tfmm.serving import BatchingParameters, serve_forever

    if not options.debug:
        _start_session_quietly()
    batching = options.batching_parameters_file
    if batching is None and options.enable_batching:
        batching = BatchingParameters()
    serve_forever(
        options.models,
        models_config=options.model_config_file,
        host=options.host,
        grpc_port=options.grpc_port,
        rest_port=options.rest_port,
        batching=batching,
        monitoring_config=options.monitoring_config_file,
        ssl_config=options.ssl_config_file,
        threads=options.threads,
    )
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from tfmm.doctor import diagnose

    report = diagnose()
    report.print()
    return 1 if report.broken else 0


def _demo(options: argparse.Namespace) -> int:
    from tfmm.demo import run_demo

    if not options.debug:
        _start_session_quietly()
    run_demo(options.out)
    return 0


def read_user_ids(file: Path, column: str) -> list[str]:
    """User ids from a file, in order, each once.

    Args:
        file: a table with the column `column` when its name ends as a table's does (.csv, .csv.gz,
            .tsv, .jsonl, .parquet), else text with one id a line.
        column: the table's column of user ids.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no ids, or no such column.
    """
    if not file.is_file():
        raise FileNotFoundError(f"There is no file of user ids {file}.")
    if any(suffix.lower() in _TABLES for suffix in file.suffixes):
        from tfmm.data.tables import as_text, objects, read_table

        table, _ = read_table(file, {column: "the user ids"}, source="--users")
        found = list(objects(as_text(table[column], f"{file}, column {column!r}")))
    else:
        found = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    ids = list(dict.fromkeys(user for user in found if user))  # each once, in the file's order
    if not ids:
        raise ValueError(f"{file} holds no user ids: expected one a line.")
    return ids


_POLICY = "CHECK=POLICY, as in image_corrupt=raise"
_TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet", ".pq")


def _pairs(pairs: Sequence[str], option: str, expected: str) -> dict[str, str]:
    """What an option of the form KEY=VALUE was given, by key."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{option} {pair}: expected {expected}.")
        found[key.strip()] = value.strip()
    return found


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, got {value}")
    return value


def _write_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)


def _quiet_tensorflow() -> None:
    """Keeps TensorFlow's start-up talk, which no user of a command can act on, off the terminal."""
    # Level 2, which `import tfmm` sets, still tells machines without a GPU of their missing CUDA.
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    warnings.filterwarnings("ignore", category=DeprecationWarning)


def _start_session_quietly() -> None:
    """Runs a first session with standard error closed to TensorFlow.

    The process's first session logs two lines that no setting turns off; they come only once.
    """
    import tensorflow as tf

    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            session.run(tf.constant(1))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _is_for_the_user(error: Exception) -> bool:
    """Whether an error speaks of what the user gave, rather than of a mistake in the program."""
    kinds: tuple[type[Exception], ...] = (ValueError, OSError, TimeoutError, ModuleNotFoundError)
    if isinstance(error, kinds):
        return True
    return type(error).__module__.startswith("tfmm.")


def _message(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error}. `tfmm doctor` says what is missing and how to install it."
    text = str(error) or type(error).__name__
    if type(error).__module__.startswith("tfmm.") or isinstance(error, OSError):
        return text
    return f"{text}\n(--debug shows where this came from)"


if __name__ == "__main__":
    sys.exit(main())
