"""A member of a population is what it would be alone: the oracle is `mlplab.fit` of the same model, by itself."""

import functools

import jax
import numpy as np
import pytest
from against import assert_equal_models, largest_difference, numbers

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, Member, compile_cache, fit_members, parallel, traced_hyperparameters
from mlplab.engine.backend import isolated_random_state

from mlplab.errors import TrainingError, UsageError

layers = keras.layers
EPOCHS, BATCH = 2, 32
WEIGHT_DECAY_IS_EXACT = jax.__version_info__ >= (0, 11)
"""Before, XLA multiplied a constant decay with the learning rate first, and one that varies with the weight."""
SHARED = [keras.callbacks.History()]


def build(
    learning_rate=1e-3, dropout=0.2, weight_decay=0.004, noise=0.1, l2=1e-4, smoothing=0.0, units=24, schedule=True
):
    """All that can be varied within one program, and batch normalisation."""
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, 200) if schedule else learning_rate
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.GaussianNoise(noise),
            layers.Dense(units, use_bias=False, kernel_regularizer=keras.regularizers.L2(l2)),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=weight_decay),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
        metrics=["accuracy"],
    )
    return model


def small(learning_rate=1e-3, units=8):
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(units, "relu"), layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss=loss, metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def one_hot(whole_batches):
    x, y = whole_batches
    return x, np.eye(10, dtype=np.float32)[y]


@pytest.fixture(scope="module")
def mixed():
    """Twelve members, all numbers drawn; one of them diverges."""
    rng = np.random.default_rng(5)
    drawn = [
        {
            "seed": seed,
            "learning_rate": float(10 ** rng.uniform(-3.5, -2)),
            "dropout": float(rng.uniform(0.05, 0.6)),
            "weight_decay": float(10 ** rng.uniform(-4, -1)),
            "noise": float(rng.uniform(0.01, 0.4)),
            "l2": float(10 ** rng.uniform(-5, -3)),
        }
        for seed in range(12)
    ]
    drawn[3]["learning_rate"] = 1e30
    return drawn


def alone(variation, x, y, **arguments):
    variation = dict(variation)
    seed = variation.pop("seed")
    with isolated_random_state():
        keras.utils.set_random_seed(seed)
        model = build(**variation)
    history = mlplab.fit(model, x, y, epochs=EPOCHS, batch_size=BATCH, verbose=0, seed=seed, **arguments)
    return model, history.history


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_each_member_of_a_mixed_population_is_bit_for_bit_what_it_is_alone(mixed, one_hot, packed):
    trained = mlplab.fit_population(
        build, mixed, *one_hot, epochs=EPOCHS, batch_size=BATCH, validation_split=0.1, verbose=0, packed=packed
    )
    assert trained.programs == 1
    assert [member.variation["seed"] for member in trained if member.diverged] == [3]
    assert "smaller learning rate" in trained[3].diverged
    for member in trained:
        if member.diverged is None:
            model, history = alone(member.variation, *one_hot, validation_split=0.1, packed=packed)
            if WEIGHT_DECAY_IS_EXACT:
                assert_equal_models(model, member.model)
                assert history == member.history
            else:
                assert largest_difference(model, member.model) < 1e-5


