"""The notebook's network, many times, as one population of mlplab."""

from job import BATCH, CLASSES, EPOCHS, HIDDEN, Clock, arguments, load, report

args = arguments(networks=64)
clock = Clock()

import mlplab  # noqa: E402  (timed)
from mlplab import keras  # noqa: E402  (timed)

clock.end_of("import")

x_train, y_train, x_test, y_test = load(args.data)
clock.end_of("load")


def build():
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


trained = mlplab.fit_population(
    build, args.networks, x_train, y_train, epochs=EPOCHS, batch_size=BATCH, seed=args.seed, verbose=0
)
clock.end_of("train")
clock.seconds["a network"] = clock.seconds["train"] / args.networks
accuracy = (trained.predict(x_test).argmax(-1) == y_test).mean()
report(clock, accuracy, trained[0].model.count_params(), ["mlplab", "keras", "jax", "numpy"])
