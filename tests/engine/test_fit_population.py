"""How populations are trained: programs, callbacks, progress, and what is refused."""

import numpy as np
import pytest
from against import assert_equal_models, numbers
from models import varied

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, Member, compile_cache, driver, fit_members, passes
from mlplab.engine.member import choose_traced
from mlplab.engine.signature import signature
from mlplab.errors import TrainingError, UsageError

layers = keras.layers
BATCH = 32
SHARED = [keras.callbacks.History()]


def compiled(monkeypatch):
    """A list that grows by the kind of each loop that is made from now on."""
    kinds, make = [], compile_cache._new_loop
    monkeypatch.setattr(compile_cache, "_new_loop", lambda *given: kinds.append(given[0]) or make(*given))
    return kinds


def dropped(rate, seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dropout(rate), layers.Dense(10)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.slow
def test_only_numbers_that_differ_are_arguments_of_the_step_and_the_choice_stays(few, monkeypatch):
    source = ArraySource(*few)
    members = [Member(dropped(rate), source, epochs=1) for rate in (0.1, 0.2, 0.2)]
    kinds = compiled(monkeypatch)
    fit_members(members)
    assert {member.traced for member in members} == {frozenset({"layers[3].rate"})}
    for member in members[1:]:
        member.epochs = 2
    fit_members(members[1:])  # these two do not differ, as when a study drops the others
    later = [Member(dropped(rate), source, epochs=1) for rate in (0.3, 0.4)]
    fit_members(later)
    fit_members([Member(dropped(0.5), source, epochs=1, trace_all=True)])
    assert kinds == ["train"]
    alone = Member(dropped(0.5), source, epochs=1)
    fit_members([alone])
    assert alone.traced == frozenset()
    assert kinds == ["train", "train"]


@pytest.mark.slow
def test_members_of_other_shapes_train_in_other_programs_and_the_reason_is_printed(few, capsys):
    variations = [{"units": units, "learning_rate": rate} for units in (4, 8) for rate in (0.001, 0.01)]
    trained = mlplab.fit_population(varied, variations, *few, epochs=1, verbose=2)
    assert trained.programs == 2
    printed = capsys.readouterr().out
    assert "2 programs, trained in turn: members that differ in units cannot share one" in printed
    assert "Epoch 1/1 - 4 members - accuracy best" in printed
    assert [member.model.layers[1].units for member in trained] == [4, 4, 8, 8]


class LogsOtherNames(keras.Sequential):
    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        return {"cost": logs["loss"]}, state


@pytest.mark.slow
def test_members_that_log_no_loss_and_accuracy_are_counted(few, capsys):
    def build():
        model = LogsOtherNames([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
        model.compile(loss="sparse_categorical_crossentropy")
        return model

    trained = mlplab.fit_population(build, 2, *few, verbose=2)
    assert [list(member.history) for member in trained] == [["cost"]] * 2
    assert capsys.readouterr().out.splitlines()[-1] == "Epoch 1/1 - 2 members"


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_no_epochs_build_the_members_as_keras_builds_a_model(verbose, few):
    arguments = {"validation_data": few, "verbose": verbose}
    for untrained in mlplab.fit_population(varied, 2, *few, epochs=0, **arguments):
        keras.utils.set_random_seed(untrained.variation["seed"])
        model = varied()
        assert model.fit(*few, epochs=0, **arguments).history == untrained.history == {}
        assert_equal_models(model, untrained.model)
    variations = [{"seed": 0, "epochs": 0}, {"seed": 0, "epochs": 1}]
    none, one = mlplab.fit_population(varied, variations, *few, epochs=3, **arguments)
    assert (none.history, len(one.history["val_loss"])) == ({}, 1)
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(none.model.get_weights()[0], varied().get_weights()[0])


def test_batch_size_and_epochs_may_vary_and_a_bar_ends(few, capsys):
    variations = [{"batch_size": 48}, {"epochs": 3}, {"seed": 4}]
    trained = mlplab.fit_population(varied, variations, *few, epochs=1, verbose=1)
    assert [len(member.history["loss"]) for member in trained] == [1, 3, 1]
    assert trained.programs == 2
    printed = capsys.readouterr().out
    steps = len(few[0]) // 48 + 4 * len(few[0]) // BATCH
    assert "median" in printed
    assert f"{steps}/{steps}" in printed


@pytest.mark.slow
def test_validation_batches_are_as_large_as_the_members_batches(few, other):
    variations = [{"seed": 3}, {"seed": 3, "batch_size": 48}]
    trained = mlplab.fit_population(varied, variations, *few, batch_size=32, validation_data=other, verbose=0)
    for member in trained:
        keras.utils.set_random_seed(3)
        rows = member.variation.get("batch_size", 32)
        alone = mlplab.fit(varied(), *few, batch_size=rows, seed=3, validation_data=other, verbose=0)
        assert alone.history == member.history


@pytest.mark.slow
def test_what_the_members_predict_is_what_each_predicts(few, other):
    trained = mlplab.fit_population(varied, [{"units": 4}, {"units": 6}, {"units": 4, "seed": 9}], *few, verbose=0)
    predicted = trained.predict(other[0])
    assert predicted.shape == (3, 96, 10)
    for member, outputs in zip(trained, predicted, strict=True):
        np.testing.assert_allclose(outputs, member.model(other[0]), atol=1e-5)
    scores = trained.evaluate(*other)
    assert scores[0] == mlplab.evaluate(trained[0].model, *other, batch_size=1000, verbose=0, return_dict=True)


def test_a_callback_that_stops_one_member_stops_no_other(few):
    def callbacks(variation):
        stop = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", True)
        )
        return [stop] if variation["seed"] == 1 else []

    trained = mlplab.fit_population(varied, 3, *few, epochs=3, verbose=0, callbacks=callbacks)
    assert [len(member.history["loss"]) for member in trained] == [3, 1, 3]


def test_a_callback_of_a_member_may_train_a_population(few):
    within = []

    def callbacks(variation):
        train = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: within.append(mlplab.fit_population(varied, 2, *few, verbose=0))
        )
        return [train] if variation["seed"] == 1 else []

    trained = mlplab.fit_population(varied, 2, *few, epochs=2, verbose=0, callbacks=callbacks)
    assert len(within) == 2
    for population in within:
        assert [member.history["loss"] for member in population] == [m.history["loss"][:1] for m in trained]


@pytest.mark.slow
def test_models_with_code_of_their_own_have_a_program_each(few):
    class Projected(layers.Layer):
        def __init__(self):
            super().__init__()
            self.basis = np.random.normal(size=(784, 5)).astype("float32")  # noqa: NPY002 - what Keras seeds

        def call(self, x):
            return x @ self.basis

    def own():
        model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), Projected(), layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    trained = mlplab.fit_population(own, 2, *few, verbose=0)
    assert trained.programs == 2
    keras.utils.set_random_seed(1)
    model = own()
    assert mlplab.fit(model, *few, seed=1, verbose=0).history == trained[1].history
    assert_equal_models(trained[1].model, model)


