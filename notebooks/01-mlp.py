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
# # Recognising garments with a multi-layer perceptron
#
# A small dense network learns to tell ten kinds of garment apart, 60,000 pictures of them, in a few seconds. You build
# it in Keras, train it, see where it fails, and then improve it. Three tasks are yours; the first is checked for you.
#
# **[Open in Colab][colab]** if you have nothing installed. In Jupyter or VS Code run the cells one after the other,
# with Shift+Enter.
#
# [colab]: https://colab.research.google.com/github/mlplab/mlplab/blob/main/notebooks/01-mlp.ipynb
#
# ## 1 Set-up
#
# This cell goes first in every notebook of the course: Keras reads its backend once, when it is imported.

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

# %%
from keras import layers

from mlplab import course

# %% [markdown]
# ## 2 The data
#
# Change this one word to `"mnist"` (handwritten digits) or `"digits"` (small ones, nothing to fetch), and run the
# notebook again from here. Nothing else has to change: sizes, classes and scale are taken from the data.

# %%
dataset = "fashion-mnist"

# %%
keras.utils.set_random_seed(0)

data = mlplab.load(dataset)
class_names = data.class_names
X_train, y_train = data.train.images, data.train.labels
X_test, y_test = data.test.images, data.test.labels

largest = X_train.max()  # of a pixel: 255, in digits 16
X_train = X_train.astype("float32") / largest
X_test = X_test.astype("float32") / largest

# one-hot labels: a row with a 1 in the column of the class
Y_train = keras.utils.to_categorical(y_train, len(class_names))
Y_test = keras.utils.to_categorical(y_test, len(class_names))

print(f"{dataset}: {len(X_train)} images to train on, {len(X_test)} to test on")
print("X_train:", X_train.shape, X_train.dtype, "from", X_train.min(), "to", X_train.max())
print("y_train:", y_train.shape, y_train.dtype)
print("Y_train:", Y_train.shape, Y_train.dtype)
print("Classes:", ", ".join(f"{number} {name}" for number, name in enumerate(class_names)))

# %% [markdown]
# ## 3 The first ten images
#
# Each is a grid of grey values with a label. The last column shows the label as the network gets it.

# %%
fig, axes = plt.subplots(1, 10, figsize=(11, 1.6))
for i, ax in enumerate(axes):
    ax.imshow(X_train[i], cmap="gray")
    ax.set_title(class_names[y_train[i]], fontsize=9)
    ax.axis("off")
plt.show()

for i in range(10):
    print(f"image {i}: class {y_train[i]}, {class_names[y_train[i]]:12} {Y_train[i].astype(int)}")

# %% [markdown]
# ## 4 The network
#
# `Flatten` makes one long row of the image's pixels. Each of the 20 hidden units weighs all of them, adds up, and
# passes the sum on where it is positive (ReLU). The last layer weighs and adds up these 20 numbers, once for each
# class, and softmax turns its sums into probabilities.

# %%
inputs = keras.Input(shape=X_train.shape[1:])
x = layers.Flatten()(inputs)
x = layers.Dense(20, activation="relu")(x)
outputs = layers.Dense(len(class_names), activation="softmax")(x)

model = keras.Model(inputs=inputs, outputs=outputs, name="mlp_model")
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.summary()

# %% [markdown]
# A weight from each pixel to each hidden unit, a bias for each unit, and the same again from the hidden units to the
# classes: that is all there is to learn.
#
# ## 5 The network as a picture

# %%
graph = mlplab.plot_model(model, show_shapes=True)

# %% [markdown]
# ## 6 Training
#
# Ten times through the training images (ten *epochs*), 32 images a step. The last tenth of them is held out:
# `val_accuracy` is the accuracy on images that the network does not learn from. **Run the cell again and training goes
# on where it left off.**

# %%
# %%time
epochs = 10

history = mlplab.fit(model, X_train, Y_train, epochs=epochs, batch_size=32, validation_split=0.1, verbose=2)

# %% [markdown]
# ## 7 Learning curves
#
# Loss is what training makes smaller; accuracy is what we want. The distance between the two lines is what the network
# knows of its training images only.

# %%
epochs_done = [epoch + 1 for epoch in history.epoch]  # Keras counts from 0

fig, axes = plt.subplots(1, 2, figsize=(10, 3.2))
for ax, name in zip(axes, ("loss", "accuracy"), strict=True):
    ax.plot(epochs_done, history.history[name], "o-", label="training")
    ax.plot(epochs_done, history.history[f"val_{name}"], "s--", label="held out")
    ax.set(xlabel="epoch", title=name, xticks=epochs_done)
    ax.legend()
