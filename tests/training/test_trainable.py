"""What a sweep and a study refuse before anything is made, as the data cannot have it."""

import numpy as np
import pytest

import mlplab
from mlplab.errors import UsageError
from mlplab.runs import Settings
from mlplab.training.trainable import require_trainable

LABELS = np.arange(40) % 4
FEATURES = np.random.default_rng(0).random((40, 6), "float32")
IMAGES = np.random.default_rng(1).random((40, 3, 3), "float32")


def loaded(inputs):
    return mlplab.load(((inputs, LABELS), (inputs, LABELS)), quiet=True)


@pytest.mark.parametrize(
    ("inputs", "changed", "message"),
    [
        (FEATURES, {"pixel_encoding": 4}, "pixel_encoding takes images .* are 6 numbers"),
        (2 * IMAGES, {"pixel_encoding": 4}, "pixel_encoding takes images .* go from"),
        (FEATURES, {"augment": "flip"}, "augment='flip' changes images, and the rows of .* are 6 numbers"),
        (IMAGES, {"augment": "shift:3"}, "less than a side of the images; got 3 for images of 3 × 3"),
        (IMAGES, {"labelled": 41}, "labelled=41"),
        (IMAGES, {"class_weight": {"seven": 2.0}}, "Unknown class 'seven'"),
        (IMAGES, {"hidden": (10**9, 10**9)}, "parameters for each of 3 networks"),
        (IMAGES, {"activation": "rellu"}, "Unknown activation 'rellu'"),
    ],
)
def test_what_data_cannot_have_is_refused_after_what_they_can(inputs, changed, message):
    plain = {"hidden": (4,)}
    with pytest.raises(UsageError, match=message):
        require_trainable([Settings(**plain), Settings(**plain | changed)], loaded(inputs), networks=3)


def test_a_sweep_and_a_study_of_them_leave_nothing(tmp_path):
    vary = {"pixel_encoding": [0, 4]}
    with pytest.raises(UsageError, match="pixel_encoding takes images"):
        mlplab.sweep(loaded(FEATURES), vary, hidden=[4], epochs=1, seeds=1, runs=tmp_path / "sweep", verbose=0)
    space = {"hidden": [4], "epochs": 1, "learning_rate": {"low": 0.1, "high": 0.2}, "augment": ["none", "flip"]}
    with pytest.raises(UsageError, match="augment='flip' changes images"):
        mlplab.tune(loaded(FEATURES), space, trials=2, out=tmp_path / "study")
    assert list(tmp_path.iterdir()) == []
