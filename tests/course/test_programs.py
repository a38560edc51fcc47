"""The `fit` that only counts leaves a model as the real one does."""

import pytest
from programs import count, run


@pytest.mark.slow
def test_counted_training_looks_like_a_real_one_to_a_check():
    edits = ("epochs=10", "epochs=2"), ("verbose=2", "verbose=0, validation_data=(X_train[:50], Y_train[:50])")
    real, counted = (make("softmax-regression", *edits, dataset="digits")["model"] for make in (run, count))
    assert int(counted.optimizer.iterations) == int(real.optimizer.iterations)
    assert counted.history.params["steps"] == real.history.params["steps"]
    assert counted.history.epoch == real.history.epoch
    assert counted.history.history.keys() == real.history.history.keys()