plt.show()

# %% [markdown]
# ## 8 The test
#
# The test images were not touched until now. Use them once, when all choices are made; make your choices by
# `val_accuracy`.

# %%
loss, accuracy = mlplab.evaluate(model, X_test, Y_test, verbose=0)
print(f"Test accuracy: {accuracy:.4f}")

# %% [markdown]
# ### Your number is another one?
#
# Of course. The first weights and the order of the images are drawn at random, and where training ends depends on them.
# Here is the same network with five seeds.

# %%
seeds = range(5)
accuracies, by_class = [], []
for seed in seeds:
    keras.utils.set_random_seed(seed)
    network = keras.models.clone_model(model)  # the same layers with new weights
    network.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    mlplab.fit(network, X_train, Y_train, epochs=epochs, batch_size=32, validation_split=0.1, verbose=0)
    right = mlplab.predict(network, X_test, verbose=0).argmax(axis=1) == y_test
    accuracies.append(right.mean())
    by_class.append([right[y_test == k].mean() for k in range(len(class_names))])

mean, sd = np.mean(accuracies), np.std(accuracies, ddof=1)
print("Test accuracy with five seeds:", ", ".join(f"{value:.4f}" for value in accuracies))
print(f"Mean ± standard deviation: {mean:.4f} ± {sd:.4f}")
print(f"So anything from {mean - 2 * sd:.3f} to {mean + 2 * sd:.3f} is the same result, differently drawn.")

# %%
fig, ax = plt.subplots(figsize=(10, 3))
ax.plot(np.transpose(by_class), "o", color="tab:blue", alpha=0.5)
ax.axhline(mean, color="grey", linestyle="--", linewidth=1)
ax.set_xticks(range(len(class_names)), class_names, rotation=30, ha="right")
ax.set(ylabel="test accuracy", title="Five networks, class by class (dashed: all classes, mean of five)")
plt.show()

# %% [markdown]
# ## 9 Predictions, and what goes wrong
#
# A prediction is a probability for each class; the most probable one counts. Above each image: the predicted class, in
# brackets the true one, then the probability of each, and the image's number in the test set.

# %%
predictions = mlplab.predict(model, X_test, verbose=0)
failures = mlplab.show_failures(predictions, y_test, X_test, maxtoshow=10, class_names=class_names)
print(failures.title)

# %% [markdown]
# Only those of one class (6 is a shirt, or a six) that were taken for a certain other. `trueclass` alone works as well,
# and so does `predictedclass`.

# %%
failures = mlplab.show_failures(
    predictions, y_test, X_test, trueclass=6, predictedclass=2, maxtoshow=10, class_names=class_names
)

# %% [markdown]
# What is shown is also a table, with the numbers of the images:

# %%
print(failures)

# %% [markdown]
# ## 10 The confusion matrix
#
# Rows are the true classes, columns the predicted ones. Off the diagonal are the failures; two classes that the network
# cannot tell apart make a pair of dark cells, mirrored.

# %%
confusion = mlplab.show_confusion(predictions, y_test, class_names=class_names)

# %%
matrix = confusion["count"].reshape(len(class_names), -1)
print("Confusion matrix (rows: true, columns: predicted)")
print(matrix)
print()
print("Accuracy of each class")
for number, name in enumerate(class_names):
    print(f"{number} {name:12} {matrix[number, number] / matrix[number].sum():.3f}")

# %% [markdown]
# ## 11 Task 1: a larger network
#
# Build a network with **two hidden layers of 50 units each, ReLU, and each of them followed by dropout of 0.2**. Train
# it for ten epochs. Does it do better?
#
# The cell below runs as it is, but what it builds is the network from above. Change it until the check says that it is
# solved. As there is nothing left to choose, it trains on all training images.

# %%
# %%time
keras.utils.set_random_seed(0)

inputs = keras.Input(shape=X_train.shape[1:])
x = layers.Flatten()(inputs)
x = layers.Dense(20, activation="relu")(x)  # your turn: from here …
outputs = layers.Dense(len(class_names), activation="softmax")(x)  # … to here

ex1_model = keras.Model(inputs=inputs, outputs=outputs, name="ex1_model")
ex1_model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

ex1_epochs = 10
ex1_history = mlplab.fit(ex1_model, X_train, Y_train, epochs=ex1_epochs, batch_size=32, verbose=0)
print(f"{ex1_model.count_params():,} parameters")

# %%
course.check("two-dense-layers", ex1_model, dataset=dataset)

