"""Progress in a folder of each test, usual ranges in one folder for all tests."""

from pathlib import Path

import filelock
import pytest

from mlplab.course import checking, reference_scores
from mlplab.datasets.cache import cache_folder


@pytest.fixture(autouse=True)
def progress_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "progress"
    monkeypatch.setenv("MLPLAB_COURSE", str(folder))
    monkeypatch.delenv("MLPLAB_EXERCISES", raising=False)
    return folder


@pytest.fixture(autouse=True)
def shared_ranges(shared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train usual ranges once for all tests and workers, with three seeds: real ones, in half the time."""
    train = reference_scores.usual_values

    def train_once(exercise, constants, measure):
        with filelock.FileLock(shared_folder / f"{exercise.name}.lock"):
            return train(exercise, constants, measure)

    monkeypatch.setattr(checking, "usual_values", train_once)
    monkeypatch.setattr(reference_scores, "cache_folder", lambda: shared_folder)
    monkeypatch.setattr(reference_scores, "SEEDS", (1, 2, 3))


TEXT = """# A small network for digits

Build a network with one hidden layer of **16** units with the activation **relu**, and train it for **5** epochs.

Hand in: `model`.
"""

SOLUTION = """import mlplab
from mlplab import keras
from keras import layers

dataset = "digits"
seed = 0
keras.utils.set_random_seed(seed)
(X, y), _ = mlplab.load_data(dataset)
X, Y = X.astype("float32") / X.max(), keras.utils.to_categorical(y)
hidden, output = layers.Dense(16, "relu"), layers.Dense(10, "softmax")
model = keras.Sequential([keras.Input(X.shape[1:]), layers.Flatten(), hidden, output])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
mlplab.fit(model, X, Y, epochs=5, batch_size=32, verbose=2)
"""

CHECKS = """from mlplab.course.checks import expect
from mlplab.course.checks.layers import dense, flatten

DATASETS = ("digits",)


def check(model, dataset="digits"):
    yield expect.model(model, dataset)
    yield expect.layers(model, [flatten(), dense(16, "relu"), dense(activation="softmax")])
    yield expect.trained(model, epochs=5, batch_size=32)
    yield expect.usual_accuracy(model, dataset)
"""


@pytest.fixture
def small_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an instructor's exercise, `small-digits`, with its own cache; its check takes a second."""
    folder = tmp_path / "exercises" / "50-small-digits"
    folder.mkdir(parents=True)
    starter = "# %% The data\n" + SOLUTION.replace("16", "8").replace("model =", "\n# %%\nmodel =")
    files = {"text.md": TEXT, "starter.py": starter, "checks.py": CHECKS, "solution.py": SOLUTION}
    for name, content in {**files, "hints.md": "Look at the units.\n---\nSixteen of them.\n"}.items():
        (folder / name).write_text(content, "utf-8")
    monkeypatch.setenv("MLPLAB_EXERCISES", str(folder.parent))
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reference_scores, "cache_folder", cache_folder)
    return folder
