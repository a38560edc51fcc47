"""The ingredients of strong recipes: each does what its formula says, alone and in seeds, studies, and after a stop."""

import dataclasses

import jax
import numpy as np
import pytest
from small_runs import FILES, Interrupt, bytes_of

import mlplab
from mlplab import keras
from mlplab.cli.sweep import varied
from mlplab.engine import ArraySource, Augmentation, Rows, keras_internals
from mlplab.engine.signature import signature
from mlplab.errors import Interrupted, UsageError
from mlplab.experiments.successive_halving import HalvingTask, run_trials
from mlplab.experiments.sweep_plan import SweepPlan
from mlplab.reports import settings_wording
from mlplab.runs import Preprocessing, Settings
from mlplab.runs.settings import SETTINGS
from mlplab.runs.settings_arguments import training_call
from mlplab.training.augmentation import augmentation
from mlplab.training.network import build_network
from mlplab.tuning.space import Space

NETWORK = {"hidden": [4], "epochs": 3, "batch_size": 64, "labelled": 640, "verbose": 0}
ALL = {
    "label_smoothing": 0.1,
    "pixel_encoding": 3,
    "input_dropout": 0.1,
    "noise": 0.2,
    "hidden_noise": 0.1,
    "warmup": 0.3,
    "ema": 0.8,
    "augment": "flip+shift:1+rotate+elastic:0.03",
    "mixup": 0.2,
}
"""Every ingredient at once."""


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    return mlplab.train(digits, **NETWORK, **ALL, out=tmp_path_factory.mktemp("runs") / "all")


@pytest.mark.slow
def test_a_resumed_run_and_the_first_of_several_seeds_are_the_run(trained, digits, tmp_path):
    with pytest.raises(Interrupted):
        mlplab.train(digits, **NETWORK, **ALL, out=tmp_path / "run", callbacks=[Interrupt(2)])
    mlplab.resume(tmp_path / "run", data=digits, verbose=0)
    seeds = mlplab.train(digits, **NETWORK, **ALL, seeds=2, out=tmp_path / "seeds")
    files = set(FILES) - {"metrics.jsonl"}  # which has seconds
    assert bytes_of(tmp_path / "run", files) == bytes_of(trained.path, files)
    assert bytes_of(seeds.members[0].path, files) == bytes_of(trained.path, files)


@pytest.mark.slow
def test_the_report_and_the_printed_command_name_them(trained):
    named = dict(settings_wording.settings(trained.config, 3))
    assert named["label smoothing"] == "0.1"
    assert named["warm-up"] == "30\N{NO-BREAK SPACE}% of the steps"
    assert named["weights"] == "running averages, momentum 0.8"
    assert named["training images changed at random"] == "flip, shift 1, rotate, elastic 0.03"
    assert named["mixup"] == "rows mixed in parts from Beta(0.2, 0.2)"
    command = training_call("digits", trained.config.settings.arguments())
    for flag in (
        "--noise 0.2",
        "--input-dropout 0.1",
        "--augment flip+shift:1+rotate+elastic:0.03",
        "--mixup 0.2",
        "--ema 0.8",
    ):
        assert flag in command


@pytest.mark.slow
def test_trials_with_and_without_them_share_a_study(digits):
    arguments = {name: value for name, value in NETWORK.items() if name != "verbose"}
    plain, rich = Settings(**arguments), Settings(**arguments, **ALL)
    faster = dataclasses.replace(rich, learning_rate=0.02)
    beside, together, shared = run_trials(digits, HalvingTask((plain, rich, faster), rungs=(1, 3), reduction=1))
    (alone,) = run_trials(digits, HalvingTask((rich,), rungs=(3,)))
    for name, values in alone.history.items():
        np.testing.assert_allclose(together.history[name], values, rtol=1e-5)
    assert together.group == shared.group != beside.group
    assert together.history["loss"][-1] != shared.history["loss"][-1]


