"""`tfmm serve`: serves exported models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tfmm.commands.command import Command
from tfmm.commands.options import Debug, a_port, argument, at_least_1, option

app = typer.Typer()


def _flag(name: str, metavar: str | None, help: str) -> Any:
    # TensorFlow Serving spells its flags with underscores.
    return option(name, "--" + name[2:].replace("-", "_"), metavar=metavar, help=help)


@app.command(cls=Command, help="serve exported models")
def serve(
    models: Annotated[Path | None, argument("MODELS", "the folder of all models")] = None,
    model_config_file: Annotated[
        Path | None,
        _flag(
            "--model-config-file",
            "FILE",
            "a models.config instead: which models, versions and labels",
        ),
    ] = None,
    host: Annotated[
        str, option("--host", metavar="HOST", help="address to listen on (127.0.0.1)")
    ] = "127.0.0.1",
    grpc_port: Annotated[
        int,
        option("--grpc-port", metavar="GRPC_PORT", help="0 takes a free one (8500)", check=a_port),
    ] = 8500,
    rest_port: Annotated[
        int,
        option("--rest-port", metavar="REST_PORT", help="0 takes a free one (8501)", check=a_port),
    ] = 8501,
    batching_parameters_file: Annotated[
        Path | None,
        _flag(
            "--batching-parameters-file",
            "FILE",
            "merge requests that come together, as this file says",
        ),
    ] = None,
    monitoring_config_file: Annotated[
        Path | None,
        _flag(
            "--monitoring-config-file",
            "FILE",
            "Prometheus metrics on the REST port, as this file says",
        ),
    ] = None,
    ssl_config_file: Annotated[
        Path | None,
        _flag(
            "--ssl-config-file",
            "FILE",
            "TLS on both ports, with this file's key and certificates",
        ),
    ] = None,
    enable_batching: Annotated[
        bool,
        _flag(
            "--enable-batching",
            None,
            "merge requests that come together (with TensorFlow Serving's defaults)",
        ),
    ] = False,
    threads: Annotated[
        int | None,
        option(
            "--threads",
            metavar="THREADS",
            help="requests answered at once, where they are not merged",
            check=at_least_1,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    from tfmm.commands.first_session import start_session_quietly
    from tfmm.serving import BatchingParameters, serve_forever

    if not debug:
        start_session_quietly()
    batching: Path | BatchingParameters | None = batching_parameters_file
    if batching is None and enable_batching:
        batching = BatchingParameters()
    serve_forever(
        models,
        models_config=model_config_file,
        host=host,
        grpc_port=grpc_port,
        rest_port=rest_port,
        batching=batching,
        monitoring_config=monitoring_config_file,
        ssl_config=ssl_config_file,
        threads=threads,
    )