def test_a_regularizer_that_two_layers_share_is_another_program_than_two(few):
    def regularized(first, second=None):
        one = keras.regularizers.L2(first)
        other = one if second is None else keras.regularizers.L2(second)
        sizes = ((8, "relu", one), (10, "softmax", other))
        dense = [layers.Dense(units, activation, kernel_regularizer=r) for units, activation, r in sizes]
        model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *dense])
        model.compile("adam", "sparse_categorical_crossentropy")
        return Member(model, ArraySource(*few), epochs=1).model

    assert signature(regularized(1e-4, 1e-1)) == signature(regularized(1e-3, 1e-2))
    assert signature(regularized(1e-4)) != signature(regularized(1e-4, 1e-1))


@pytest.mark.slow
def test_many_architectures_are_compiled_once_each(few, monkeypatch):
    monkeypatch.setattr(compile_cache, "KEPT", 1)
    kinds = compiled(monkeypatch)
    variations = [{"units": 20}, {"units": 21}]
    mlplab.fit_population(varied, variations, *few, epochs=3, validation_data=few, verbose=0)
    assert sorted(kinds) == ["test", "test", "train", "train"]
    assert len(compile_cache._loops) == 1


def test_an_interrupt_leaves_each_model_after_its_last_whole_epoch(few):
    x, y = few
    source = ArraySource(x, y, batch_size=BATCH, shuffle=True)
    members = [Member(varied(units=units), source, epochs=5) for units in (4, 4, 4)]

    def interrupt(done, members):
        if done >= 3 * source.steps + 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_members(members, progress=interrupt)
    assert {int(member.model.optimizer.iterations.numpy()) % source.steps for member in members} == {0}


