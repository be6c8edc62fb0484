"""Keras's own verbs on tfmm's models: each does what it says, or says what to use instead."""

import numpy as np
import pytest
import tensorflow as tf

import tfmm
from tests.encoders.presets import write_bert
from tfmm.data.batches.aligned import aligned_batches

callbacks = tf.keras.callbacks

LIGHT = {"title": "bag", "kind": "embedding"}
BATCH = 128


def made(shop, kind=tfmm.TwoTower, seed=1, **config):
    tf.keras.utils.set_random_seed(seed)
    train = tfmm.split(shop, by="user", valid=0.1, test=0.2, seed=1).train
    model = kind.from_data(shop, train, **{"encoders": LIGHT, "dim": 16} | config)
    model.compile(optimizer=tfmm.LazyAdam(0.02))
    return model


@pytest.fixture(scope="module")
def model(shop, parts):
    model = made(shop)
    model.fit(model.batches(parts.train, batch_size=BATCH), verbose=0)
    return model


def batches(model, parts):
    """Batches to measure by and to learn from, in this order."""
    valid = model.batches(parts.valid, batch_size=16)
    return valid, model.batches(parts.train, batch_size=BATCH)


def fitted(shop, parts, *added, epochs=3, **options):
    model = made(shop)
    valid, train = batches(model, parts)
    history = model.fit(
        train, validation_data=valid, epochs=epochs, callbacks=list(added), verbose=0, **options
    )
    return model, history.history


def test_losses_of_fit_and_evaluate_are_means_over_the_batches(shop, parts):
    model = made(shop, id_dropout=0.0)
    valid, train = batches(model, parts)
    model.optimizer.learning_rate.assign(0.0)
    steps = []
    each = callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: steps.append(dict(logs)))
    history = model.fit(train, validation_data=valid, verbose=0, callbacks=[each]).history
    # A batch's own loss, from the means so far.
    assert len(steps) > 2
    parts_of_mean = np.diff([0.0, *(logs["loss"] * (n + 1) for n, logs in enumerate(steps))])
    assert np.ptp(parts_of_mean) > 0.01
    own = [float(model.compute_loss(batch)) for batch in valid]
    # Every pass draws another order: the means of two passes are close, the last batches are not.
    assert history["val_loss"][0] == pytest.approx(np.mean(parts_of_mean), abs=1e-4)
    assert history["val_loss"][0] == pytest.approx(np.mean(own), abs=0.15)
    for name in ("loss", "val_loss"):
        assert history[name] == history[name.replace("loss", "total_loss")]
    measured = model.evaluate(valid, return_dict=True, verbose=0)
    assert measured["loss"] == pytest.approx(np.mean(own), abs=0.15)
    assert measured["total_loss"] == measured["loss"]


def test_early_stopping_restores_the_weights_of_the_best_epoch(shop, parts):
    kept = []
    model = made(shop)
    valid, train = batches(model, parts)
    stop = callbacks.EarlyStopping(
        "val_loss", patience=1, min_delta=100.0, restore_best_weights=True
    )
    each = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: kept.append(model.get_weights())
    )
    history = model.fit(
        train, validation_data=valid, epochs=9, verbose=0, callbacks=[each, stop]
    ).history
    assert len(history["val_loss"]) == 2
    # No later epoch is better by 100.
    changed = 0
    for weight, first, last in zip(model.get_weights(), *kept, strict=True):
        np.testing.assert_array_equal(weight, first)
        changed += not np.array_equal(first, last)
    assert changed


@pytest.mark.parametrize("name", ["best", "best.weights.h5"])
def test_model_checkpoint_keeps_the_weights_of_the_best_epoch(shop, parts, tmp_path, name):
    path = str(tmp_path / name)
    keep = callbacks.ModelCheckpoint(path, save_weights_only=True, save_best_only=True)
    _, history = fitted(shop, parts, keep)
    copy = made(shop, seed=2)
    valid, _ = batches(copy, parts)
    copy.load_weights(path)
    assert copy.evaluate(valid, verbose=0)[0] == pytest.approx(min(history["val_loss"]), abs=0.15)


def test_callbacks_that_move_the_rate_move_it(shop, parts):
    model, _ = fitted(shop, parts, callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02 / 8)
    plateau = callbacks.ReduceLROnPlateau(factor=0.5, patience=0, min_delta=100.0)
    model, _ = fitted(shop, parts, plateau)
    assert float(model.optimizer.learning_rate) < 0.02


def test_tensorboard_and_backup_work(shop, parts, tmp_path):
    board = callbacks.TensorBoard(str(tmp_path / "logs"), histogram_freq=1, update_freq="batch")
    backup = callbacks.BackupAndRestore(str(tmp_path / "backup"))
    _, history = fitted(shop, parts, board, backup)
    assert len(history["val_loss"]) == 3
    assert list((tmp_path / "logs" / "validation").iterdir())


