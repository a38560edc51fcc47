"""Runs of every kind that are exported, made once: each with the arrays it was begun with, if any."""

import numpy as np
import pytest
from exported_models import KINDS, OWN, TRAINED, compiled, drawn_data, skipping

import mlplab
from mlplab import Run, keras

layers = keras.layers


@pytest.fixture(scope="session")
def any_run(request, once):
    """`run, data = any_run(kind)`: a run of one of `KINDS`, and what has to be given for its data; None if nothing."""
    data = {kind: drawn_data(*shape) for kind, (shape, *_) in OWN.items()}

    def make(kind):
        if kind in TRAINED:
            settings = {"epochs": 2, "seed": 0, "verbose": 0, **TRAINED[kind]}
            return Run(once(f"export-{kind}", lambda out: mlplab.train("digits", out=out, **settings))), None
        if kind not in OWN:
            return request.getfixturevalue(f"{kind}_run"), None

        def keep(out):
            (shape, classes, _), parts, loss = OWN[kind]
            keras.utils.set_random_seed(1)
            model = keras.Sequential([keras.Input(shape), *parts()]) if parts else skipping(shape, classes)
            rng = np.random.default_rng(0)
            model.set_weights([weights + rng.normal(0, 0.1, weights.shape) for weights in model.get_weights()])
            mlplab.save_run(compiled(model, loss), data[kind], out=out, scale=255 if shape == (48, 32, 3) else 1)

        return Run(once(f"export-{kind}", keep)), data[kind]

    return make


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param