def test_label_smoothing_varies_up_to_rounding(mixed, one_hot):
    variations = [{**mixed[0], "smoothing": 0.05}, {**mixed[1], "smoothing": 0.3}]
    trained = mlplab.fit_population(build, variations, *one_hot, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    assert trained.programs == 1
    for member in trained:
        model, history = alone(member.variation, *one_hot)
        assert largest_difference(model, member.model) < 1e-4
        np.testing.assert_allclose(history["loss"], member.history["loss"], rtol=1e-5)


def test_a_member_that_diverges_changes_no_other(mixed, one_hot):
    arguments = {"epochs": 1, "batch_size": BATCH, "verbose": 0}
    whole = mlplab.fit_population(build, mixed[2:5], *one_hot, **arguments)
    without = mlplab.fit_population(build, [mixed[2], mixed[4]], *one_hot, **arguments)
    assert whole[1].diverged
    assert_equal_models(whole[0].model, without[0].model)
    assert_equal_models(whole[2].model, without[1].model)
    assert all(np.isfinite(array).all() for array in numbers(whole[1].model))
    assert repr(whole) == "Population(3 members, 1 of them diverged)"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_stacked_as_on_a_gpu_a_member_is_what_it_is_alone_up_to_rounding(mixed, one_hot, packed, monkeypatch):
    for module in (parallel, compile_cache):
        monkeypatch.setattr(module, "on_cpu", lambda: False)
    compile_cache._loops.clear()
    few = [variation for variation in mixed if variation["seed"] != 3][:4]
    x, y = one_hot[0][: 50 * BATCH], one_hot[1][: 50 * BATCH]
    arguments = {"epochs": EPOCHS, "batch_size": BATCH, "validation_split": 0.1, "verbose": 0, "packed": packed}
    trained = mlplab.fit_population(build, few, x, y, **arguments)
    predicted = trained.predict(x[:100], batch_size=50)
    compile_cache._loops.clear()
    for member, outputs in zip(trained, predicted, strict=True):
        model, history = alone(member.variation, x, y, validation_split=0.1, packed=packed)
        assert largest_difference(model, member.model) < 1e-5
        np.testing.assert_allclose(history["val_loss"], member.history["val_loss"], rtol=1e-4)
        np.testing.assert_allclose(outputs, model.predict(x[:100], verbose=0), atol=1e-5)


def test_numbers_stand_in_their_places_again_when_a_step_is_traced(one_hot):
    model = build(dropout=0.3, noise=0.2, smoothing=0.05)
    mlplab.fit_population(lambda: model, 1, *one_hot, batch_size=1000, verbose=0)
    assert {0.3, 0.2, 0.05} <= {site.number for site in traced_hyperparameters.sites(model)}
    assert not [layer for layer in model.layers if "call" in vars(layer)]


def test_members_of_other_shapes_train_in_programs_of_their_own_and_it_is_said_why(few, capsys):
    variations = [{"units": units, "learning_rate": rate} for units in (4, 8) for rate in (0.001, 0.01)]
    trained = mlplab.fit_population(small, variations, *few, epochs=1, verbose=2)
    assert trained.programs == 2
    told = capsys.readouterr().out
    assert "2 programs, trained in turn: members that differ in units cannot share one" in told
    assert "Epoch 1/1 - 4 members - accuracy best" in told
    assert [member.model.layers[1].units for member in trained] == [4, 4, 8, 8]


def test_batch_size_and_epochs_may_vary_and_a_bar_ends(few, capsys):
    variations = [{"batch_size": 50}, {"epochs": 3}, {"seed": 4}]
    trained = mlplab.fit_population(small, variations, *few, epochs=1, verbose=1)
    assert [len(member.history["loss"]) for member in trained] == [1, 3, 1]
    assert trained.programs == 2
    printed = capsys.readouterr().out
    steps = -(-len(few[0]) // 50) + 4 * -(-len(few[0]) // 32)
    assert "median" in printed
    assert f"{steps}/{steps}" in printed


def test_validation_batches_are_as_large_as_a_members_own(few):
    variations = [{"seed": 3}, {"seed": 3, "batch_size": 50}]
    trained = mlplab.fit_population(small, variations, *few, batch_size=32, validation_split=0.3, verbose=0)
    for member in trained:
        keras.utils.set_random_seed(3)
        rows = member.variation.get("batch_size", 32)
        alone = mlplab.fit(small(), *few, batch_size=rows, seed=3, validation_split=0.3, verbose=0)
        assert alone.history == member.history


def test_what_the_members_predict_is_what_each_predicts(few, other):
    trained = mlplab.fit_population(small, [{"units": 4}, {"units": 6}, {"units": 4, "seed": 9}], *few, verbose=0)
    predicted = trained.predict(other[0])
    assert predicted.shape == (3, 100, 10)
    for member, outputs in zip(trained, predicted, strict=True):
        np.testing.assert_allclose(outputs, member.model.predict(other[0], verbose=0), atol=1e-5)
    scores = trained.evaluate(*other)
    assert scores[0] == mlplab.evaluate(trained[0].model, *other, batch_size=1000, verbose=0, return_dict=True)


def test_a_callback_of_one_member_ends_that_member_alone(few):
    def callbacks(variation):
        stop = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", True)
        )
        return [stop] if variation["seed"] == 1 else []

    trained = mlplab.fit_population(small, 3, *few, epochs=3, verbose=0, callbacks=callbacks)
    assert [len(member.history["loss"]) for member in trained] == [3, 1, 3]


def test_models_with_code_of_their_own_share_a_program_where_only_their_seeds_differ(few):
    class Doubled(layers.Layer):
        def call(self, x):
            return 2 * x

    def own(learning_rate=1e-3):
        model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), Doubled(), layers.Dense(10, "softmax")])
        model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy")
        return model

    assert mlplab.fit_population(own, 3, *few, verbose=0).programs == 1
    variations = [{"seed": 1}, {"learning_rate": 0.1}]
    assert mlplab.fit_population(own, variations, *few, verbose=0).programs == 2


