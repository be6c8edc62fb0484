"""What `get_config` of every public layer promises: the layer made anew from it answers alike, or
it is refused with the reason."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

import tfmm
from tfmm.encoders import Encoder
from tfmm.encoders.audio import front_ends
from tfmm.encoders.configured import Configured
from tfmm.encoders.image.cnn import Convolution, GroupNorm, Residual
from tfmm.encoders.pooling import AttentionPooling
from tfmm.encoders.pretrained.bridge import Keras3Bridge
from tfmm.encoders.projection import Blocks, VectorProjection
from tfmm.encoders.text.lstm import LSTMKernel
from tfmm.index import IVF, BruteForce, Index, ScaNN
from tfmm.index.approximate import Approximate
from tfmm.layers.causal import CausalAttention
from tfmm.layers.content import Content
from tfmm.layers.experts import MixtureOfExperts, ProgressiveExperts
from tfmm.layers.experts.parts import Expert
from tfmm.layers.fields import Fields
from tfmm.layers.fusion import Fusion, fusion
from tfmm.layers.fusion import names as fusion_names
from tfmm.layers.interactions import CrossNetwork, DotInteraction, FactorizationMachine
from tfmm.layers.multimodal_rnn import MultimodalRNN
from tfmm.layers.ngrams import NgramLinear
from tfmm.layers.self_attention import SelfAttention
from tfmm.layers.target_attention import TargetAttention
from tfmm.layers.target_pooling import TargetPooling
from tfmm.layers.towers import ItemTower, UserTower
from tfmm.tasks.demand.network.network import DemandNetwork, Known
from tfmm.tasks.ranking.network.flow import Block, Flow
from tfmm.tasks.ranking.network.losses import LabelHead
from tfmm.tasks.ranking.network.network import Network
from tfmm.tasks.ranking.network.numbers import Quantiles
from tfmm.tasks.ranking.network.towers import Towers
from tfmm.tasks.ranking.reading.labels import Label
from tfmm.tasks.retrieval.graph.edges import Edges
from tfmm.tasks.retrieval.graph.knowledge import KnowledgePropagation
from tfmm.tasks.retrieval.graph.propagation import Adjacency, Propagation, Relation
from tfmm.tasks.retrieval.graph.tower import GraphItemTower
from tfmm.tasks.retrieval.softmax import InBatchSoftmax
from tfmm.tasks.search.alignment import Alignment
from tfmm.tasks.search.query_tower import QueryTower

RNG = np.random.default_rng(0)
N, DIM = 6, 8


def numbers(*shape: int) -> tf.Tensor:
    return tf.constant(RNG.normal(size=shape), tf.float32)


def bridge() -> Keras3Bridge:
    import keras

    inner = keras.Sequential([keras.layers.Dense(3, "tanh"), keras.layers.Dense(2)])
    inner.build([None, DIM])
    return Keras3Bridge(inner, name="own")


PICTURES, VECTORS, MASK = (
    numbers(2, 8, 8, DIM),
    numbers(N, DIM),
    tf.constant(RNG.random((N, 3)) < 1),
)
ROWS = {"items": tf.range(N), "present": tf.zeros((N, 0), tf.bool)}
HISTORY = tf.constant([[0, 2, -1], [1, 3, 5]])
HISTORIES = (numbers(2, 3, DIM), tf.constant([[True] * 3, [True, False, False]]))
EDGES = {
    "view": Adjacency.of(Edges("view", "user", "item", sp.csr_matrix(np.eye(4, N, dtype="f4")))),
    "near": Adjacency.of(Edges("near", "item", "item", sp.csr_matrix(np.eye(N, k=1, dtype="f4")))),
}
RELATIONS = [Relation("view", "user", "item", 0.5), Relation("near", "item", "item")]


def propagation(**config: Any) -> Propagation:
    return Propagation({"item": N, "user": 4, "kind": 3}, DIM, RELATIONS, **config)


#: Items, and an entity that the first two share.
TRIPLES = {
    "items": tf.range(N),
    "entities": tf.constant([0]),
    "row": tf.constant([0, 1, N, N]),
    "column": tf.constant([N, N, 0, 1]),
    "way": tf.constant([0, 0, 1, 1]),
    "prior": tf.constant([1.0, 1.0, 0.5, 0.5]),
}


def knowledge(kind: str) -> tuple[Callable[[], Any], tuple[Any, ...]]:
    def make() -> KnowledgePropagation:
        options = {"layers": 3, "bases": 2, "dropout": 0.3, "weight": 0.7, "learned": True}
        return KnowledgePropagation(1, 2, DIM, kind=kind, activation="relu", **options)

    return make, (numbers(N, DIM), TRIPLES)


def fused(kind: str) -> tuple[Callable[[], Any], tuple[Any, ...]]:
    return lambda: fusion(kind, DIM, modality_dropout=0.3, normalize=False), (
        numbers(N, 3, DIM),
        MASK,
    )


#: A layer of other than the default arguments, and what it is called with.
FLOW = Flow(
    numbers(4, 3, DIM),
    numbers(4, 5),
    (),
    numbers(4, 2, DIM),
    numbers(4, 3, 2, DIM),
    tf.constant([[True, True, False]] * 4),
    tf.constant([[90.0, 9.0, 0.0]] * 4),
)
PAST = {
    "past": tf.constant(RNG.poisson(2, (N, 8)), tf.float32),
    "on_sale": tf.ones((N, 8)),
    "past_sides": numbers(N, 8, 3),
    "future_sides": numbers(N, 2, 2),
    "age": tf.range(float(N)),
}
CASES: dict[str, tuple[Callable[[], Any], tuple[Any, ...]]] = {
    "towers": (lambda: Towers(4, 3, 2, start=0.5, name="own"), (numbers(2, DIM), numbers(2, DIM))),
    "targets": (
        lambda: TargetPooling(5, dropout=0.2, name="own"),
        (numbers(2, 4, DIM), tf.ones([2, 4], tf.bool), numbers(2, 1, DIM), tf.ones([2, 1, 2])),
    ),
    "targets without a place": (
        lambda: TargetPooling(5, near=False),
        (numbers(2, 4, DIM), tf.ones([2, 4], tf.bool), numbers(2, 1, DIM)),
    ),
    "sequences": (
        lambda: NgramLinear(3, longest=2, buckets=16, name="own"),
        (tf.constant([[1, 2, 0], [3, 1, 2]]),),
    ),
    **{f"fusion {kind}": fused(kind) for kind in fusion_names()},
    **{f"knowledge {kind}": knowledge(kind) for kind in ("attention", "rgcn")},
    "items": (lambda: ItemTower(N, DIM, id_dropout=0.2, heads=2, name="own"), (ROWS,)),
    "items, frozen": (lambda: ItemTower(N, DIM, normalize=False, trainable=False), (ROWS,)),
    "items of a graph": (lambda: GraphItemTower(N, DIM, id_dropout=0.2, join="gate"), (ROWS,)),
    **{
        f"users {history}": (
            lambda history=history: UserTower(
                4, DIM, history=history, history_size=3, id=True, normalize=False, name="own"
            ),
            (VECTORS, HISTORY, tf.constant([1, -1])),
        )
        for history in ("mean", "self_attention", "gru", "causal", "none")
    },
    "network": (
        lambda: Network(
            [
                {"name": "target_attention", "hidden": [4]},
                {"name": "cross", "depth": 1, "rank": None},
                {"name": "mixture_of_experts", "experts": 2, "hidden": [4]},
            ],
            DIM,
            2,
            name="own",
        ),
        (FLOW,),
    ),
    **{
        f"label {loss}": (
            lambda loss=loss: LabelHead(
                Label("stars", loss, True, low=1, high=5, steps=(1.0, 2.0, 5.0)), 2.0, 3.0
            ),
            (numbers(4), tf.constant([1.0, 5.0, 2.0, 2.0]), tf.constant([1, 1, 2, 2])),
        )
        for loss in ("squared", "ordinal", "pairwise", "listwise")
    },
    "forecasts": (
        lambda: DemandNetwork(
            8, 2, (0.1, 0.5, 0.9), grain=1.5, season=7, hidden=6, dropout=0.3, name="own"
        ),
        (PAST, VECTORS, Known(VECTORS, tf.exp(numbers(N, 2)))),
    ),
    "quantiles": (lambda: Quantiles(3, 4), (numbers(5, 3),)),
    "causal": (
        lambda: CausalAttention(DIM, length=2, depth=3, heads=4, dropout=0.1, name="own"),
        HISTORIES,
    ),
    "messages": (
        lambda: propagation(layers=3, mix="fixed", users=True),
        (VECTORS, EDGES, numbers(4, DIM)),
    ),
    "messages by matrices": (
        lambda: propagation(kind="gcn", activation="relu", name="own", trainable=False),
        (VECTORS, EDGES),
    ),
    "softmax": (
        lambda: InBatchSoftmax(0.2, 2, name="own"),
        (numbers(3, DIM), VECTORS, tf.range(N)),
    ),
    "attention over pictures": (
        lambda: AttentionPooling(5, name="own", trainable=False),
        HISTORIES,
    ),
    "blocks": (lambda: Blocks(4, 2, name="own", trainable=False), (VECTORS,)),
    "convolution": (
        lambda: Convolution(4, 3, 2, "batch", activate=False, zero=True, trainable=False),
        (PICTURES,),
    ),
    "residual": (lambda: Residual(DIM, "group", name="own"), (PICTURES,)),
    "group norm": (lambda: GroupNorm(4, gain="zeros", trainable=False), (PICTURES,)),
    "lstm": (lambda: LSTMKernel(5, name="own"), (numbers(4, N, DIM),)),
    "lpc": (lambda: front_ends.LPC(8000, bins=5), (numbers(2, 2000),)),
    "log mel": (lambda: front_ends.LogMel(8000, hop=0.04, bins=9), (numbers(2, 2000),)),
    "mfcc": (lambda: front_ends.MFCC(8000, window=0.06, name="own"), (numbers(2, 2000),)),
    "keras 3": (bridge, (VECTORS,)),
    "self-attention": (lambda: SelfAttention(DIM, 2, heads=4, name="own"), HISTORIES),
    "target attention": (
        lambda: TargetAttention((5, 3), softmax=True, name="own"),
        (HISTORIES[0], numbers(2, DIM), HISTORIES[1]),
    ),
    "crosses": (lambda: CrossNetwork(2, rank=3, experts=2, name="own"), (VECTORS,)),
    "dots": (lambda: DotInteraction(itself=True, name="own"), (numbers(2, 3, DIM),)),
    "factorization": (lambda: FactorizationMachine(pooled=False), (numbers(2, 3, DIM),)),
    "expert": (lambda: Expert((5, 3), name="own"), (VECTORS,)),
    "mixture": (lambda: MixtureOfExperts(2, experts=3, hidden=(5, 3), name="own"), (VECTORS,)),
    "progressive": (
        lambda: ProgressiveExperts(2, shared=3, own=2, hidden=(5,), levels=3, trainable=False),
        (VECTORS,),
    ),
    "steps": (
        lambda: MultimodalRNN(DIM, cell="gru", fusion="attention", name="own"),
        (numbers(2, 3, 2, DIM), tf.constant([[[True, False]] * 3, [[True, True]] * 3])),
    ),
}

INDICES = {
    "exact": lambda: BruteForce(k=3, storage="bfloat16", name="own"),
    "exact with a query model": lambda: BruteForce(
        tf.keras.Sequential([tf.keras.layers.Dense(DIM, input_shape=(DIM,))]), k=2
    ),
    "ivf": lambda: IVF(k=4, recall=0.8, seed=5, storage="bfloat16"),
}


def as_json(layer: Any) -> dict[str, Any]:
    return json.loads(json.dumps(layer.get_config()))


def anew(layer: Any) -> Any:
    """The layer made from its own config, through JSON, and by Keras's registry alike."""
    config = as_json(layer)
    made = type(layer).from_config(config)
    assert as_json(made) == config
    serialised = json.loads(json.dumps(tf.keras.layers.serialize(layer)))
    again = tf.keras.layers.deserialize(serialised)
    assert type(again) is type(layer)
    assert as_json(again) == config
    assert (made.name, made.trainable) == (layer.name, layer.trainable)
    assert again.trainable == layer.trainable
    return made


