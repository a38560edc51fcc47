import jax

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, Rows
from keras import layers

seed = 0
epochs = 40  # about six minutes on two cores
batch_size = 256
hidden = (2048, 1024)
keras.utils.set_random_seed(seed)

(X, y), _ = mlplab.load_data("fashion-mnist")
X, Y = X.astype("float32") / 255, keras.utils.to_categorical(y)
X_train, Y_train = X[:50_000], Y[:50_000]
X_valid, Y_valid = X[50_000:], Y[50_000:]


def mixup(x, y, key):
    """Blend each image and its label with a little of another one (Zhang and others, 2018)."""
    share, order = jax.random.split(key)
    share = jax.random.beta(share, 0.2, 0.2)
    order = jax.random.permutation(order, len(x))
    return share * x + (1 - share) * x[order], share * y + (1 - share) * y[order]


mean, deviation = float(X_train.mean()), float(X_train.std())
inputs = keras.Input((28, 28))
x = layers.Rescaling(1 / deviation, offset=-mean / deviation)(inputs)
x = layers.Flatten()(x)
x = layers.Dropout(0.1)(x)
for units in hidden:
    x = layers.Dense(units, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("gelu")(x)
    x = layers.Dropout(0.3)(x)
outputs = layers.Dense(10, activation="softmax")(x)
model = keras.Model(inputs, outputs)

steps = epochs * -(-len(X_train) // batch_size)
schedule = keras.optimizers.schedules.CosineDecay(
    0.0, decay_steps=steps - steps // 20, warmup_target=2e-3, warmup_steps=steps // 20
)
optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.05)
optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
model.compile(loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1), optimizer=optimizer, metrics=["accuracy"])
source = ArraySource(X_train, Y_train, batch_size=batch_size, shuffle=True, seed=seed, batch=Rows(transform=mixup))
history = mlplab.fit(model, source, epochs=epochs, validation_data=(X_valid, Y_valid), verbose=2)
