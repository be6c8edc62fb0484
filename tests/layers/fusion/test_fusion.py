"""Fusion: what holds for every kind, and what is special to each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfmm.layers.fusion import Fusion, fusion, names

N, M, DIM = 12, 3, 8


@pytest.fixture(params=names())
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def tokens() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, M, DIM)).astype(np.float32)


@pytest.fixture
def mask() -> np.ndarray:
    """All combinations of three modalities, the empty one in row 0."""
    return np.array([[row >> m & 1 for m in range(M)] for row in range(N)], bool)


def trained(kind: str, tokens: np.ndarray, mask: np.ndarray, **config: object) -> Fusion:
    """A fusion layer with variables moved away from their symmetric start."""
    tf.keras.utils.set_random_seed(0)
    layer = fusion(kind, dim=DIM, **config)
    layer(tokens, mask)
    for variable in layer.trainable_variables:
        variable.assign_add(tf.random.normal(variable.shape, stddev=0.3))
    return layer


def test_vector_and_weights_have_the_promised_shapes(
    kind: str, tokens: np.ndarray, mask: np.ndarray
) -> None:
    vector, weights = trained(kind, tokens, mask)(tokens, mask)
    assert vector.shape == (N, DIM)
    assert vector.dtype == tf.float32
    assert weights.shape == (N, M)
    assert weights.dtype == tf.float32


def test_weights_sum_to_one_over_what_is_there(
    kind: str, tokens: np.ndarray, mask: np.ndarray
) -> None:
    weights = trained(kind, tokens, mask)(tokens, mask)[1].numpy()
    assert (weights >= 0).all()
    assert (weights[~mask] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), mask.any(axis=1), atol=1e-5)


def test_untrained_weights_are_about_even(kind: str, tokens: np.ndarray, mask: np.ndarray) -> None:
    weights = fusion(kind, dim=DIM)(tokens, mask)[1].numpy()
    assert weights[mask.all(axis=1)].min() > 0.1


def test_a_missing_modality_has_no_influence(
    kind: str, tokens: np.ndarray, mask: np.ndarray
) -> None:
    layer = trained(kind, tokens, mask)
    noise = np.where(mask[:, :, None], tokens, 1e6)
    absent = np.where(mask[:, :, None], tokens, np.nan).astype(np.float32)
    for other in (noise.astype(np.float32), absent):
        for expected, got in zip(layer(tokens, mask), layer(other, mask), strict=True):
            np.testing.assert_array_equal(expected, got)


def test_missing_modalities_leave_gradients_finite(
    kind: str, tokens: np.ndarray, mask: np.ndarray
) -> None:
    layer = trained(kind, tokens, mask)
    absent = tf.constant(np.where(mask[:, :, None], tokens, np.nan), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(absent)
        vector, _ = layer(absent, mask, training=True)
        loss = tf.reduce_sum(tf.square(vector - 0.1))
    for gradient in tape.gradient(loss, [absent, *layer.trainable_variables]):
        assert np.isfinite(gradient).all()


def test_all_missing_gives_zeros(kind: str, tokens: np.ndarray, mask: np.ndarray) -> None:
    layer = trained(kind, tokens, mask)
    for training in (False, True):
        vector, weights = layer(tokens, np.zeros_like(mask), training=training)
        assert not np.any(vector)
        assert not np.any(weights)


def test_items_do_not_influence_each_other(kind: str, tokens: np.ndarray, mask: np.ndarray) -> None:
    layer = trained(kind, tokens, mask)
    order = np.random.default_rng(1).permutation(N)
    for whole, shuffled in zip(layer(tokens, mask), layer(tokens[order], mask[order]), strict=True):
        np.testing.assert_allclose(np.asarray(whole)[order], shuffled, rtol=1e-5, atol=1e-6)


def test_every_present_modality_counts(kind: str, tokens: np.ndarray, mask: np.ndarray) -> None:
    layer = trained(kind, tokens, mask)
    for m in range(M):
        changed = tokens.copy()
        changed[:, m] = -changed[:, m]
        moved = np.abs(layer(changed, mask)[0] - layer(tokens, mask)[0]).max(axis=1) > 1e-4
        np.testing.assert_array_equal(moved, mask[:, m])


def test_loss_falls_in_training(kind: str, tokens: np.ndarray, mask: np.ndarray) -> None:
    tf.keras.utils.set_random_seed(0)
    layer = fusion(kind, dim=DIM, modality_dropout=0.0)
    layer(tokens, mask)
    goal = tf.constant(np.sign(tokens[:, 0, :1]) * mask[:, :1])
    head = tf.keras.layers.Dense(1, use_bias=False)
    head.build([None, DIM])
    variables = layer.trainable_variables + head.trainable_variables
    optimizer = tf.keras.optimizers.Adam(0.02)
    optimizer.build(variables)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            vector, _ = layer(tokens, mask, training=True)
            loss = tf.reduce_mean(tf.square(head(vector) - goal))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    losses = [float(step()) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_config_round_trips_through_json(kind: str) -> None:
    layer = fusion(kind, dim=DIM, modality_dropout=0.25, normalize=False)
    config = json.loads(json.dumps(layer.get_config()))
    assert config["modality_dropout"] == 0.25
    assert config["normalize"] is False
    assert type(layer).from_config(config).get_config() == layer.get_config()
    assert tf.keras.layers.deserialize(tf.keras.layers.serialize(layer)).kind == kind


def test_saved_weights_give_the_same_vectors(
    kind: str, tokens: np.ndarray, mask: np.ndarray, tmp_path: Path
) -> None:
    layer = trained(kind, tokens, mask)
    tf.train.Checkpoint(layer=layer).write(str(tmp_path / "checkpoint"))
    copy = type(layer).from_config(layer.get_config())
    copy(tokens[:1], mask[:1])
    reader = tf.train.Checkpoint(layer=copy).read(str(tmp_path / "checkpoint"))
    reader.assert_existing_objects_matched()
    for expected, got in zip(layer(tokens, mask), copy(tokens, mask), strict=True):
        np.testing.assert_allclose(expected, got, rtol=1e-5, atol=1e-6)


def test_exported_layer_gives_the_same_vectors(
    kind: str, tokens: np.ndarray, mask: np.ndarray, tmp_path: Path
) -> None:
    layer = trained(kind, tokens, mask)
    module = tf.Module()
    module.layer = layer
    module.fuse = tf.function(
        lambda x, present: layer(x, present),
        input_signature=[
            tf.TensorSpec([None, M, DIM], tf.float32),
            tf.TensorSpec([None, M], tf.bool),
        ],
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for expected, got in zip(layer(tokens, mask), loaded.fuse(tokens, mask), strict=True):
        np.testing.assert_allclose(expected, got, rtol=1e-5, atol=1e-6)


def test_scale_of_an_encoder_does_not_make_its_weight(kind: str, tokens: np.ndarray) -> None:
    layer = fusion(kind, dim=DIM)
    loud = tokens * np.array([100.0, 1.0, 1.0], np.float32)[:, None]
    everything = np.ones((N, M), bool)
    np.testing.assert_allclose(
        layer(loud, everything)[1], layer(tokens, everything)[1], rtol=1e-2, atol=1e-2
    )


def test_modality_dropout_hides_some_but_never_all(kind: str, tokens: np.ndarray) -> None:
    layer = fusion(kind, dim=DIM, modality_dropout=0.6)
    many = np.tile(tokens, (50, 1, 1))
    mask = np.tile([True, True, False], (len(many), 1))
    weights = layer(many, mask, training=True)[1].numpy()
    used = (weights > 0).sum(axis=1)
    assert set(used) == {1, 2}
    # Hidden with probability 0.6 each, and both hidden is turned into one hidden: 1 - 0.4 ** 2.
    assert abs((used == 1).mean() - 0.84) < 0.08
    assert ((layer(many, mask)[1].numpy() > 0) == mask).all()


def test_one_item_in_a_graph_of_its_own_works(
    kind: str, tokens: np.ndarray, mask: np.ndarray
) -> None:
    layer = trained(kind, tokens, mask)
    vector, _ = tf.function(layer)(tf.constant(tokens[5:6]), tf.constant(mask[5:6]))
    np.testing.assert_allclose(vector, layer(tokens, mask)[0][5:6], atol=1e-5)


def test_one_modality_alone_works(kind: str, tokens: np.ndarray) -> None:
    vector, weights = fusion(kind, dim=DIM)(tokens[:, :1], np.ones((N, 1), bool))
    assert np.isfinite(vector).all()
    assert np.any(vector)
    np.testing.assert_allclose(weights, np.ones((N, 1)), atol=1e-5)


def test_tokens_of_another_width_are_refused(kind: str, tokens: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"shape \[n, M, 16\].*got \[12, 3, 8\].*dim=16"):
        fusion(kind, dim=16)(tokens, np.ones((N, M), bool))


def test_unknown_kind_and_argument_name_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"Unknown fusion: 'gate'. Did you mean 'gated'.*late"):
        fusion("gate")
    with pytest.raises(
        ValueError, match=r"Unknown argument of fusion 'attention': 'head'.*'heads'"
    ):
        fusion("attention", head=2)


def test_attention_heads_must_divide_dim() -> None:
    with pytest.raises(ValueError, match="heads must divide dim, but got heads=3 and dim=8"):
        fusion("attention", dim=8, heads=3)


def test_late_score_is_the_weighted_sum_of_modality_scores(tokens: np.ndarray) -> None:
    everything = np.ones((N, M), bool)
    layer = trained("late", tokens, everything)
    vector, weights = (np.asarray(x) for x in layer(tokens, everything))
    alone = [layer(tokens, np.eye(M, dtype=bool)[[m] * N])[0].numpy() for m in range(M)]
    expected = sum(weights[0, m] * alone[m] @ alone[m].T for m in range(M))
    np.testing.assert_allclose(vector @ vector.T, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(np.diag(vector @ vector.T), 1.0, rtol=1e-5)


def test_hybrid_score_is_the_weighted_sum_of_early_and_late(tokens: np.ndarray) -> None:
    everything = np.ones((N, M), bool)
    layer = trained("hybrid", tokens, everything)
    vector = layer(tokens, everything)[0].numpy()
    early, late = vector[:, : DIM // 2], vector[:, DIM // 2 :]
    share = float(tf.nn.softmax(layer.logits)[0])
    np.testing.assert_allclose(np.square(early).sum(axis=1), share, rtol=1e-4)
    np.testing.assert_allclose(np.square(late).sum(axis=1), 1 - share, rtol=1e-4)


def test_late_refuses_more_modalities_than_components(tokens: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"3 modalities and 2 components. Raise dim"):
        fusion("late", dim=2)(tokens[:, :, :2], np.ones((N, M), bool))


def test_hybrid_refuses_a_late_early_part() -> None:
    with pytest.raises(ValueError, match="Unknown early fusion of a hybrid: 'late'"):
        fusion("hybrid", early="late")


def test_weights_of_weighted_fusion_are_those_it_learned(tokens: np.ndarray) -> None:
    everything = np.ones((N, M), bool)
    layer = fusion("weighted", dim=DIM)
    layer(tokens, everything)
    layer.logits.assign(np.log([0.5, 0.3, 0.2]))
    partly = everything.copy()
    partly[0, 2] = False
    weights = layer(tokens, partly)[1].numpy()
    np.testing.assert_allclose(weights[1], [0.5, 0.3, 0.2], rtol=1e-5)
    np.testing.assert_allclose(weights[0], [0.625, 0.375, 0], rtol=1e-5)
