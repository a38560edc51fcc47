"""What a run predicts, it predicts again."""

import numpy as np
from monte_carlo import MonteCarloDropout

from mlplab import keras
from mlplab.runs.run import probabilities_of


def test_random_predictions_of_a_run_are_the_same_each_time(digits_run, digits):
    softmax = keras.layers.Dense(10, "softmax")
    model = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), MonteCarloDropout(), softmax])
    images = digits.test.inputs[:20]
    scaled = digits_run.config.preprocessing(images)
    first, second = (probabilities_of(model, images, digits_run.config) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    # Keras's own predictions continue from where the seeds were before.
    np.testing.assert_allclose(first, model.predict(scaled, verbose=0), rtol=1e-5)
    assert np.abs(first - model.predict(scaled, verbose=0)).max() > 0.01