# %% [markdown]
# Stuck? `course.hint("two-dense-layers")` gives a hint, and another one the next time. When the check has passed,
# `course.solution("two-dense-layers")` shows one way to do it.
#
# To see what such a network reaches, ask for it: write `True` below. mlplab has its settings under a name, as a
# *recipe*, so the answer is still yours to find.

# %%
show_answer = False

if show_answer:
    answer = mlplab.train(dataset, recipe="two-dense-layers", verbose=0)
    print(f"{answer.result.parameters:,} parameters")
    curves = mlplab.show_curves(answer)
    print(f"Test accuracy: {answer.result.test.accuracy:.4f}")

# %% [markdown]
# ## 12 Task 2: the best network you can find
#
# Try more units, more layers, other activations, dropout, another optimizer or learning rate. Decide by `val_accuracy`,
# never by the test set: with enough attempts, luck alone would take you up there.
#
# On Fashion-MNIST, `course.text("challenge")` sets five targets, and in a terminal
#
#     mlplab course start challenge
#
# makes a file for it and keeps a board of your attempts. What others reached, and what mlplab's recipes do, is in
# [accuracy.md](../docs/accuracy.md).
#
# How far can it go? On MNIST whose pixels are shuffled, so that only dense networks make sense, the ladder network
# (Rasmus et al. 2015, [arXiv 1507.02672](https://arxiv.org/abs/1507.02672)) has an error of 0.57 %, one in 175. It also
# learns from images without labels: with only 100 labelled ones, ten of each digit, its error is about 1 %.
#
# The recipe `ladder` is that network. Here is a small one of it, which trains for less than a minute: it learns to
# remove noise from all 60,000 images, and to name 100 of them. Beside it, a network of the same size that has the 100
# alone. Leave out all but `recipe` and `labelled`, and you train the authors' own, for an hour or more.
# [ladder.md](../docs/ladder.md) explains it.

# %%
# %%time
same = {"labelled": 100, "hidden": [500, 250, 100], "verbose": 0}

alone = mlplab.train("mnist", **same, epochs=50, batch_size=20, validation=0)
ladder = mlplab.train("mnist", **same, recipe="ladder", learning_rate=0.004, epochs=2)

for name, run in (("100 labels alone", alone), ("ladder network", ladder)):
    test = run.result.test
    print(f"{name:16} test accuracy {test.accuracy:.4f}, error {1 - test.accuracy:.2%}")

# %% [markdown]
# ## 13 Task 3: other data
#
# Change the one word at `dataset = …` above to `"mnist"` and run everything again. Which classes are confused now? Is
# the spread over seeds larger or smaller? The exercise `another-data-set` puts the two side by side:
#
#     mlplab course start another-data-set
#
# Fashion-MNIST's classes are 0 T-shirt/top, 1 Trouser, 2 Pullover, 3 Dress, 4 Coat, 5 Sandal, 6 Shirt, 7 Sneaker, 8
# Bag, 9 Ankle boot; those of the other two are the digits themselves.
#
# ## 14 Elsewhere
#
# [This notebook in Colab][colab] needs nothing but a browser.
#
# [colab]: https://colab.research.google.com/github/mlplab/mlplab/blob/main/notebooks/01-mlp.ipynb
#
# ## What differs from the original
#
# The notebook follows one of a university course, "MNIST handwritten digits classification with MLPs" (CSC, TensorFlow
# 2.10). On Fashion-MNIST that one got 0.8631, training took 58.7 s.
#
# | there | here, and why |
# |---|---|
# | `model.fit` | `mlplab.fit`: the same Keras step, in compiled epochs |
# | one run, no seed | a seed, and five of them: one number alone cannot be compared |
# | no validation | `validation_split`: choices need images that are neither trained on nor the test's |
# | the first failures | with probability and number, by class or by loss, and as a table: to find them again |
# | matrix as text | and as a picture: patterns are seen rather than read |
# | a graph by Graphviz | one that needs no other program |
# | Task 1's answer is a cell | the cell is yours, and checked; the answer's result is shown when you ask for it |
# | Task 2 points at a paper | and trains a small one of its networks |
# | another loader for other data | one word |
#
# ## What to read next
#
# - The failures that cost the network most come first with `order="loss"`, and wrong labels gather there: [failures and
#   label errors](02-failures-and-label-errors.ipynb).
# - When it says 90 %, is it right nine times in ten? [Trusting a probability](03-trusting-a-probability.ipynb).
# - What does a hidden unit look at? [What hidden units see](04-what-hidden-units-see.ipynb).
# - Why more epochs are not always better: [overfitting and remedies](05-overfitting-and-remedies.ipynb).

# %%
worst = mlplab.show_failures(predictions, y_test, X_test, order="loss", maxtoshow=10, class_names=class_names)