def test_sweeps_and_studies_vary_them():
    vary = varied(["augment=none,flip+shift:1", "mixup=0,0.2", "decay-kernels-only=on,off", "ema=0.9,0.99"])
    plan = SweepPlan({}, vary, {"hidden": [4], "warmup": 0.1}, seeds=2)
    assert len(plan.combinations()) == 16
    space = {"hidden": [8], "label_smoothing": {"low": 0.0, "high": 0.2}, "augment": ["none", "flip"], "noise": 0.3}
    parsed = Space.of(space)
    assert parsed.structure == ["augment"]
    settings = parsed.settings({"label_smoothing": 0.05, "augment": "flip"}, seed=3)
    assert (settings.label_smoothing, settings.augment, settings.noise) == (0.05, "flip", 0.3)


def test_label_smoothing_is_in_the_loss_and_not_in_the_scores(digits, tmp_path):
    """Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7."""
    run = mlplab.train(digits, **NETWORK, label_smoothing=0.2, out=tmp_path / "run")
    kept = run.predictions("validation")
    log, one_hot = np.log(kept.probabilities), np.eye(10)[kept.label]
    assert run.epochs[-1]["val_loss"] == pytest.approx(-((0.8 * one_hot + 0.02) * log).sum(1).mean(), rel=1e-5)
    assert run.epochs[-1]["val_accuracy"] == pytest.approx((log.argmax(1) == kept.label).mean())
    assert run.result.validation.loss == pytest.approx(-(one_hot * log).sum(1).mean(), rel=1e-5)
    assert isinstance(run.model.loss, keras.losses.CategoricalCrossentropy)


@pytest.mark.parametrize("schedule", ["none", "cosine"])
def test_a_warm_up_rises_in_a_line_to_where_the_schedule_begins(schedule, digits):
    settings = Settings(hidden=(4,), epochs=5, batch_size=64, learning_rate=0.03, schedule=schedule, warmup=0.2)
    model = build_network(settings, digits, 640)  # 10 steps an epoch
    steps = np.arange(0, 51, 5)
    scheduled = np.ones(11) if schedule == "none" else (1 + np.cos(np.pi * (steps - 10) / 40)) / 2
    expected = 0.03 * np.where(steps < 10, steps / 10, scheduled)
    rate = keras_internals.learning_rate(model.optimizer)
    np.testing.assert_allclose([float(rate(step)) for step in steps], expected, atol=1e-8)


@pytest.mark.slow
def test_members_whose_warm_up_ends_at_different_rates_are_what_they_are_alone(digits):
    def build(learning_rate):
        settings = Settings(hidden=(4,), batch_size=64, epochs=2, learning_rate=learning_rate, warmup=0.5)
        return build_network(settings, digits, 640)

    x, y = digits.train.images[:640] / 16, digits.train.labels[:640]
    arguments = {"batch_size": 64, "epochs": 2, "verbose": 0}
    trained = mlplab.fit_population(build, [{"learning_rate": rate} for rate in (0.01, 0.1)], x, y, **arguments)
    assert trained.programs == 1
    for member in trained:
        alone = build(member.variation["learning_rate"])
        mlplab.fit(alone, x, y, seed=0, **arguments)
        for p, q in zip(alone.get_weights(), member.model.get_weights(), strict=True):
            np.testing.assert_array_equal(p, q)


