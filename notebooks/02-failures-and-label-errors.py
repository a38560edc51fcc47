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
# # Is the network wrong, or the label?
#
# A small network fails on about one image in eight. Looking at the failures tells more than counting them: some images
# are hard, some classes overlap, and some labels are simply wrong. Wrong labels can be found.
#
# **[Open in Colab][colab]** · [all about the network itself](01-mlp.ipynb)
#
# [colab]: https://colab.research.google.com/github/mlplab/mlplab/blob/main/notebooks/02-failures-and-label-errors.ipynb

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
# ## The worst failures
#
# A *run* is a trained network with its data, predictions and scores, kept in a folder. `order="loss"` puts first what
# the network found least probable: above each image the predicted class and in brackets the true one, with their
# probabilities.

# %%
import tempfile

folder = tempfile.mkdtemp()  # or one of your own
run = mlplab.train("fashion-mnist", hidden=[100], epochs=5, seed=0, out=f"{folder}/plain", verbose=0)
worst = mlplab.show_failures(run, order="loss", maxtoshow=20)

# %% [markdown]
# To each of these the network gives its true class next to no probability; of most, it is sure of another. With some
# you would side with it: that is a label error, or a garment that two people would call by two names.
#
# ## What is confused with what

# %%
mlplab.most_confused(run, min_count=60)

# %% [markdown]
# A few pairs of classes make most of the failures, and shirts are in most of the pairs. No label has to be wrong for
# that: 28×28 grey pixels do not always tell a shirt from a coat.
#
# ## Wrong labels, made on purpose
#
# How well can wrong labels be found? To know, we take 20,000 training images and change 400 of their labels at random.

# %%
original = mlplab.load("fashion-mnist")
names = original.class_names
images, labels = original.train.images[:20_000], original.train.labels[:20_000]

rng = np.random.default_rng(0)
changed = rng.choice(len(labels), 400, replace=False)
noisy = labels.copy()
noisy[changed] = (labels[changed] + rng.integers(1, 10, len(changed))) % 10

data = mlplab.load(((images, noisy), (original.test.images, original.test.labels)), class_names=names)

# %% [markdown]
# A network that was trained on a wrong label has learnt it and finds nothing wrong with it. So five networks are
# trained, each on four fifths of the images, and each judges the fifth that it has not seen. Labels that it finds least
# probable come first.

# %%
noisy_run = mlplab.train(data, hidden=[100], epochs=5, seed=0, out=f"{tempfile.mkdtemp()}/noisy", verbose=0)
suspects = mlplab.find_label_errors(noisy_run, data=data, verbose=0)
is_changed = np.isin(suspects["index"], changed)
print(f"Of the first 400 suspects, {is_changed[:400].sum()} are labels that we changed.")
print(f"Of 400 labels drawn at random, it would be about {400 * 400 // len(labels)}.")

# %%
fig, ax = plt.subplots(figsize=(6, 3.4))
looked_at = np.arange(1, 2001)
ax.plot(looked_at, is_changed[:2000].cumsum(), label="by suspicion")
ax.plot(looked_at, looked_at * len(changed) / len(labels), "--", color="grey", label="at random")
ax.axhline(len(changed), color="grey", linewidth=0.8)
ax.set(xlabel="labels looked at", ylabel="changed labels found", title="How soon the 400 are found")
ax.legend()
plt.show()

# %% [markdown]
# Most of them are among the first few hundred of 20,000.
#
# ## Those that we did not change
#
# Among the first suspects are labels that are in the data set as it is published. Judge for yourself.

# %%
found = np.flatnonzero(~is_changed)[:16]
fig, axes = plt.subplots(2, 8, figsize=(11, 3.6))
for ax, row in zip(axes.flat, found, strict=True):
    ax.imshow(images[suspects["index"][row]], cmap="gray")
    ax.set_title(f"{suspects['given'][row]}\n→ {suspects['suggested'][row]}?", fontsize=8)
    ax.axis("off")
plt.show()

# %% [markdown]
# Not all of these labels are wrong: the network's own mistakes are among its suggestions. So look before you correct. A
# label that was changed to what a network believes makes the next network believe it more.
#
# ## Try it
#
# - Change 2,000 labels instead of 400. Are they found as well?
# - Change only shirts to T-shirts (`labels == 6` to 0). Why is that so much harder?
# - `mlplab labels RUN` in a terminal writes the suspects to a file in which you can correct them, and `mlplab train …
#   --corrected-labels FILE` trains on it.
#
# Next: [how far to trust a probability](03-trusting-a-probability.ipynb).
