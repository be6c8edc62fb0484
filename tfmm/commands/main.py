"""The command `tfmm`: check, encoders, features, train, tune, recommend, export, index, serve,
catalog, search, evaluate, doctor, demo.

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
from collections.abc import Callable, Sequence
from pathlib import Path

from tfmm.commands.parser import make_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line, without the program's name; returns the exit code."""
    options = make_parser().parse_args(arguments)
    if not options.debug:
        _quiet_tensorflow()
    try:
        return COMMANDS[options.command](options)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except Exception as error:
        if options.debug or not _is_for_the_user(error):
            raise
        print(f"tfmm {options.command}: {_message(error)}", file=sys.stderr)
        return 1


def _check(options: argparse.Namespace) -> int:
    from tfmm.data import load
    from tfmm.data.files import write_text

    report = load(options.shop, policies=_pairs(options.policy, "--policy", _POLICY)).report
    report.print()
    if options.json:
        write_text(options.json, json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n")
        print(f"wrote {options.json}")
    return 0


def _encoders(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from tfmm.encoders import default, describe

    table = Table("kind", "name", "what it is", box=None, pad_edge=False)
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


def _tune(options: argparse.Namespace) -> int:
    from tfmm.training.search_space import read_space
    from tfmm.training.tune import print_trials, tune

    space: dict[str, object] = {}
    for given in options.space:
        if "=" in given:
            space |= _pairs([given], "--space", "")
        elif given.endswith((".yaml", ".yml")):
            space |= read_space(given)
        else:
            raise ValueError(
                f"--space {given}: expected KEY=RANGE, as in train.learning_rate=0.002..0.05:log, "
                "or a YAML file."
            )
    found = tune(
        options.config,
        options.out,
        space=space or None,
        trials=options.trials,
        minutes=options.minutes,
        seed=options.seed,
    )
    print_trials(found)
    print(f"wrote {found.best}: {found.metric} {found.value:.4f} on validation")
    print(f"train it with: tfmm train {found.best} --out RUN")
    return 0


def _recommend(options: argparse.Namespace) -> int:
    from tfmm.training import load_run, write_recommendations

    run = load_run(options.run)
    users = None
    if options.users:
        shop = run.data.shop
        column = shop.users.id if shop.users else shop.events.user if shop.events else "user_id"
        users = read_user_ids(options.users, column)
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


def _search_command(options: argparse.Namespace) -> int:
    from tfmm.commands import search as search_command

    commands = {
        "catalog": search_command.write_catalog,
        "search": search_command.search,
        "evaluate": search_command.evaluate,
    }
    if options.command != "catalog" and not options.debug and Path(options.model_at).is_dir():
        _start_session_quietly()
    return commands[options.command](options)


def _doctor(options: argparse.Namespace) -> int:
    from tfmm.commands.doctor import diagnose

    report = diagnose()
    report.print()
    return 1 if report.broken else 0


def _demo(options: argparse.Namespace) -> int:
    from tfmm.commands.demo import run_demo

    if not options.debug:
        _start_session_quietly()
    run_demo(options.out)
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "check": _check,
    "encoders": _encoders,
    "features": _features,
    "train": _train,
    "tune": _tune,
    "recommend": _recommend,
    "export": _export,
    "index": _index,
    "serve": _serve,
    "catalog": _search_command,
    "search": _search_command,
    "evaluate": _search_command,
    "doctor": _doctor,
    "demo": _demo,
}


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
