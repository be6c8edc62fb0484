"""What holds for every task: each one's tests inherit this."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import yaml

import tfmm
from tfmm.export import check_stock, export_model
from tfmm.tasks.base import Export
from tfmm.training import load_run
from tfmm.training.run import read_config
from tfmm.training.trainer import Trainer


class TaskContract:
    """Inherit it, and give `run`: a fixture of scope "class" with a finished run on a tiny shop."""

    def test_it_beats_its_simplest_baseline(self, run):
        name, better = self.simplest
        ours, theirs = run.metrics["model"][name], run.metrics["baselines"][better][name]
        higher = run.task.choice.higher_is_better
        assert ours > theirs if higher else ours < theirs

    def test_feeding_a_model_changes_nothing(self, run):
        task = run.task

        def fitted(beside):
            tf.keras.utils.set_random_seed(1)
            model = task.build(task.parts.train)
            model.compile(optimizer=tfmm.LazyAdam(0.01))
            valid = task.batches(model, task.parts.valid) if beside else None
            batches = task.batches(model, task.parts.train)
            model.fit(batches, epochs=2, verbose=0, validation_data=valid)
            return [weight.numpy() for weight in model.trainable_variables]

        for one, other in zip(fitted(False), fitted(True), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_a_training_that_was_cut_off_goes_on(self, run, tmp_path):
        class Cut(Exception):
            pass

        def cut(row):
            if len(seen) == 1:
                raise Cut
            seen.append(row)

        seen: list = []
        with pytest.raises(Cut):
            Trainer(run.task, tmp_path / "cut").choose(cut)
        resumed = Trainer(run.task, tmp_path / "cut").choose()
        whole = Trainer(run.task, tmp_path / "whole").choose()
        assert resumed.history[0] | {"seconds": 0} == whole.history[0] | {"seconds": 0}
        assert resumed.value == pytest.approx(whole.value, rel=0.1)

    def test_it_loads_to_equal_answers(self, run):
        loaded = load_run(run.path)
        for name, (inputs, found) in answers(loaded).items():
            for output, value in answers(run)[name][1].items():
                if np.issubdtype(value.dtype, np.floating):
                    np.testing.assert_allclose(found[output], value, rtol=1e-3, atol=1e-4)
            assert inputs

    def test_the_export_is_made_of_stock_ops(self, run, tmp_path):
        # The export itself asks every signature, and compares with the model's own answers.
        export_model(run.path, tmp_path, say=lambda _: None)
        (verdict,) = check_stock(tmp_path)
        assert verdict.ok, str(verdict)

    def test_the_configuration_round_trips(self, run):
        text = yaml.safe_dump(run.config.to_dict(), allow_unicode=True)
        again = read_config(yaml.safe_load(text))
        assert again == run.config
        assert again.sha256 == run.config.sha256


def answers(run):
    """By signature, samples and what they are answered."""
    made = run.task.signatures(run, run.task.settings(run.config, {}))
    signatures = made.signatures if isinstance(made, Export) else made
    found = {}
    for one in signatures:
        inputs = one.samples(5)
        asked = {name: tf.constant(v, one.inputs[name].dtype) for name, v in inputs.items()}
        answer = one.function(**asked)
        found[one.name] = inputs, {name: value.numpy() for name, value in answer.items()}
    return found
