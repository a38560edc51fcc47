"""Optuna around `keras.Model.fit`, in the space that `mlplab tune` searches by default, for a given number of seconds.

One of several processes that share a study in SQLite, as Optuna's documentation does it. TPE, and successive halving
by the validation accuracy after each epoch. Prints the best validation accuracy that any trial reported in time.
"""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True, help="NPZ with x_train, y_train, x_validation, y_validation")
parser.add_argument("--storage", required=True)
parser.add_argument("--space", required=True, type=json.loads, help="a value, a list or a range for each parameter")
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--seconds", type=float, required=True, help="from the start of this process")
args = parser.parse_args()
deadline = time.monotonic() + args.seconds

import keras  # noqa: E402  (after the clock starts)
import numpy as np  # noqa: E402  (after the clock starts)
import optuna  # noqa: E402  (after the clock starts)
from keras import layers  # noqa: E402  (after the clock starts)

EPOCHS, BATCH = args.space["epochs"], args.space["batch_size"]
with np.load(args.data) as data:
    x, x_validation = (data[name].astype("float32") / 255 for name in ("x_train", "x_validation"))
    y, y_validation = data["y_train"], data["y_validation"]


def suggest(trial, name):
    values = args.space[name]
    if isinstance(values, dict):
        return trial.suggest_float(name, values["low"], values["high"], log=values.get("log", False))
    return trial.suggest_categorical(name, values) if isinstance(values, list) else values


def build(trial):
    rate, decay, dropout, depth, width = (
        suggest(trial, name) for name in ("learning_rate", "weight_decay", "dropout", "depth", "width")
    )
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    for _ in range(depth):
        model.add(layers.Dense(width, use_bias=False))
        model.add(layers.BatchNormalization())
        model.add(layers.Activation("gelu"))
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(10, activation="softmax"))
    schedule = keras.optimizers.schedules.CosineDecay(rate, EPOCHS * -(-len(x) // BATCH))
    model.compile(
        loss="sparse_categorical_crossentropy",
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=decay),
        metrics=["accuracy"],
        steps_per_execution=32,
    )
    return model


class Report(keras.callbacks.Callback):
    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        if time.monotonic() > deadline:
            raise TimeoutError
        self.trial.report(logs["val_accuracy"], epoch + 1)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def objective(trial):
    keras.utils.set_random_seed(1000 * args.seed + trial.number)
    history = build(trial).fit(
        x,
        y,
        epochs=EPOCHS,
        batch_size=BATCH,
        validation_data=(x_validation, y_validation),
        validation_batch_size=1000,
        verbose=0,
        callbacks=[Report(trial)],
    )
    return history.history["val_accuracy"][-1]


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(
    study_name="peer",
    storage=f"sqlite:///{args.storage}",
    load_if_exists=True,
    direction="maximize",
    sampler=optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=args.seed + os.getpid()),
    pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
)
while time.monotonic() < deadline:
    study.optimize(objective, n_trials=1, catch=(TimeoutError,))
reported = [value for trial in study.trials for value in trial.intermediate_values.values()]
finished = sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)
print(json.dumps({"best": max(reported), "trials": len(study.trials), "finished": finished}))
