"""What the command `tfmm` may be given."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tfmm import __version__


def make_parser() -> argparse.ArgumentParser:
    """The parser; it leaves the name of the command in `command`."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    parser = argparse.ArgumentParser(
        prog="tfmm",
        description="From a shop's catalogue and events to a multimodal recommender that "
        "TensorFlow Serving serves.",
    )
    parser.add_argument("--version", action="version", version=f"tfmm {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

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

    commands.add_parser("encoders", parents=[shared], help="list the encoders")

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

    tune = commands.add_parser(
        "tune",
        parents=[shared],
        help="search a run file's values on validation",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Searches a run file's values for the best recall@20 on validation; the test "
        "part is never met.\nWrites STUDY/best.yaml, ready for `tfmm train`, and every trial to "
        "STUDY/trials.csv and .json.\nStarted again with the same folder, the search goes on "
        "where it was.",
        epilog="""examples:
  tfmm tune run.yaml --out study
  tfmm tune run.yaml --out study --trials 40 --space train.learning_rate=0.002..0.05:log \\
      --space items.dim=64,128,256 --space users.history=mean,gru
  tfmm tune run.yaml --out study --space space.yaml      # the same as KEY: RANGE lines

a range is low..high, or low..high:log where factors count rather than differences; values are
a,b,c. Keys are those of the run file, with a dot for each level (items.encoders.text=bag,lstm).""",
    )
    tune.add_argument("config", type=Path, metavar="RUN.yaml", help="the run file")
    tune.add_argument(
        "--out", type=Path, required=True, metavar="STUDY", help="the study folder to write"
    )
    tune.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="KEY=RANGE|FILE.yaml",
        help="what to search; may be given several times (default: learning rate, temperature, "
        "batch size and dimensions)",
    )
    tune.add_argument(
        "--trials",
        type=_positive,
        default=20,
        help="trials in all, those of an earlier start included (20)",
    )
    tune.add_argument("--minutes", type=float, help="start no new trial after so many")
    tune.add_argument("--seed", type=int, default=1, help="of the proposals (1)")

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
    export.set_defaults(wrong_usage=export.error)

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

    _add_search(commands, shared)
    commands.add_parser("doctor", parents=[shared], help="check this installation")

    demo = commands.add_parser(
        "demo", parents=[shared], help="the whole job on the bundled sample shop"
    )
    demo.add_argument(
        "--out", type=Path, default=Path("demo_out"), help="the folder to write (demo_out)"
    )
    return parser


def _add_search(commands: Any, shared: argparse.ArgumentParser) -> None:
    """`catalog`, `search` and `evaluate`: the side of those who ask."""
    catalog = commands.add_parser(
        "catalog", parents=[shared], help="write what clients search by keywords and by voice"
    )
    catalog.add_argument("shop", type=Path, metavar="SHOP.yaml", help="the shop file")
    catalog.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")
    catalog.add_argument("--title", metavar="FEATURE", help="what names an item (the first text)")
    catalog.add_argument(
        "--voice", type=Path, metavar="DIR", help="write a recogniser of the titles' words too"
    )

    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument(
        "model_at",
        metavar="MODEL",
        help="host:port/NAME of a served model, or the folder of an export or run",
    )
    asked.add_argument("--model", help="the model's name, where MODEL leaves it open")
    asked.add_argument("--transport", choices=("grpc", "rest"), default="grpc")
    asked.add_argument("--catalog", type=Path, metavar="FILE.parquet", help="of `tfmm catalog`")
    asked.add_argument("--shop", type=Path, metavar="SHOP.yaml", help="the shop file instead")
    asked.add_argument(
        "--weight", type=float, help="of keywords beside the model, 0 to 1, given a catalogue"
    )

    search = commands.add_parser(
        "search", parents=[shared, asked], help="ask a model by words, a picture or sound"
    )
    search.add_argument("--text", help="words")
    search.add_argument("--image", metavar="FILE", help="a picture; with --text: like this, but …")
    search.add_argument("--audio", metavar="FILE", help="sound, or speech with --voice")
    search.add_argument(
        "--voice",
        metavar="DIR|PRESET",
        help="hear words in the sound: a folder of `tfmm catalog --voice`, or a keras-hub preset",
    )
    search.add_argument(
        "--allow", action="append", default=[], metavar="FEATURE=VALUE", help="may repeat"
    )
    search.add_argument("--k", type=_positive, default=10, help="hits to show (10)")
    search.add_argument("--page", type=Path, metavar="FILE.html", help="write the hits as a page")
    search.set_defaults(wrong_usage=search.error)

    evaluate = commands.add_parser(
        "evaluate", parents=[shared, asked], help="measure a model on queries with relevant ids"
    )
    evaluate.add_argument(
        "queries", type=Path, metavar="QUERIES.json", help='{"red shoes": {"sku-1": 2, …}, …}'
    )
    evaluate.add_argument("--k", type=_positive, default=10, help="a further list length")
    evaluate.add_argument(
        "--tune", action="store_true", help="find the best --weight on these queries"
    )
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write the numbers as JSON too")
    evaluate.set_defaults(wrong_usage=evaluate.error)


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
