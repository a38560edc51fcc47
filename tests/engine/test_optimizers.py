"""Every optimizer of Keras trains under mlplab as it does under Keras.

Where its variables are packed into one vector, all that training changes is within 2e-5 of Keras's after 100 steps;
where they are not, it is Keras's bit for bit.
"""

import inspect

import models
import numpy as np
import pytest
from against import assert_equal_models, fit_both, largest_difference

from mlplab import keras
from mlplab.engine import keras_internals
from mlplab.engine.packing import Packing

optimizers = keras.optimizers


def _multi():
    by_name = {".*/kernel": optimizers.Adam(0.01), ".*/bias": optimizers.SGD(0.1)}
    return optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.RMSprop(), by_name))


def _excluding():
    optimizer = optimizers.Adam(weight_decay=0.01, use_ema=True, ema_momentum=0.8)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


PACKED = {
    "Adadelta": lambda: optimizers.Adadelta(0.1),
    "Adagrad": lambda: optimizers.Adagrad(0.01),
    "Adam": lambda: optimizers.Adam(amsgrad=True, clipvalue=0.001),
    "AdamW": lambda: optimizers.AdamW(weight_decay=0.1),
    "Adamax": lambda: optimizers.Adamax(0.01),
    "Ftrl": lambda: optimizers.Ftrl(0.01),
    "Lion": lambda: optimizers.Lion(),
    "Nadam": lambda: optimizers.Nadam(optimizers.schedules.CosineDecay(0.05, 80)),
    "RMSprop": lambda: optimizers.RMSprop(centered=True, momentum=0.5),
    "SGD": lambda: optimizers.SGD(
        *(0.1, 0.9, True), use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3, weight_decay=0.01
    ),
}
WHOLE = {
    "Adafactor": lambda: optimizers.Adafactor(),
    "Lamb": lambda: optimizers.Lamb(),
    "LossScaleOptimizer": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01), dynamic_growth_steps=3),
    "MultiOptimizer": _multi,
    "Muon": lambda: optimizers.Muon(),
    "ScheduleFreeAdamW": lambda: optimizers.ScheduleFreeAdamW(),
    "clipnorm": lambda: optimizers.SGD(0.1, clipnorm=0.5),
    "global_clipnorm": lambda: optimizers.Adam(global_clipnorm=0.1),
    "accumulation": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3, use_ema=True),
    "loss scale": lambda: optimizers.Adam(0.01, loss_scale_factor=1000.0),
    "exclusion": _excluding,
}
"""Optimizers that use whole variables, or the number of variables: these are not packed."""


def test_every_optimizer_of_keras_is_here():
    kinds = {name for name, _ in inspect.getmembers(optimizers, inspect.isclass)}
    assert kinds - {"Optimizer", "OptimizerMap"} <= {*PACKED, *WHOLE}


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKED)
def test_packed_after_100_steps(name, rows):
    (theirs, _), (ours, _) = fit_both(lambda: models.small(PACKED[name]()), *rows, packed=True)
    assert Packing.of(ours) is not None
    assert largest_difference(theirs, ours) <= 2e-5


@pytest.mark.parametrize("name", WHOLE)
def test_not_packed(name):
    model = models.small(WHOLE[name]())
    keras_internals.build(model, (np.zeros((1, 28, 28), "float32"), np.zeros(1, "int32"), None))
    assert Packing.of(model) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Muon", "accumulation", "exclusion"])
def test_not_packed_it_is_keras_bit_for_bit(name, few):
    (theirs, _), (ours, _) = fit_both(lambda: models.small(WHOLE[name]()), *few, packed=True)
    assert_equal_models(theirs, ours)
