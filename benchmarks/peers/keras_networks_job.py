"""The notebook's network, several times, one after the other, in Keras: as one trains seeds without a population."""

import time

from job import BATCH, CLASSES, EPOCHS, HIDDEN, Clock, arguments, load, report

args = arguments(steps_per_execution=1, networks=2)
clock = Clock()

import keras  # noqa: E402  (timed)
from keras import layers  # noqa: E402  (timed)

clock.end_of("import")

x_train, y_train, x_test, y_test = load(args.data)
clock.end_of("load")

accuracies, seconds = [], []
for seed in range(args.seed, args.seed + args.networks):
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(HIDDEN, activation="relu"),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        metrics=["accuracy"],
        steps_per_execution=args.steps_per_execution,
    )
    model.fit(x_train, y_train, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    seconds.append(time.perf_counter() - started)
    accuracies.append(model.evaluate(x_test, y_test, batch_size=1000, verbose=0)[1])
clock.end_of("train")
clock.seconds["a network"] = min(seconds)  # without what the first has to compile
report(clock, sum(accuracies) / len(accuracies), model.count_params(), ["keras", keras.backend.backend(), "numpy"])