def test_constants_of_ones_own_layers_are_each_members_own(few):
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

    trained = mlplab.fit_population(own, 2, *few, epochs=2, verbose=0)
    for seed in (0, 1):
        keras.utils.set_random_seed(seed)
        model = own()
        history = mlplab.fit(model, *few, epochs=2, seed=seed, verbose=0).history
        assert trained[seed].history == history
        assert_equal_models(trained[seed].model, model)


def test_arrays_in_variations_are_told_apart_by_all_their_numbers(few):
    masks = [np.ones((28, 28), "float32"), np.ones((28, 28), "float32")]
    masks[1][14, 14] = 0  # NumPy's repr leaves this out

    class Masked(layers.Layer):
        def __init__(self, mask):
            super().__init__()
            self.masked = lambda x: x * mask

        def call(self, x):
            return self.masked(x)

    def own(mask):
        inputs = keras.Input((28, 28))
        model = keras.Model(inputs, layers.Dense(10, "softmax")(layers.Flatten()(Masked(mask)(inputs))))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    assert mlplab.fit_population(own, [{"mask": mask} for mask in masks], *few, verbose=0).programs == 2


def holding(part):
    """The constants of a network with a layer of one's own that holds something."""

    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.part = part

        def call(self, x):
            return x

    return constants(keras.Sequential([keras.Input((4,)), Own(), layers.Dense(2)]))


class Holder:
    def __init__(self, array):
        self.array = array

    def masked(self, x):
        return x * self.array


@pytest.mark.parametrize(
    "within",
    [
        lambda array: [{"mask": array}],
        lambda array: lambda x: x * array,
        lambda array: lambda x, mask=array: x * mask,
        lambda array: functools.partial(np.multiply, array),
        Holder,
        lambda array: Holder(array).masked,
        lambda array: float(array[0]),
        lambda array: jax.random.key(int(array[0])),
    ],
)
def test_constants_are_found_wherever_they_are_held(within):
    one, same, other = np.ones(3), np.ones(3), np.full(3, 2.0)
    assert holding(within(one)) == holding(within(same)) != holding(within(other))


def test_what_holds_itself_has_an_end():
    def halved(x, times=3):
        return x if times == 0 else halved(x / 2, times - 1)

    assert holding(halved) == holding(halved)


def test_a_regularizer_that_two_layers_share_is_another_program_than_two(few):
    def regularized(first, second=None):
        keras.utils.set_random_seed(0)
        one = keras.regularizers.L2(first)
        other = one if second is None else keras.regularizers.L2(second)
        sizes = ((8, "relu", one), (10, "softmax", other))
        dense = [layers.Dense(units, activation, kernel_regularizer=r) for units, activation, r in sizes]
        model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *dense])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    variations = [{"first": 1e-4}, {"first": 1e-4, "second": 1e-1}]
    trained = mlplab.fit_population(regularized, variations, *few, verbose=0)
    assert trained.programs == 2
    model = regularized(**variations[1])
    mlplab.fit(model, *few, seed=0, verbose=0)
    assert_equal_models(trained[1].model, model)


