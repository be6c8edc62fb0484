"""Where modules of earlier releases went: their old names still import, with a DeprecationWarning.

A finder, installed by `import tfmm`, imports the new module for the old name and registers it under
both, the same object, so that classes compare equal and old pickles load.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

#: Old module to new one; a package with no successor is only the way to its modules.
MODULES: dict[str, str] = {
    "tfmm.cli": "tfmm.commands.main",
    "tfmm.data.aligned": "tfmm.data.batches.aligned",
    "tfmm.data.audio": "tfmm.data.media.audio",
    "tfmm.data.images": "tfmm.data.media.images",
    "tfmm.data.interactions": "tfmm.data.events.pairs",
    "tfmm.data.parts": "tfmm.data.events.parts",
    "tfmm.data.splits": "tfmm.data.events.splits",
    "tfmm.data.pipeline": "tfmm.data.batches.pipeline",
    "tfmm.data.path_templates": "tfmm.data.shop_file.path_templates",
    "tfmm.data.sequences": "tfmm.data.batches.sequences",
    "tfmm.data.schema": "tfmm.data.shop_file.schema",
    "tfmm.data.specs": "tfmm.data.shop_file.specs",
    "tfmm.data.strict_yaml": "tfmm.data.shop_file.strict_yaml",
    "tfmm.data.video": "tfmm.data.media.video",
    "tfmm.demo": "tfmm.commands.demo.job",
    "tfmm.demo_page": "tfmm.commands.demo.page",
    "tfmm.doctor": "tfmm.commands.doctor",
    "tfmm.encoders.bert": "tfmm.encoders.text.bert",
    "tfmm.encoders.bridge": "tfmm.encoders.pretrained.bridge",
    "tfmm.encoders.classic": "tfmm.encoders.image.classic",
    "tfmm.encoders.clip": "tfmm.encoders.image.clip",
    "tfmm.encoders.efficientnet_lite": "tfmm.encoders.image.efficientnet_lite",
    "tfmm.encoders.embedding": "tfmm.encoders.tabular.embedding",
    "tfmm.encoders.front_ends": "tfmm.encoders.audio.front_ends",
    "tfmm.encoders.hub_image": "tfmm.encoders.image.hub_image",
    "tfmm.encoders.hub_models": "tfmm.encoders.pretrained.hub_models",
    "tfmm.encoders.keras_application": "tfmm.encoders.image.keras_application",
    "tfmm.encoders.lstm": "tfmm.encoders.text.lstm",
    "tfmm.encoders.mid_level": "tfmm.encoders.image.mid_level",
    "tfmm.encoders.number": "tfmm.encoders.tabular.number",
    "tfmm.encoders.pretrained_image": "tfmm.encoders.image.pretrained_image",
    "tfmm.encoders.subwords": "tfmm.encoders.text.subwords",
    "tfmm.encoders.tf_hub": "tfmm.encoders.pretrained.tf_hub",
    "tfmm.encoders.tokenizer": "tfmm.encoders.text.tokenizer",
    "tfmm.encoders.torch_file": "tfmm.encoders.pretrained.torch_file",
    "tfmm.encoders.wav": "tfmm.encoders.audio.wav",
    "tfmm.evaluation.class_plots": "tfmm.evaluation.plots.classes",
    "tfmm.evaluation.search": "tfmm.tasks.search.measure",
    "tfmm.export.agreement": "tfmm.tasks.items.agreement",
    "tfmm.export.arrays": "tfmm.tasks.items.arrays",
    "tfmm.export.fingerprints": "tfmm.tasks.items.fingerprints",
    "tfmm.export.vector_file": "tfmm.tasks.items.vector_file",
    "tfmm.training.config": "tfmm.tasks.retrieval.config",
    "tfmm.training.recommend": "tfmm.tasks.retrieval.recommend",
    "tfmm.export.pictures": "tfmm.encoders.image.pictures",
    "tfmm.export.search": "tfmm.tasks.search.signatures",
    "tfmm.export.servable": "tfmm.tasks.retrieval.signatures",
    "tfmm.fusion": "tfmm.layers.fusion",
    "tfmm.fusion.base": "tfmm.layers.fusion.base",
    "tfmm.fusion.early": "tfmm.layers.fusion.early",
    "tfmm.fusion.late": "tfmm.layers.fusion.late",
    "tfmm.models": "",
    "tfmm.models.alignment": "tfmm.tasks.search.alignment",
    "tfmm.models.blend": "tfmm.tasks.retrieval.blend.blend",
    "tfmm.models.bpr": "tfmm.tasks.retrieval.graph.bpr",
    "tfmm.models.build": "tfmm.tasks.retrieval.build",
    "tfmm.models.contrastive": "tfmm.tasks.search.contrastive",
    "tfmm.models.frozen": "tfmm.layers.frozen",
    "tfmm.models.graph": "tfmm.tasks.retrieval.graph.model",
    "tfmm.models.graph_build": "tfmm.tasks.retrieval.graph.build",
    "tfmm.models.graph_config": "tfmm.tasks.retrieval.graph.config",
    "tfmm.models.graph_edges": "tfmm.tasks.retrieval.graph.edges",
    "tfmm.models.graph_memory": "tfmm.tasks.retrieval.graph.memory",
    "tfmm.models.graph_tower": "tfmm.tasks.retrieval.graph.tower",
    "tfmm.models.hubness": "tfmm.tasks.search.hubness",
    "tfmm.models.left_out": "tfmm.tasks.retrieval.graph.left_out",
    "tfmm.models.linear_part": "tfmm.tasks.retrieval.blend.linear_part",
    "tfmm.models.nearest": "tfmm.tasks.retrieval.graph.nearest",
    "tfmm.models.neighbour_sampling": "tfmm.tasks.retrieval.graph.neighbour_sampling",
    "tfmm.models.propagation": "tfmm.tasks.retrieval.graph.propagation",
    "tfmm.models.queries": "tfmm.tasks.search.queries",
    "tfmm.models.query_tower": "tfmm.tasks.search.query_tower",
    "tfmm.models.softmax": "tfmm.tasks.retrieval.softmax",
    "tfmm.models.two_tower": "tfmm.tasks.retrieval.two_tower",
    "tfmm.optimizers": "tfmm.training.optimizers",
    "tfmm.retrieval": "tfmm.index",
    "tfmm.retrieval.approximate": "tfmm.index.approximate",
    "tfmm.retrieval.base": "tfmm.index.base",
    "tfmm.retrieval.brute_force": "tfmm.index.brute_force",
    "tfmm.retrieval.candidates": "tfmm.index.candidates",
    "tfmm.retrieval.filters": "tfmm.index.filters",
    "tfmm.retrieval.ivf": "tfmm.index.ivf",
    "tfmm.retrieval.lookup": "tfmm.index.lookup",
    "tfmm.retrieval.options": "tfmm.index.options",
    "tfmm.retrieval.padding": "tfmm.index.padding",
    "tfmm.retrieval.partition": "tfmm.index.partition",
    "tfmm.retrieval.request": "tfmm.index.request",
    "tfmm.retrieval.scann": "tfmm.index.scann",
    "tfmm.retrieval.tables": "tfmm.index.tables",
    "tfmm.retrieval.top_k": "tfmm.index.top_k",
    "tfmm.retrieval.tuning": "tfmm.index.tuning",
    "tfmm.models.weights": "tfmm.tasks.weights",
    "tfmm.serving.async_client": "tfmm.serving.client.async_client",
    "tfmm.serving.async_rest_transport": "tfmm.serving.client.async_rest_transport",
    "tfmm.serving.backend": "tfmm.serving.server.fronts.backend",
    "tfmm.serving.batching": "tfmm.serving.server.pools.batching",
    "tfmm.serving.batching_parameters": "tfmm.serving.server.pools.batching_parameters",
    "tfmm.serving.client_errors": "tfmm.serving.client.client_errors",
    "tfmm.serving.client_inputs": "tfmm.serving.client.client_inputs",
    "tfmm.serving.config": "tfmm.serving.server.config",
    "tfmm.serving.config_messages": "tfmm.serving.server.config_messages",
    "tfmm.serving.connect": "tfmm.serving.client.connect",
    "tfmm.serving.conversation": "tfmm.serving.client.conversation",
    "tfmm.serving.core": "tfmm.serving.server.core",
    "tfmm.serving.errors": "tfmm.serving.server.errors",
    "tfmm.serving.grpc_front": "tfmm.serving.server.fronts.grpc_front",
    "tfmm.serving.grpc_questions": "tfmm.serving.client.grpc_questions",
    "tfmm.serving.grpc_transport": "tfmm.serving.client.grpc_transport",
    "tfmm.serving.hits": "tfmm.serving.client.hits",
    "tfmm.serving.hybrid": "tfmm.serving.ask.hybrid",
    "tfmm.serving.json_answers": "tfmm.serving.server.fronts.json_answers",
    "tfmm.serving.json_requests": "tfmm.serving.server.fronts.json_requests",
    "tfmm.serving.keyword_tokens": "tfmm.serving.ask.keyword_tokens",
    "tfmm.serving.keywords": "tfmm.serving.ask.keywords",
    "tfmm.serving.limits": "tfmm.serving.server.limits",
    "tfmm.serving.merging": "tfmm.serving.server.pools.merging",
    "tfmm.serving.metrics": "tfmm.serving.server.metrics",
    "tfmm.serving.models": "tfmm.serving.server.versions.models",
    "tfmm.serving.open_model": "tfmm.serving.server.open_model",
    "tfmm.serving.pool": "tfmm.serving.server.pools.pool",
    "tfmm.serving.predict": "tfmm.serving.server.predict",
    "tfmm.serving.query": "tfmm.serving.ask.query",
    "tfmm.serving.query_picture": "tfmm.serving.ask.query_picture",
    "tfmm.serving.query_sound": "tfmm.serving.ask.query_sound",
    "tfmm.serving.query_text": "tfmm.serving.ask.query_text",
    "tfmm.serving.rest_front": "tfmm.serving.server.fronts.rest_front",
    "tfmm.serving.rest_questions": "tfmm.serving.client.rest_questions",
    "tfmm.serving.rest_transport": "tfmm.serving.client.rest_transport",
    "tfmm.serving.servable": "tfmm.serving.server.versions.servable",
    "tfmm.serving.steps": "tfmm.serving.server.steps",
    "tfmm.serving.tensors": "tfmm.serving.server.tensors",
    "tfmm.serving.tls": "tfmm.serving.server.fronts.tls",
    "tfmm.serving.transport": "tfmm.serving.client.transport",
    "tfmm.serving.voice": "tfmm.serving.ask.voice",
    "tfmm.serving.voice.hub_recognizer": "tfmm.serving.ask.voice.hub_recognizer",
    "tfmm.serving.voice.language_model": "tfmm.serving.ask.voice.language_model",
    "tfmm.serving.voice.pronunciation": "tfmm.serving.ask.voice.pronunciation",
    "tfmm.serving.voice.recognizer": "tfmm.serving.ask.voice.recognizer",
    "tfmm.serving.voice.sphinx_recognizer": "tfmm.serving.ask.voice.sphinx_recognizer",
    "tfmm.serving.warmup": "tfmm.serving.server.versions.warmup",
    "tfmm.sparse": "tfmm.layers.sparse",
    "tfmm.towers": "tfmm.layers.towers",
    "tfmm.training.blend": "tfmm.tasks.retrieval.blend.choice",
    "tfmm.training.measure": "tfmm.tasks.retrieval.measure",
    "tfmm.training.search": "tfmm.tasks.search.examples",
}

#: Public names that left a package which is still there, and the module that has them now.
NAMES: dict[str, str] = {
    "tfmm.data.media.MEDIA": "tfmm.data.media.media",
    "tfmm.data.media.Medium": "tfmm.data.media.media",
    "tfmm.data.media.build_media": "tfmm.data.media.media",
    "tfmm.data.media.find_corrupt": "tfmm.data.media.media",
    "tfmm.encoders.audio.BATCH": "tfmm.encoders.audio.audio",
    "tfmm.encoders.audio.SAMPLE": "tfmm.encoders.audio.audio",
    "tfmm.encoders.audio.VERSION": "tfmm.encoders.audio.audio",
    "tfmm.encoders.image.Convolution": "tfmm.encoders.image.cnn",
    "tfmm.encoders.image.GroupNorm": "tfmm.encoders.image.cnn",
    "tfmm.encoders.image.NORMS": "tfmm.encoders.image.cnn",
    "tfmm.encoders.image.Residual": "tfmm.encoders.image.cnn",
    "tfmm.encoders.image.check_norm": "tfmm.encoders.image.cnn",
    "tfmm.encoders.image.check_widths": "tfmm.encoders.image.cnn",
    "tfmm.encoders.image.residual_network": "tfmm.encoders.image.cnn",
    "tfmm.encoders.pretrained.Held": "tfmm.encoders.pretrained.base",
    "tfmm.encoders.pretrained.SAMPLE": "tfmm.encoders.pretrained.base",
    "tfmm.evaluation.both_ways": "tfmm.tasks.search.measure",
    "tfmm.evaluation.category_precision": "tfmm.tasks.search.measure",
    "tfmm.evaluation.same_group": "tfmm.tasks.search.measure",
    "tfmm.evaluation.search_metrics": "tfmm.tasks.search.measure",
    "tfmm.evaluation.vector_metrics": "tfmm.tasks.search.measure",
}

_HERE = __file__.removesuffix("_moved.py")
_SKIPPED = (
    "<frozen importlib",
    importlib.__file__,
    __file__,
    f"{_HERE}_lazy.py",
    f"{_HERE}__init__.py",
)


def place_of(package: str, name: str) -> str | None:
    """The module that has a name which left its package, said once; None for any other name."""
    place = NAMES.get(f"{package}.{name}")
    if place is not None:
        _warn(f"{package}.{name} is now {place}.{name}; the old name goes with the next release.")
    return place


def install() -> None:
    """Makes the old names importable."""
    if not any(isinstance(finder, _OldNames) for finder in sys.meta_path):
        # First, or the path finder would load a file of a renamed package a second time.
        sys.meta_path.insert(0, _OldNames())


class _OldNames(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in MODULES:
            return None
        return ModuleSpec(name, _NewModule(), is_package=not MODULES[name])


class _NewModule(Loader):
    """Gives the import system the new module under the old name."""

    _own: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        new = MODULES[spec.name]
        if not new:
            _warn(
                f"The modules of {spec.name} have moved; the old name goes with the next release."
            )
            return None
        _warn(f"{spec.name} is now {new}; the old name goes with the next release.")
        module = importlib.import_module(new)
        self._own = module.__spec__
        return module

    def get_code(self, name: str) -> CodeType | None:
        """What `python -m` runs."""
        new = importlib.util.find_spec(MODULES[name])
        loader = None if new is None else new.loader
        return loader.get_code(new.name) if new and isinstance(loader, InspectLoader) else None

    def exec_module(self, module: ModuleType) -> None:
        if self._own is not None:  # the import system has just put the old name's spec in its place
            module.__spec__ = self._own


def _warn(message: str) -> None:
    """A DeprecationWarning at the line outside of the import system that asked."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_SKIPPED):
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__", "tfmm"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )
