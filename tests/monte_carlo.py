"""Monte-Carlo dropout."""

from mlplab import keras


class MonteCarloDropout(keras.layers.Layer):
    """Dropout that stays on when the model predicts, so that each prediction is another sample."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(7)

    def call(self, x):
        return keras.random.dropout(x, 0.5, seed=self.seeds)
