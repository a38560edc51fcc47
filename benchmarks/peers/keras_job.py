"""The notebook's job in Keras, on the backend that KERAS_BACKEND names; the model is the notebook's own."""

from job import BATCH, CLASSES, EPOCHS, HIDDEN, Clock, arguments, load, report

args = arguments(steps_per_execution=1)
clock = Clock()

import keras  # noqa: E402  (timed)
from keras import layers  # noqa: E402

clock.end_of("import")

x_train, y_train, x_test, y_test = load(args.data)
y_train, y_test = keras.utils.to_categorical(y_train), keras.utils.to_categorical(y_test)
clock.end_of("load")

keras.utils.set_random_seed(args.seed)
model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Flatten(),
        layers.Dense(HIDDEN, activation="relu"),
        layers.Dense(CLASSES, activation="softmax"),
    ]
)
model.compile(
    loss="categorical_crossentropy",
    optimizer="adam",
    metrics=["accuracy"],
    steps_per_execution=args.steps_per_execution,
)
model.fit(x_train, y_train, epochs=EPOCHS, batch_size=BATCH, verbose=0)
clock.end_of("train")

_, accuracy = model.evaluate(x_test, y_test, batch_size=BATCH, verbose=0)
clock.end_of("test")

report(clock, accuracy, model.count_params(), ["keras", keras.backend.backend(), "numpy"])
