# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why is longer training not always better?
#
# A network with many weights and few images learns the images by heart. Then it knows its training set, and little
# else. Here it is made to happen, and four remedies are tried.
#
# **[Open in Colab][colab]** · [all about the network itself](01-mlp.ipynb)
#
# [colab]: https://colab.research.google.com/github/mlplab/mlplab/blob/main/notebooks/05-overfitting-and-remedies.ipynb

# %%
import importlib.util
import os
import sys

if "keras" in sys.modules and sys.modules["keras"].config.backend() != "jax":
    raise RuntimeError("Keras was imported with another backend. Runtime → Restart session, then run this cell first.")
os.environ["KERAS_BACKEND"] = "jax"

if importlib.util.find_spec("mlplab") is None:
    print("Installing mlplab. If you are asked to restart the session, do, and run this cell again.")
    # %pip install --quiet "mlplab[labels] @ git+https://github.com/mlplab/mlplab"

import jax
import keras
import matplotlib.pyplot as plt
import numpy as np

import mlplab

plt.rcParams["figure.constrained_layout.use"] = True
print(f"mlplab {mlplab.__version__}, Keras {keras.__version__} on JAX {jax.__version__}, NumPy {np.__version__}")
gpu = jax.default_backend() == "gpu"
print(f"GPU: {jax.devices()[0].device_kind}" if gpu else "No GPU, using CPU instead.")

# %% [markdown]
# ## Learning by heart
#
# 2,048 training images, a network of 79,510 weights, and 4,000 other images to judge by. The test set is not touched:
# we are choosing.

# %%
import itertools

from keras import layers

data = mlplab.load("fashion-mnist")
images, labels = data.train.images / np.float32(255), data.train.labels
held_out = images[-4000:], labels[-4000:]


def build(dropout=0.0, weight_decay=None):
    network = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(100, activation="relu")])
    if dropout:
        network.add(layers.Dropout(dropout))
    network.add(layers.Dense(10, activation="softmax"))
    optimizer = keras.optimizers.AdamW(weight_decay=weight_decay) if weight_decay else "adam"
    network.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return network


def train(network, rows=2048, epochs=40, **more):
    return mlplab.fit(network, images[:rows], labels[:rows], epochs=epochs, verbose=0, validation_data=held_out, **more)


keras.utils.set_random_seed(0)
plain = train(build())
curves = mlplab.show_curves(plain)

# %% [markdown]
# The training loss goes on falling. The loss on held-out images falls first, then **rises**: from there on the network
# learns its images by heart. Its accuracy on the others stays where it is; what rises is how sure it is of its
# failures.
#
# ## Four remedies
#
# - **Dropout** switches half of the hidden units off in each step, at random, so that none can rely on another.
# - **Weight decay** pulls all weights a little towards zero in each step.
# - **Early stopping** ends when the held-out loss has not become better for five epochs, and takes the best weights
#   back.
# - **More data** leaves less to learn by heart: here four times as many images, and half as many epochs.

# %%
stop = keras.callbacks.EarlyStopping("val_loss", patience=5, restore_best_weights=True)
histories = {
    "nothing": plain,
    "dropout": train(build(dropout=0.5)),
    "weight decay": train(build(weight_decay=0.3)),
    "early stopping": train(build(), callbacks=[stop]),
    "more data": train(build(), rows=8192, epochs=20),
}

fig, ax = plt.subplots(figsize=(8, 3.8))
for name, history in histories.items():
    ax.plot(np.arange(1, len(history.epoch) + 1), history.history["val_loss"], label=name)
ax.set(xlabel="epoch", ylabel="loss on held-out images", ylim=(0.35, 0.85))
ax.legend(ncols=3, loc="upper right")
plt.show()

# %%
print(f"{'':15} {'training':>9} {'held out':>9} {'loss held out':>14}")
for name, history in histories.items():
    kept = np.argmin(history.history["val_loss"]) if name == "early stopping" else -1
    training, accuracy, loss = (history.history[key][kept] for key in ("accuracy", "val_accuracy", "val_loss"))
    print(f"{name:15} {training:9.3f} {accuracy:9.3f} {loss:14.3f}")

# %% [markdown]
# With each of the four, the loss on held-out images ends lower, so the network is less sure where it is wrong. Its
# accuracy is another matter: more data lifts it by two or three points, and what the other three do to it is hardly
# more than what another seed does.
#
# ## What would more images bring?
#
# Before collecting more, look at how the accuracy grew with what there was: four times as many from point to point,
# three seeds each.

# %%
sizes, epochs, seeds = (128, 512, 2048, 8192), (40, 30, 20, 12), (0, 1, 2)


def reached(dropout):
    """Accuracy on held-out images, (sizes, seeds)."""
    accuracy = np.zeros((len(sizes), len(seeds)))
    for (i, rows), (j, seed) in itertools.product(enumerate(sizes), enumerate(seeds)):
        keras.utils.set_random_seed(seed)
        network = build(dropout)
        mlplab.fit(network, images[:rows], labels[:rows], epochs=epochs[i], verbose=0)
        accuracy[i, j] = mlplab.evaluate(network, *held_out, verbose=0)[1]
    return accuracy


results = {"plain": reached(0.0), "dropout": reached(0.5)}

# %%
fig, ax = plt.subplots(figsize=(7, 3.8))
for (name, accuracy), mark in zip(results.items(), ("o-", "s--"), strict=True):
    mean, sd = accuracy.mean(axis=1), accuracy.std(axis=1, ddof=1)
    ax.errorbar(sizes, mean, sd, fmt=mark, capsize=4, label=name)
    print(f"{name:8}", ", ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, sd, strict=True)))
ax.set(xscale="log", xlabel="training images", ylabel="accuracy on held-out images")
ax.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# Each step to the right costs four times as many images. The first brings about seven points, the last two to four.
# Dropout does not lift this curve, and with few images it lowers it: as above, it makes the network less sure
# rather than more often right. The bars are the standard deviation over three seeds.
#
# ## Try it
#
# - Change one label in ten at random, as in [the second notebook](02-failures-and-label-errors.ipynb). Which remedy
#   helps most now?
# - Train the plain network for 200 epochs instead of 40. How far does the held-out loss rise?
# - Combine dropout with early stopping. The exercise `regularisation` checks what you come up with: in a terminal,
#   `mlplab course start regularisation`.
#
# Back to [the first notebook](01-mlp.ipynb), whose second task is now within reach.
