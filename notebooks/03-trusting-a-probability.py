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
# # When it says 90 %, is it right nine times in ten?
#
# A network gives a probability with each answer. One that was trained for long on few images gives too high ones. How
# much too high can be measured, and mended with a single number.
#
# **[Open in Colab][colab]** · [all about the network itself](01-mlp.ipynb)
#
# [colab]: https://colab.research.google.com/github/mlplab/mlplab/blob/main/notebooks/03-trusting-a-probability.ipynb

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
# ## A network that is too sure
#
# Trained on 5,000 images for 30 epochs; one tenth of all 60,000 is held out, which we need later.

# %%
import tempfile

folder = f"{tempfile.mkdtemp()}/sure"  # or one of your own
run = mlplab.train("fashion-mnist", hidden=[128], labelled=5000, epochs=30, seed=0, out=folder, verbose=0)
diagram = mlplab.show_calibration(run)

# %% [markdown]
# Each point is the answers of one range of probability: what the network said (to the right) and how often it was right
# (upwards). On the dashed line both are the same. Wherever there are answers to speak of, the points are below: the
# network promises more than it keeps. And most of its answers are in the last bar, where it is surest.
#
# ## One number for it
#
# The *expected calibration error* is the mean distance of the points from the line, each point weighted by its answers.


# %%
def calibration_error(diagram):
    distance = np.abs(diagram["confidence"] - diagram["accuracy"])
    return np.average(distance, weights=diagram["n"])


test = run.predictions("test")
confidence = test.probabilities.max(axis=1)
right = test.probabilities.argmax(axis=1) == test.label
print(f"It says {confidence.mean():.1%} on average, and is right in {right.mean():.1%}.")
print(f"Expected calibration error: {calibration_error(diagram):.3f}")

# %% [markdown]
# ## Mending it: temperature
#
# Raise all ten probabilities to the power 1/T and divide by their sum. A temperature T above 1 makes them more alike,
# so the network less sure, and which class is the most probable stays as it is. The best T is found on the images held
# out, not on the test set.

# %%
found = mlplab.calibrate(run)
T = found["temperature"]
print(f"T = {T:.2f}, with 95 % confidence between {found['low']:.2f} and {found['high']:.2f}")

cooler = test.probabilities.astype("float64") ** (1 / T)
cooler /= cooler.sum(axis=1, keepdims=True)

mended = mlplab.show_calibration(cooler, test.label, class_names=run.class_names)
same = (cooler.argmax(axis=1) == test.probabilities.argmax(axis=1)).mean()
print(f"Expected calibration error: {calibration_error(diagram):.3f} before, {calibration_error(mended):.3f} after")
print(f"Answers that stay the same: {same:.1%}")

# %% [markdown]
# Where there are many answers, the points now lie on the line or near it. Nothing was learnt anew: the network is as
# good as before, and honest.
#
# ## What an honest probability is good for
#
# One can answer only where one is sure, and leave the rest to a person. How good is the network on the answers that it
# is surest of?

# %%
order = np.argsort(-cooler.max(axis=1))
answered = np.arange(1, len(order) + 1)
fig, ax = plt.subplots(figsize=(6, 3.4))
ax.plot(answered[99:] / len(order), right[order].cumsum()[99:] / answered[99:])
ax.set(xlabel="share of the images answered, surest first", ylabel="share right", title="Answering only where sure")
plt.show()

sure = cooler.max(axis=1) >= 0.9
print(f"At least 90 % sure: {sure.mean():.0%} of the images, {right[sure].mean():.1%} of them right.")

# %% [markdown]
# ## And how sure are we of these numbers?
#
# An accuracy is a share of images that were counted, and with other images it would be another. The 95 % interval says
# how far off it may be. With few images it is wide.

# %%
rng = np.random.default_rng(0)
for n in (100, 1000, 10_000):
    rows = rng.choice(len(right), n, replace=False)
    accuracy = mlplab.score(test.probabilities[rows], test.label[rows], class_names=run.class_names).rows()[0]
    print(f"{n:6} test images: {accuracy['value']:.3f}, interval {accuracy['low']:.3f} to {accuracy['high']:.3f}")

# %% [markdown]
# Every score has such an interval:

# %%
mlplab.score(run)

# %% [markdown]
# Ten times as many images make the interval about a third as wide. So two networks that differ by one point cannot be
# told apart by a hundred images, whichever comes out ahead.
#
# ## Try it
#
# - Train for 5 epochs instead of 30, or on all images (leave out `labelled`). What becomes of T?
# - Add `dropout=0.3`. Is the network still too sure?
# - `show_calibration(run, equal="mass")` puts as many images in each bin.
#
# The method is of Guo et al. 2017, [On calibration of modern neural networks](https://arxiv.org/abs/1706.04599). Next:
# [what hidden units see](04-what-hidden-units-see.ipynb).