def answers(layer: Any, inputs: tuple[Any, ...]) -> list[np.ndarray]:
    return [np.asarray(part) for part in tf.nest.flatten(layer(*inputs))]


@pytest.mark.parametrize("case", CASES)
def test_a_layer_made_from_its_config_answers_as_the_first_one(case: str) -> None:
    make, inputs = CASES[case]
    tf.keras.utils.set_random_seed(1)
    layer = make()
    layer(*inputs)
    # No weight at what it begins with: what is not moved would not be seen.
    moved = [
        value if value.dtype == bool else value + RNG.normal(size=value.shape, scale=0.1)
        for value in layer.get_weights()
    ]
    layer.set_weights(moved)
    if hasattr(layer, "know"):
        layer.know(np.array([1, 2]))
    expected = answers(layer, inputs)
    copy = anew(layer)
    copy(*inputs)
    copy.set_weights(layer.get_weights())
    for got, wanted in zip(answers(copy, inputs), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)
    assert len(copy.trainable_weights) == len(layer.trainable_weights)


@pytest.mark.parametrize("case", INDICES)
def test_an_index_made_from_its_config_answers_as_the_first_one(case: str) -> None:
    index = INDICES[case]()
    copy = anew(index)
    candidates, queries = numbers(40, DIM), numbers(3, DIM)
    if index.query_model is not None:
        copy.query_model.set_weights(index.query_model.get_weights())
    for one in (index, copy):
        one.index(candidates)
    for got, wanted in zip(copy(queries), index(queries), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_scann_is_made_anew_from_its_config() -> None:
    pytest.importorskip("scann")
    assert anew(ScaNN(k=3, recall=0.7, seed=2)).get_config()["recall"] == 0.7


def content() -> Content:
    return Content({"x": VectorProjection(DIM)}, fusion("weighted", DIM), N)


def query() -> QueryTower:
    return QueryTower([VectorProjection(DIM)])


@pytest.mark.parametrize(
    "make",
    [
        content,
        query,
        lambda: Alignment({"x": query()}),
        lambda: Fields({"x": VectorProjection(DIM)}, N, DIM),
        lambda: ItemTower(N, DIM, content=content()),
        lambda: UserTower(N, DIM, content=content()),
        lambda: GraphItemTower(N, DIM, content=content()),
    ],
    ids=["content", "query", "alignment", "fields", "items", "users", "graph"],
)
def test_layers_that_hold_what_was_learned_refuse_a_config(make: Callable[[], Any]) -> None:
    with pytest.raises(NotImplementedError, match=r"learned from the catalogue.*from_data"):
        make().get_config()


@pytest.mark.parametrize(
    "made_of", ["bert.TextNetwork", "pretrained_image.ImageNetwork", "tf_hub.HubModule"]
)
def test_layers_around_a_loaded_model_refuse_a_config(made_of: str) -> None:
    module, name = made_of.split(".")
    kind = getattr(importlib.import_module(f"tfmm.encoders.{module}"), name)
    layer = kind.__new__(kind)
    tf.keras.layers.Layer.__init__(layer, name="network")
    with pytest.raises(NotImplementedError, match="that of the encoder"):
        layer.get_config()


def public_layers() -> Iterator[type]:
    for module in pkgutil.walk_packages(tfmm.__path__, "tfmm."):
        if module.name.split(".")[1] not in ("serving", "export", "commands", "__main__"):
            for name, kind in vars(importlib.import_module(module.name)).items():
                own = inspect.isclass(kind) and kind.__module__ == module.name
                if own and not name.startswith("_") and issubclass(kind, tf.keras.layers.Layer):
                    yield kind


def test_no_public_layer_leaves_its_config_to_chance() -> None:
    """Encoders have their own contract (tests/encoders/test_contract.py), models another; blocks
    are made anew by their network."""
    held = {type(make()) for make, _ in CASES.values()} | {BruteForce, IVF, ScaNN}
    refused = {
        "Content",
        "Modalities",
        "Chain",
        "Fields",
        "QueryTower",
        "Alignment",
        "TextNetwork",
        "HubModule",
    }
    refused |= {"ImageNetwork", "SplitNetwork"}
    bases = {Configured, Fusion, front_ends.FrontEnd, Index, Approximate}
    chance = {
        kind.__name__
        for kind in public_layers()
        if not issubclass(kind, Encoder | tf.keras.Model | Block) and kind not in held | bases
    }
    assert chance == refused
