"""The notebook's job from Python with mlplab: the Keras model as it is, `mlplab.fit` for `model.fit`."""

from job import BATCH, CLASSES, EPOCHS, HIDDEN, Clock, arguments, load, report

args = arguments()
clock = Clock()

import mlplab  # noqa: E402  (timed)
from mlplab import keras  # noqa: E402

clock.end_of("import")

x_train, y_train, x_test, y_test = load(args.data)
y_train, y_test = keras.utils.to_categorical(y_train), keras.utils.to_categorical(y_test)
clock.end_of("load")

keras.utils.set_random_seed(args.seed)
model = keras.Sequential(
    [
        keras.Input((28, 28)),
        keras.layers.Flatten(),
        keras.layers.Dense(HIDDEN, activation="relu"),
        keras.layers.Dense(CLASSES, activation="softmax"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
mlplab.fit(model, x_train, y_train, epochs=EPOCHS, batch_size=BATCH, verbose=0, seed=args.seed)
clock.end_of("train")

_, accuracy = mlplab.evaluate(model, x_test, y_test, batch_size=BATCH, verbose=0)
clock.end_of("test")

report(clock, accuracy, model.count_params(), ["mlplab", "keras", "jax", "numpy"])