@pytest.mark.parametrize(
    ("made_of", "words"),
    [
        (lambda: callbacks.ModelCheckpoint("all"), "save_weights_only=True"),
        (lambda: callbacks.ModelCheckpoint("all.keras"), "tfmm.export_model"),
        (lambda: callbacks.ModelCheckpoint("w.h5", save_weights_only=True), "weights.h5"),
        (lambda: callbacks.TensorBoard("logs", write_images=True), "leave write_images out"),
    ],
)
def test_callbacks_that_would_fail_later_are_refused_before_the_first_epoch(
    shop, parts, made_of, words
):
    began = []
    first = callbacks.LambdaCallback(on_train_begin=lambda logs: began.append(1))
    with pytest.raises(ValueError, match=words):
        fitted(shop, parts, first, made_of())
    assert not began


@pytest.mark.parametrize(
    "callback",
    [
        callbacks.EarlyStopping(),
        callbacks.ReduceLROnPlateau(),
        callbacks.ModelCheckpoint("w", save_weights_only=True, save_best_only=True),
    ],
    ids=lambda callback: type(callback).__name__,
)
def test_watching_a_validation_loss_without_validation_data_is_refused(model, parts, callback):
    train = model.batches(parts.train, batch_size=BATCH)
    for given in (callback, [callback], callbacks.CallbackList([callback])):
        with pytest.raises(ValueError, match="has no validation_data"):
            model.fit(train, callbacks=given, verbose=0)


def test_moving_a_scheduled_rate_is_refused(shop, parts):
    model = made(shop)
    schedule = tf.keras.optimizers.schedules.CosineDecay(0.1, 100)
    model.compile(optimizer=tfmm.LazyAdam(schedule))
    train = model.batches(parts.train, batch_size=BATCH)
    for callback in (
        callbacks.ReduceLROnPlateau("loss"),
        callbacks.LearningRateScheduler(lambda epoch: 0.1),
    ):
        with pytest.raises(ValueError, match="the schedule of the optimizer"):
            model.fit(train, callbacks=[callback], verbose=0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"y": np.ones(3)}, "`y`: the targets are in the batches"),
        ({"sample_weight": np.ones(3)}, "`sample_weight`: the weights are in the batches"),
        ({"class_weight": {0: 1.0}}, "`class_weight`: items are no classes"),
        ({"validation_split": 0.1}, "`validation_split`: .* Use tfmm.split"),
        ({"batch_size": 3}, r"`batch_size`: .*model.batches\(pairs, batch_size=…\)"),
        ({"shuffle": False}, "`shuffle`: model.batches draws"),
        ({"workers": 2}, "`workers`: batches are made by tf.data"),
        ({"validation_data": (np.ones(3), np.ones(3))}, "`validation_data` the batches .*tuple"),
    ],
)
def test_arguments_of_fit_without_a_meaning_are_refused(model, parts, arguments, words):
    with pytest.raises(ValueError, match=words):
        model.fit(model.batches(parts.train, batch_size=BATCH), verbose=0, **arguments)


def test_arguments_of_evaluate_without_a_meaning_are_refused(model, parts):
    train = model.batches(parts.train, batch_size=BATCH)
    for name in ("y", "sample_weight"):
        with pytest.raises(ValueError, match=f"evaluate takes no `{name}`"):
            model.evaluate(train, verbose=0, **{name: np.ones(3)})


def test_anything_but_batches_is_refused(model, parts):
    pairs = tf.data.Dataset.from_tensors((1, 2))
    for data, told in (
        (np.ones((3, 2)), r"ndarray of shape \(3, 2\)"),
        (parts.train, "Pairs"),
        (None, "nothing"),
        (pairs, "a dataset of tuple"),
    ):
        for verb in (model.fit, model.evaluate):
            with pytest.raises(ValueError, match=rf"model\.batches\(parts\.train.*{told}"):
                verb(data, verbose=0)
    with pytest.raises(ValueError, match="train_on_batch takes one batch"):
        model.train_on_batch(pairs)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"loss": "mse"}, "the model has its own loss"),
        ({"loss_weights": [1.0]}, "the model has its own loss"),
        ({"metrics": ["mae"]}, "tfmm.evaluate"),
        ({"weighted_metrics": ["mae"]}, "tfmm.evaluate"),
        ({"jit_compile": True}, "XLA"),
    ],
)
@pytest.mark.parametrize("kind", [tfmm.TwoTower, tfmm.Graph])
def test_arguments_of_compile_without_a_meaning_are_refused(shop, kind, arguments, words):
    model = made(shop, kind)
    with pytest.raises(ValueError, match=words):
        model.compile(optimizer=tfmm.LazyAdam(0.01), **arguments)
    with pytest.raises(ValueError, match="the model has its own loss"):
        model.compile(tfmm.LazyAdam(0.01), "mse")


def test_fit_and_evaluate_say_how_to_compile(shop, parts):
    model = tfmm.TwoTower.from_data(shop, parts.train, encoders=LIGHT, dim=16)
    for verb in (model.fit, model.evaluate):
        with pytest.raises(RuntimeError, match=r"model\.compile\(optimizer=tfmm\.LazyAdam"):
            verb(None)


