"""Every optimizer that Keras has trains under mlplab as it does under Keras, whatever its settings.

Where its variables are packed into one vector, all that training changes is within 1e-5 of Keras's after 100 steps;
where they are not, it is Keras's bit for bit.
"""

import inspect

import models
import pytest
from against import assert_equal_models, fit_both, largest_difference

from mlplab import keras
from mlplab.engine.packing import Packing

optimizers = keras.optimizers


def _multi():
    by_name = {".*/kernel": optimizers.Adam(0.01), ".*/bias": optimizers.SGD(0.1)}
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.RMSprop(), by_name))


WRAPPERS = {
    "LossScaleOptimizer": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), dynamic_growth_steps=3),
    "MultiOptimizer": _multi,
}
ALL = {name: kind for name, kind in inspect.getmembers(optimizers, inspect.isclass) if name not in WRAPPERS}
del ALL["Optimizer"], ALL["OptimizerMap"]  # the base class, and MultiOptimizer's argument


SETTINGS = {
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "amsgrad": lambda: optimizers.Adam(amsgrad=True),
    "centred": lambda: optimizers.RMSprop(centered=True, momentum=0.5),
    "clipvalue": lambda: optimizers.Adam(clipvalue=0.001),
    "weight decay": lambda: optimizers.AdamW(weight_decay=0.1),
    "moving average": lambda: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3),
    "schedule": lambda: optimizers.Adam(optimizers.schedules.CosineDecay(0.05, 80)),
    "global_clipnorm": lambda: optimizers.Adam(global_clipnorm=0.1),
    "accumulation": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3, use_ema=True),
    "loss scale": lambda: optimizers.Adam(0.01, loss_scale_factor=1000.0),
}
WHOLE = {"Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW", *WRAPPERS, "global_clipnorm", "accumulation", "loss scale"}
"""What looks at whole variables, or at how many there are: these are not packed."""


@pytest.mark.parametrize("name", ALL)
def test_every_optimizer_with_clipping_decay_exclusions_average_and_constraints(name, whole_batches):
    def build():
        decay = {} if name == "Ftrl" else {"weight_decay": 0.01}  # Ftrl takes none
        optimizer = ALL[name](clipnorm=0.5, use_ema=True, ema_momentum=0.8, **decay)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        output = keras.layers.Dense(10, kernel_constraint=keras.constraints.UnitNorm())
        model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), output])
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    (theirs, _), (ours, _) = fit_both(build, *whole_batches, packed=True)
    assert Packing.of(ours) is None
    assert_equal_models(theirs, ours)


@pytest.mark.parametrize("name", [*ALL, *WRAPPERS, *SETTINGS])
def test_every_optimizer_and_setting_for_100_steps(name, whole_batches):
    make = {**ALL, **WRAPPERS, **SETTINGS}[name]
    (theirs, _), (ours, _) = fit_both(lambda: models.small(make()), *whole_batches, packed=True)
    assert (Packing.of(ours) is None) == (name in WHOLE)
    if name in WHOLE:
        assert_equal_models(theirs, ours)
    else:
        assert largest_difference(theirs, ours) <= 1e-5