def test_more_members_than_fit_into_memory_are_stacked_in_parts(few, monkeypatch):
    source = ArraySource(*few, batch_size=BATCH)
    members = [Member(varied(), source, epochs=1) for _ in range(5)]
    monkeypatch.setattr(driver, "on_cpu", lambda: False)
    choose_traced(members)
    trainings = [passes.training(member, packed=True) for member in members]

    def sizes(devices, free):
        monkeypatch.setattr(driver, "free_memory", lambda: free)
        return [len(group) for group in driver.groups(trainings, devices)]

    held = sum(array.nbytes for array in numbers(members[0].model)) + 4 * BATCH * (28 * 28 + 1)
    assert sizes(devices=1, free=2**40) == [5]
    assert sizes(devices=2, free=2**40) == [3, 2]
    assert sizes(devices=1, free=8 * 3 * held) == [2, 2, 1]
    assert sizes(devices=1, free=0) == [1] * 5


def test_a_number_of_variations_is_a_number_of_seeds(few):
    trained = mlplab.fit_population(varied, 3, *few, seed=7, verbose=0)
    assert [member.variation for member in trained] == [{"seed": 7}, {"seed": 8}, {"seed": 9}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"variations": []}, "at least one member"),
        ({"variations": 0}, "variations must be a whole number of at least 1"),
        ({"variations": [1, 2]}, r"a list with a dict for each member, such as .* got \[1, 2\]"),
        ({"callbacks": [keras.callbacks.History()]}, "callbacks must be a function of a variation"),
        ({"callbacks": lambda _: SHARED}, "new callbacks for each member"),
        ({"callbacks": lambda _: 3}, "callbacks must return a list of Keras callbacks for each member; got 3"),
        ({"variations": [{"unit": 3}]}, "Unknown variation 'unit'. Did you mean 'units'"),
        ({"variations": [{1: 3}]}, "Unknown variation '1'"),
        ({"variations": [{"seed": -1}]}, "seed must be"),
        ({"seed": "1"}, "seed must be a whole number of at least 0; got '1'"),
        ({"variations": [{"batch_size": 0}]}, "batch_size must be"),
        ({"build": varied()}, "build must be a function that makes a compiled keras.Model.* got a model"),
        ({"build": lambda: None}, "build must return a compiled keras.Model; got NoneType"),
        ({"epochs": -1}, "epochs must be"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_bad_input_is_refused_before_anything_is_trained(few, given, message):
    arguments = {"build": varied, "variations": 2, "verbose": 0, **given}
    with pytest.raises(UsageError, match=message):
        mlplab.fit_population(arguments.pop("build"), arguments.pop("variations"), *few, **arguments)


def _on(base):
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), base, layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_one_model_for_several_members_is_refused(few):
    model = varied()
    with pytest.raises(UsageError, match=r"a new model for each member.*members 0 and 1"):
        mlplab.fit_population(lambda: model, 2, *few, verbose=0)


@pytest.mark.parametrize(
    "shared",
    [
        lambda: layers.Dense(4, name="base"),
        lambda: layers.BatchNormalization(center=False, scale=False, name="base"),
        lambda: layers.Dropout(0.5, name="base"),
    ],
    ids=["weights", "moving averages", "seeds"],
)
def test_a_layer_of_several_members_that_training_changes_is_refused_by_name(shared, few):
    base = shared()
    with pytest.raises(UsageError, match=r"members 0 and 1 share 'base'.*inside build"):
        mlplab.fit_population(lambda: _on(base), 2, *few, verbose=0)


def test_a_frozen_base_may_be_shared(few):
    base = keras.Sequential([keras.Input((784,)), layers.Dense(4, "relu"), layers.BatchNormalization()])
    base.trainable = False
    before = base.get_weights()
    trained = mlplab.fit_population(lambda: _on(base), 2, *few, verbose=0)
    keras.utils.set_random_seed(1)
    alone = _on(base)
    mlplab.fit(alone, *few, seed=1, verbose=0)
    assert_equal_models(trained[1].model, alone)
    for p, q in zip(before, base.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)


def test_all_members_diverging_is_an_error(few):
    with pytest.raises(TrainingError, match=r"All 2 members diverged.*clipnorm=1\.0 in the optimizer"):
        mlplab.fit_population(build_diverging, 2, *few, verbose=0)


def build_diverging():
    return varied(learning_rate=1e38)