class Weights(keras.callbacks.Callback):
    """Remembers the weights after each epoch."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.get_weights())


@pytest.mark.slow
@pytest.mark.parametrize("early_stopping", [0, 2])
def test_averages_of_the_weights_are_validated_and_kept(early_stopping, digits, tmp_path):
    """Keras's average begins with the first step's weights: a ← m·a + (1 - m)·w. Here an epoch is one step."""
    settings = {**NETWORK, "epochs": 8, "batch_size": 640, "learning_rate": 0.05, "early_stopping": early_stopping}
    weights = Weights()
    run = mlplab.train(digits, **settings, ema=0.7, out=tmp_path / "run", callbacks=[weights])
    average, averages = weights.epochs[0], []
    for after in weights.epochs:
        average = [0.7 * a + 0.3 * w for a, w in zip(average, after, strict=True)]
        averages.append(average)
    kept = run.kept_epoch
    assert kept == (1 + np.argmax(run.history["val_accuracy"]) if early_stopping else 8)
    for kept_weight, expected in zip(run.model.get_weights(), averages[kept - 1], strict=True):
        np.testing.assert_allclose(kept_weight, expected, atol=1e-6)
    assert run.result.validation.accuracy == pytest.approx(run.epochs[kept - 1]["val_accuracy"])
    assert run.result.validation.loss == pytest.approx(run.epochs[kept - 1]["val_loss"], rel=1e-5)
    assert run.result.kept_epoch == kept


@pytest.mark.slow
def test_averages_are_those_of_keras(digits):
    x, y = digits.train.images[:640] / 16, digits.train.labels[:640]
    arguments = {"batch_size": 64, "epochs": 2, "shuffle": False, "validation_data": (x[:64], y[:64]), "verbose": 0}
    settings = Settings(hidden=(4,), epochs=2, ema=0.9)

    def fitted(fit, **more):
        model = build_network(settings, digits, 640)
        history = fit(model, x, y, **arguments, **more, callbacks=[keras.callbacks.SwapEMAWeights()]).history
        return model.get_weights(), history

    weights, history = fitted(keras.Model.fit)
    of_mlplab, history_of_mlplab = fitted(mlplab.fit, packed=False)
    for p, q in zip(of_mlplab, weights, strict=True):
        np.testing.assert_array_equal(p, q)
    for name, values in history.items():
        np.testing.assert_allclose(history_of_mlplab[name], values, rtol=2.4e-7)


@pytest.fixture(scope="module")
def features(digits):
    flat = digits.train.inputs.reshape(len(digits.train), -1), digits.train.labels
    return mlplab.load((flat, (flat[0][:50], flat[1][:50])))


@pytest.mark.slow
def test_only_training_rows_are_changed_and_each_step_in_another_way(digits, tmp_path):
    settings = {**NETWORK, "epochs": 1, "augment": "flip+shift", "mixup": 0.4, "standardize": True}
    run = mlplab.train(digits, **settings, out=tmp_path / "run")
    fill = -run.config.preprocessing.offset / run.config.preprocessing.scale
    changes = jax.jit(Augmentation(("flip", "shift"), (8, 8), fill, mixup=0.4))
    order = {"batch_size": 64, "shuffle": True, "seed": 0, "subset": run.split["train"]}
    one_hot = np.eye(10, dtype="float32")[digits.train.labels]
    source = ArraySource(digits.train.inputs, one_hot, batch=Rows(run.config.preprocessing), **order)
    (segment,) = source.segments(0)
    epoch = jax.random.wrap_key_data(np.array([0, 0], np.uint32), impl="threefry2x32")
    model = build_network(run.config.settings, digits, 640)
    for step, index in enumerate(segment.indices):
        x, y = source.batch(source.batch.rows(segment.arrays, index), None)
        model.train_on_batch(*changes(x, y, jax.random.fold_in(epoch, step)))
    for p, q in zip(run.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, atol=1e-5)
    kept = run.predictions("validation")
    accuracy = (
        model.predict(run.config.preprocessing(digits.train.inputs[kept.index]), verbose=0).argmax(1) == kept.label
    ).mean()
    assert run.epochs[0]["val_accuracy"] == pytest.approx(accuracy)


def test_what_cannot_be_changed_is_refused_before_anything_is_written(digits, features, tmp_path):
    with pytest.raises(UsageError, match=r"augment='flip' changes images, and the rows of .* are 64 numbers"):
        mlplab.train(features, **NETWORK, augment="flip", out=tmp_path / "run")
    with pytest.raises(UsageError, match=r"pixel_encoding takes images .*, and the rows of .* are 64 numbers"):
        mlplab.train(features, **NETWORK, pixel_encoding=4, out=tmp_path / "run")
    images = digits.train.inputs.astype("float32")
    wide = mlplab.load(((1.5 * images, digits.train.labels), (images[:50], digits.train.labels[:50])))
    with pytest.raises(UsageError, match=r"pixels of 8 bits, or from 0 to 1, and those of .* go from 0 to 24"):
        mlplab.train(wide, **NETWORK, pixel_encoding=4, out=tmp_path / "run")
    with pytest.raises(UsageError, match="mixup makes rows of two classes, and class_weight"):
        mlplab.train(features, **NETWORK, mixup=0.2, class_weight="balanced", out=tmp_path / "run")
    own = mlplab.mlp((8, 8), 10, [4])
    own.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(UsageError, match="mixup mixes targets, which must be one-hot rows"):
        mlplab.train(digits, model=own, mixup=0.2, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_features_are_mixed_and_a_model_of_ones_own_is_augmented(digits, features, tmp_path):
    own = mlplab.mlp((64,), 10, [4])
    own.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    run = mlplab.train(features, model=own, epochs=1, labelled=640, mixup=0.2, verbose=0, out=tmp_path / "own")
    assert run.config.settings.mixup == 0.2
    settings = Settings(augment="flip+scale+rotate:10", mixup=0.3)
    expected = Augmentation(("flip", "scale", "rotate"), (8, 8), -2.0, mixup=0.3, rotate=10)
    assert augmentation(settings, own, digits, Preprocessing(scale=4.0, offset=8.0)) == expected
    assert augmentation(Settings(), own, digits, Preprocessing()) is None


@pytest.mark.slow
def test_only_kernels_decay_also_after_a_stop(digits, tmp_path):
    """Against a network compiled by hand: Keras's configuration of an optimizer lacks what does not decay."""
    settings = {**NETWORK, "optimizer": "adamw", "weight_decay": 0.5, "batch_norm": True, "decay_kernels_only": True}
    with pytest.raises(Interrupted):
        mlplab.train(digits, **settings, out=tmp_path / "run", callbacks=[Interrupt(1)])
    run = mlplab.resume(tmp_path / "run", data=digits, verbose=0)
    source = ArraySource(
        *(digits.train.inputs, digits.train.labels),
        batch=Rows(run.config.preprocessing),
        batch_size=64,
        shuffle=True,
        subset=run.split["train"],
    )

    def fitted(*names):
        model = mlplab.mlp((8, 8), 10, [4], batch_norm=True, seed=0)
        optimizer = keras.optimizers.AdamW(0.001, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=names)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        mlplab.fit(model, source, epochs=3, verbose=0)
        return model.get_weights()

    for p, q in zip(run.model.get_weights(), fitted("bias", "gamma", "beta"), strict=True):
        np.testing.assert_array_equal(p, q)
    gamma, all_decay = run.model.get_weights()[1], fitted("nothing")
    assert not np.allclose(gamma, all_decay[1], atol=1e-3)


def test_networks_share_a_program_only_if_the_same_weights_decay(digits):
    def signature_of(seed, **more):
        model = build_network(Settings(hidden=(4,), optimizer="adamw", seed=seed, **more), digits, 640)
        model.optimizer.build(model.trainable_variables)
        return signature(model)

    only = {"decay_kernels_only": True}
    assert signature_of(0, **only) == signature_of(1, **only) != signature_of(0)


def test_a_setting_says_whether_each_of_its_values_needs_a_program(digits):
    def program(**more):
        settings = Settings(hidden=(4,), optimizer="adamw", epochs=100, **more)
        model = build_network(settings, digits, 640)
        model.optimizer.build(model.trainable_variables)
        return signature(model), augmentation(settings, model, digits, Preprocessing())

    def differs(name, **more):
        return program(**{name: 0.25}, **more) != program(**{name: 0.5}, **more)

    numbers = [name for name, setting in SETTINGS.items() if setting.kind is float and not setting.not_in_space]
    assert {name: differs(name) for name in numbers} == {name: SETTINGS[name].compiled_in for name in numbers}
    assert not differs("input_dropout", pixel_encoding=3)
    assert not differs("learning_rate", schedule="linear-end")