def test_steps_on_single_batches_do_what_fit_does(shop, parts):
    one, other = made(shop), made(shop)
    train = one.batches(parts.train, batch_size=BATCH)
    before = one.test_on_batch(next(iter(train)), return_dict=True)
    assert before["total_loss"] == before["loss"] > 0
    tf.keras.utils.set_random_seed(3)
    expected = one.fit(train.take(1), verbose=0).history
    tf.keras.utils.set_random_seed(3)
    got = other.train_on_batch(next(iter(train.take(1))), return_dict=True)
    assert got["loss"] == pytest.approx(expected["loss"][0], abs=0.3)
    assert other.train_on_batch(next(iter(train)))[0] < before["loss"] + 1
    assert int(other.optimizer.iterations) == 2
    with pytest.raises(ValueError, match="`y`: the targets are in the batches"):
        other.test_on_batch(next(iter(train)), np.ones(3))


def test_predicting_names_what_scores(model, parts):
    train = model.batches(parts.train, batch_size=BATCH)
    for verb in (model.predict, model.predict_on_batch):
        with pytest.raises(NotImplementedError, match=r"score\(users, pairs\).*user_vectors"):
            verb(train)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m"])
def test_saving_as_a_keras_model_is_refused_and_leaves_nothing(model, parts, tmp_path, name):
    path = str(tmp_path / name)
    model(next(iter(model.batches(parts.train, batch_size=BATCH))))  # now Keras knows its inputs
    writers = [
        model.save,
        model.export,
        lambda where: tf.keras.models.save_model(model, where),
        lambda where: tf.saved_model.save(model, where),
    ]
    for write in writers[: 4 if name == "m" else 1]:
        with pytest.raises(NotImplementedError, match=r"save_weights.*tfmm\.export_model"):
            write(path)
    assert not list(tmp_path.rglob("*.*"))


def test_a_model_offers_no_config(model):
    for ask in (
        model.get_config,
        model.to_json,
        model.to_yaml,
        lambda: tfmm.TwoTower.from_config({}),
        lambda: tf.keras.models.clone_model(model),
    ):
        with pytest.raises(NotImplementedError, match=r"from_data.*save_weights"):
            ask()


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write_bert(tmp_path_factory.mktemp("presets") / "bert")


CNN = {"name": "cnn", "size": [16, 16], "widths": [8], "norm": "batch"}
ARCHITECTURES = {
    "plain": (tfmm.TwoTower, {}),
    "users": (tfmm.TwoTower, {"history": "self_attention", "user_id": True}),
    "gru and attention": (tfmm.TwoTower, {"history": "gru", "fusion": "attention"}),
    "pictures": (tfmm.TwoTower, {"encoders": {"photo": CNN, "title": "lstm"}, "budget": 16}),
    "search": (tfmm.TwoTower, {"queries": {"title": ["subwords", "bag"]}}),
    "graph": (tfmm.Graph, {"graph": {"propagation": "gcn", "join": "gate"}, "user_id": True}),
}


@pytest.mark.parametrize("name", ["weights", "weights.weights.h5"])
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "pretrained"])
def test_saved_weights_give_the_same_vectors(shop, parts, tmp_path, bert, architecture, name):
    text = {"name": "bert", "preset": bert, "train": "all"}
    kind, config = ARCHITECTURES.get(
        architecture, (tfmm.TwoTower, {"encoders": {"title": text}, "budget": 16})
    )
    model = made(shop, kind, **config)
    if "queries" in config:
        rows = np.arange(model.item_tower.rows)
        aligned = aligned_batches(rows, model.items, model.queries, batch_size=20)
        train = model.batches(parts.train, batch_size=BATCH, aligned=aligned)
    else:
        train = model.batches(parts.train, batch_size=BATCH)
    model.fit(train, verbose=0)
    expected = model.item_vectors(), model.user_vectors(parts.train)
    model.save_weights(tmp_path / name)
    copy = made(shop, kind, seed=2, **config)
    assert not np.allclose(copy.item_vectors(), expected[0], atol=1e-3)
    copy.load_weights(tmp_path / name)
    np.testing.assert_allclose(copy.item_vectors(), expected[0], atol=1e-6)
    np.testing.assert_allclose(copy.user_vectors(parts.train), expected[1], atol=1e-6)


@pytest.mark.parametrize("name", ["weights", "weights.weights.h5"])
def test_weights_of_another_architecture_are_refused(shop, model, tmp_path, name):
    model.save_weights(tmp_path / name)
    other = made(shop, history="gru")
    with pytest.raises(ValueError, match=r"another architecture|variables"):
        other.load_weights(tmp_path / name)


def test_files_that_cannot_hold_the_weights_are_refused_and_not_begun(model, tmp_path):
    for name in ("w.h5", "w.hdf5", "w.keras"):
        with pytest.raises(ValueError, match=r"ends in \.weights\.h5"):
            model.save_weights(tmp_path / name)
        with pytest.raises(ValueError, match=r"ends in \.weights\.h5"):
            model.load_weights(tmp_path / name)
    with pytest.raises(ValueError, match="save_format='h5'"):
        model.save_weights(tmp_path / "w", save_format="h5")
    with pytest.raises(ValueError, match="by_name"):
        model.load_weights(tmp_path / "w.weights.h5", by_name=True)
    assert not list(tmp_path.iterdir())
