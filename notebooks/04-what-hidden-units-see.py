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
# # What does a hidden unit see?
#
# A hidden unit weighs the pixels of an image and adds up. It has a weight for each pixel, so its weights are an image
# too, and can be looked at.
#
# **[Open in Colab][colab]** · [all about the network itself](01-mlp.ipynb)
#
# [colab]: https://colab.research.google.com/github/mlplab/mlplab/blob/main/notebooks/04-what-hidden-units-see.ipynb

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
# ## The weights, as images
#
# The network has 20 hidden units. An L2 penalty pulls weights towards zero that have nothing to do, such as those of
# corners that are always black; without it their pictures would be full of specks.

# %%
import tempfile

from keras import layers

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Flatten(),
        layers.Dense(20, activation="relu", kernel_regularizer=keras.regularizers.L2(0.0005)),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
run = mlplab.train("fashion-mnist", model=model, epochs=5, seed=0, out=f"{tempfile.mkdtemp()}/twenty", verbose=0)
units = mlplab.show_units(run)

# %% [markdown]
# Red pixels weigh for a unit, blue ones against it. In some you see the outline of a garment, a collar, a sleeve or the
# gap between two legs; others are hard to read, for it is all units together that answer. The number is a unit's
# importance: how much the next layer's sums move with it.

# %%
print(f"{'unit':>4} {'active':>7} {'importance':>11}")
for row in units.rows()[:3] + units.rows()[-3:]:
    print(f"{row['unit']:4} {row['active']:7.1%} {row['importance']:11.3g} {row['state']}")

# %% [markdown]
# The three most important units and the three least. `active` is the share of test images for which a unit's output is
# above 0. A unit that is never active is dead, and could be left out.
#
# ## One failure, looked at closely
#
# A shirt that the network takes for a T-shirt, the one of which it is surest.

# %%
failure = mlplab.show_failures(run, trueclass="Shirt", predictedclass="T-shirt/top", order="confidence", maxtoshow=1)
index = failure.rows()[0]["index"]

# %% [markdown]
# Which pixels would have to change to change the answer? The gradient tells: red where a brighter pixel would make the
# network surer of what it said, blue where it would make it doubt.

# %%
saliency = mlplab.show_saliency(run, index=index)

# %% [markdown]
# What did it take the image for? These are the training images that look most alike to the network, in its hidden
# layer. A red frame has another class than the image; a blue one would have the same.

# %%
neighbours = mlplab.show_neighbours(run, index=index)

# %% [markdown]
# ## All test images at once
#
# The 20 outputs of the hidden layer are 20 numbers for each image. Here they are seen from the direction in which they
# vary most.

# %%
projection = mlplab.show_projection(run)

# %% [markdown]
# Shoes are away from clothes, shirts are in the middle of what they are confused with, and failures (with a dark ring)
# are where colours meet. The axes say how much of all variance can be seen: the rest is in other directions,
# so what overlaps here may still be apart.
#
# ## Try it
#
# - Train on `"mnist"`: are the units' pictures easier to read?
# - Take 200 units, or leave the penalty out. Are there dead units now? How many matter?
# - `show_neighbours(run, index=…)` for one of the failures of [the second
#   notebook](02-failures-and-label-errors.ipynb).
#
# Next: [overfitting and its remedies](05-overfitting-and-remedies.ipynb).