def test_many_architectures_are_compiled_once_each(few, monkeypatch):
    made = []
    monkeypatch.setattr(
        compile_cache, "_make", lambda *given, make=compile_cache._make: made.append(given[0]) or make(*given)
    )
    count = compile_cache.KEPT // 2 + 1
    variations = [{"units": 20 + number} for number in range(count)]
    mlplab.fit_population(small, variations, *few, epochs=3, validation_data=few, verbose=0)
    assert sorted(made) == ["test"] * count + ["train"] * count
    assert len(compile_cache._loops) == compile_cache.KEPT


def test_an_interrupt_leaves_each_model_after_its_last_whole_epoch(few):
    x, y = few
    source = ArraySource(x, y, batch_size=BATCH, shuffle=True)
    members = [Member(small(units=units), source, epochs=5) for units in (3, 4, 5)]

    def interrupt(done, members):
        if done >= 3 * source.steps + 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_members(members, progress=interrupt)
    assert {int(member.model.optimizer.iterations.numpy()) for member in members} <= {source.steps, 2 * source.steps}


def test_more_members_than_fit_into_memory_are_stacked_in_parts(few, monkeypatch):
    source = ArraySource(*few, batch_size=BATCH)
    members = [Member(small(), source, epochs=1) for _ in range(5)]
    monkeypatch.setattr(parallel, "on_cpu", lambda: False)

    def sizes(devices, free):
        monkeypatch.setattr(parallel, "free_memory", lambda: free)
        monkeypatch.setattr(parallel.jax, "local_devices", lambda: [None] * devices)
        return [len(group) for group in parallel._together(members, lambda member: member.source)]

    held = sum(array.nbytes for array in numbers(members[0].model)) + 4 * BATCH * 28 * 28
    assert sizes(devices=1, free=2**40) == [5]
    assert sizes(devices=2, free=2**40) == [3, 2]
    assert sizes(devices=1, free=8 * 3 * held) == [2, 2, 1]
    assert sizes(devices=1, free=0) == [1] * 5


def test_numbers_stand_for_seeds(few):
    trained = mlplab.fit_population(small, 3, *few, seed=7, verbose=0)
    assert [member.variation for member in trained] == [{"seed": 7}, {"seed": 8}, {"seed": 9}]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"variations": []}, "at least one member"),
        ({"variations": 0}, "variations must be a whole number of at least 1"),
        ({"variations": [1, 2]}, r"a list with a dict for each member, such as .* got \[1, 2\]"),
        ({"callbacks": [keras.callbacks.History()]}, "callbacks must be a function of a variation"),
        ({"callbacks": lambda _: SHARED}, "new callbacks for each member"),
        ({"variations": [{"unit": 3}]}, "Unknown variation 'unit'. Did you mean 'units'"),
        ({"variations": [{"seed": -1}]}, "seed must be"),
        ({"variations": [{"batch_size": 0}]}, "batch_size must be"),
        ({"build": small()}, "build must be a function that makes a compiled keras.Model.* got a model"),
        ({"build": lambda: None}, "build must return a compiled keras.Model; got NoneType"),
        ({"epochs": 0}, "epochs must be"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_bad_input_is_told_before_anything_is_trained(few, given, told):
    arguments = {"build": small, "variations": 2, "verbose": 0, **given}
    with pytest.raises(UsageError, match=told):
        mlplab.fit_population(arguments.pop("build"), arguments.pop("variations"), *few, **arguments)


def test_all_members_diverging_is_an_error(few):
    with pytest.raises(TrainingError, match="All 2 members diverged"):
        mlplab.fit_population(build_diverging, 2, *few, verbose=0)


def build_diverging():
    return small(learning_rate=1e38)
