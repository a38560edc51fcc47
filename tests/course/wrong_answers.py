"""Wrong answers, by exercise: what is wrong, the edits of the solution, and the answer's first line.

`MODELS` are wrong before any training: they are built only. `TRAININGS` have a wrong length or wrong images, which the
number of steps shows: their `fit` only counts.
"""

from programs import Edit

Row = tuple[str, list[Edit], str]

LOSS = '"categorical_crossentropy"'
FIT = "mlplab.fit(model, X_train, Y_train, epochs=10, batch_size=128, verbose=2)"
COMPILE = 'model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])'
FLATTEN = "x = layers.Flatten()(inputs)"
OUTPUT = 'layers.Dense(10, activation="softmax")(x)'
TWICE = "Your model has softmax twice: in the output layer and in a layer after it. Remove one of them."
SPARSE = (
    "Your loss is sparse_categorical_crossentropy; the task asks for categorical_crossentropy. "
    "It needs class numbers; the labels here are one-hot, (n, 10)."
)
UNTRAINED = "Your model is not trained: its optimizer has not taken a step. mlplab.fit(model, …) is missing."
LOGITS = "Softmax is applied twice: in the output layer, and by from_logits=True in the loss. Keep one."
AGAIN = "Running fit again continues the training: build the model again first."

DENSE, DROPOUT = 'x = layers.Dense(50, activation="relu")(x)', "x = layers.Dropout(0.2)(x)"
HIDDEN = f"{DENSE}\n{DROPOUT}\n{DENSE}\n{DROPOUT}\n"
FIT_DEEP = "mlplab.fit(model, X_train, Y_train, epochs=10, batch_size=32, verbose=2)"

WIDE = "x = layers.Dense(64, activation=activation)(x)"
FIT_NETWORK = "mlplab.fit(network, X_train, Y_train, epochs=5, batch_size=256, verbose=2)"
LINEAR = "linear_model = trained(None)"

CLOTHES = "fashion_model = train(X_train, Y_train)"
HARDEST = "class_names[np.argmin(right)]"
MORE = "More images are the best remedy of all, but this task has no more."
RATES = "[0.00001, 0.0001, 0.001, 0.01, 0.1]"

MODELS: dict[str, list[Row]] = {
    "softmax-regression": [
        ("a hidden layer", [(FLATTEN, f"{FLATTEN}\nx = layers.Dense(20)(x)")],
         "Your model has 1 hidden Dense layer; the task asks for none."),
        ("sigmoid", [('"softmax"', '"sigmoid"')],
         "Your output layer has the activation sigmoid; the task asks for the activation softmax."),
        ("no activation", [(', activation="softmax"', "")],
         "Your output layer has no activation; the task asks for the activation softmax."),
        ("softmax twice", [(OUTPUT, f"layers.Softmax()({OUTPUT})")], TWICE),
        ("softmax in the loss", [(LOSS, "keras.losses.CategoricalCrossentropy(from_logits=True)")], LOGITS),
        ("no Flatten", [(FLATTEN, "x = inputs")],
         "Your model gives (8, 10) numbers for an image; there are 10 classes. "
         "Is there a Flatten layer before the first Dense layer?"),
        ("Flatten at the end", [(OUTPUT, 'layers.Dense(10, activation="softmax")(layers.Dense(1)(inputs)[:, :, 0])')],
         "A Flatten layer is missing: the Dense layers need the pixels of an image in one row."),
        ("one unit", [("Dense(10,", "Dense(1,")], "Your model gives 1 number for an image; there are 10 classes."),
        ("images as rows", [("keras.Input(X_train.shape[1:])", "keras.Input((64,))")],
         "Your model takes inputs of shape (64,); an image is (8, 8): keras.Input((8, 8))."),
        ("no bias", [("Dense(10, ", "Dense(10, use_bias=False, ")],
         "Your model has 640 trainable parameters; the task's has 650. Does every layer have its bias?"),
        ("a frozen layer", [(COMPILE, f"model.layers[-1].trainable = False\n{COMPILE}")],
         "Your model has 0 trainable parameters; the task's has 650. Is one of its layers frozen, trainable=False?"),
        ("the pixels scaled by the model", [(FLATTEN, "x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))")],
         "Your model scales the pixels itself (Rescaling), but the check gives it images with values of 0…1. "
         "Remove that layer, and divide the images before training."),
        ("squared error", [(LOSS, '"mse"')],
         "Your loss is mean_squared_error; the task asks for categorical_crossentropy."),
        ("the loss for class numbers", [(LOSS, '"sparse_categorical_crossentropy"')], SPARSE),
        ("a loss that does not exist", [(LOSS, '"cross"')],
         "Your loss is cross; the task asks for categorical_crossentropy."),
        ("no loss", [(f"loss={LOSS}, ", "")],
         "Your loss is missing; the task asks for categorical_crossentropy."),
        ("another optimizer", [('"adam"', '"sgd"')], "Your optimizer is sgd; the task asks for adam."),
        ("not compiled", [(COMPILE, "")],
         "Your model is not compiled: model.compile(loss=…, optimizer=…, metrics=[…]) is missing."),
        ("not trained", [(FIT, "")], UNTRAINED),
    ],
    "hidden-layer": [
        ("the activation in both", [("trained(None)", 'trained("relu")')],
         "`linear_model`: Your first Dense layer has the activation relu; the task asks for no activation."),
        ("the activation in neither", [('trained("relu")', "trained(None)")],
         "`model`: Your first Dense layer has no activation; the task asks for the activation relu."),
        ("a relu that leaks", [('"relu"', "layers.LeakyReLU(0.1)")],
         "`model`: Your first Dense layer has the activation LeakyReLU; the task asks for the activation relu."),
        ("the two swapped", [('model = trained("relu")', 'model = trained("None")'), (LINEAR, 'linear_model = '
         'trained("relu")'), ('"None"', "None")],
         "Your two networks are swapped: `linear_model` is the one without the activation."),
        ("one network twice", [(LINEAR, "linear_model = model")],
         "`linear_model` is `model` itself, under another name. Build a second network with new layers."),
        ("the first network's layers again",
         [(LINEAR, "linear_model = keras.Model(model.inputs, model.layers[-1](model.layers[-2].output))")],
         "`model` and `linear_model` share a layer: training one changes the other. Make new layers."),
        ("other units", [("Dense(64,", "Dense(46,")],
         "`model`: Your first Dense layer has 46 units; the task asks for 64."),
        ("no hidden layer", [(WIDE, f"{WIDE} if activation else x")],
         "`linear_model`: Your model has no hidden Dense layers; the task asks for 1."),
        ("Flatten after the hidden layer",
         [(WIDE, "x = layers.Flatten()(x)"), (FLATTEN, WIDE.replace("(x)", "(inputs)"))],
         "`model`: Your layers are in another order than the task's: "
         "layer 1 is Dense, and the task has Flatten there."),
        ("no bias in the hidden layer", [("Dense(64,", "Dense(64, use_bias=False,")],
         "`model`: Your model has 4,746 trainable parameters; the task's has 4,810. Does every layer have its bias?"),
        ("softmax twice in one of them", [(f"outputs = {OUTPUT}", f"outputs = {OUTPUT}\n    "
         "outputs = outputs if activation else layers.Softmax()(outputs)")], f"`linear_model`: {TWICE}"),
        ("the accuracy in place of a network", [(LINEAR, "linear_model = 0.84")],
         "`linear_model` is a float; the task asks for a Keras model."),
    ],
    "two-dense-layers": [
        ("no dropout after the second layer", [(f"{DROPOUT}\noutputs", "outputs")],
         "A Dropout layer is missing after your second Dense layer."),
        ("no dropout at all", [(f"{DROPOUT}\n", "")], "A Dropout layer is missing after your first Dense layer."),
        ("dropout twice", [(HIDDEN, f"{DENSE}\n{DROPOUT}\n{DROPOUT}\n{DENSE}\n{DROPOUT}\n")],
         "There is a Dropout layer after your first Dense layer that the task does not ask for."),
        ("dropout before the Dense layers", [(HIDDEN, f"{DROPOUT}\n{DENSE}\n{DROPOUT}\n{DENSE}\n")],
         "Your layers are in another order than the task's: layer 2 is Dropout, and the task has Dense there."),
        ("dropout after the output layer", [(f"outputs = {OUTPUT}", f"outputs = layers.Dropout(0.2)({OUTPUT})")],
         "Your last layer is Dropout. Put it before the output layer."),
        ("another kind of noise", [("layers.Dropout(0.2)", "layers.AlphaDropout(0.2)")],
         "There is an AlphaDropout layer after your first Dense layer; the task has a Dropout layer there."),
        ("another rate", [(f"{DROPOUT}\noutputs", f"{DROPOUT.replace('0.2', '0.5')}\noutputs")],
         "Your second Dropout layer has rate 0.5; the task asks for 0.2."),
        ("the activation after the dropout",
         [(', activation="relu"', ""), (DROPOUT, f"{DROPOUT}\nx = layers.Activation('tanh')(x)")],
         "There is an Activation layer after your first Dense layer that the task does not ask for."),
        ("20 units in the second layer",
         [(f"{DENSE}\n{DROPOUT}\noutputs", f"{DENSE.replace('50', '20')}\n{DROPOUT}\noutputs")],
         "Your second Dense layer has 20 units; the task asks for 50."),
        ("an extra layer", [(f"outputs = {OUTPUT}", f"{DENSE}\noutputs = {OUTPUT}")],
         "Your model has 3 hidden Dense layers; the task asks for 2."),
        ("one layer used twice", [(HIDDEN, "hidden = layers.Dense(64, activation='relu', name='shared')\n"
         f"x = hidden(x)\n{DROPOUT}\nx = hidden(x)\n{DROPOUT}\n")],
         "Your model uses the layer shared more than once, with the same weights; the task asks for a new layer at "
         "each place."),
        ("branches", [(HIDDEN, f"y = {DENSE[4:]}\nx = layers.Add(name='sum')([layers.Dense(50)(x), y])\n")],
         "In your model, branches meet at sum; the task asks for a single line of layers."),
    ],
    "learning-curve": [
        ("other units", [("128", "64")], "Your first Dense layer has 64 units; the task asks for 128."),
        ("ten times the rate", [('"adam"', "keras.optimizers.Adam(0.01)")],
         "Your learning rate is 0.01; the task asks for 0.001."),
        ("untrained", [], UNTRAINED),
        ("None for the model", [("losses = history", "model = None\nlosses = history")],
         "`model` is None: there is no model yet. Build one, and give it that name."),
    ],
    "learning-rate": [
        ("an extra layer", [("    outputs =", '    x = layers.Dense(64, "relu")(x)\n    outputs =')],
         "Your model has 2 hidden Dense layers; the task asks for 1."),
        ("a single rate", [(RATES, "[0.001]")], "Your `rates` has 1 rate; the task asks for at least four."),
        ("rates too close together", [(RATES, "[0.001, 0.002, 0.005, 0.01]")],
         "Your largest rate, 0.01, is 10 times the smallest, 0.001; the task asks for at least 1,000 times."),
        ("the model of the last rate", [("model = models[best_rate]", "")],
         "Your model has the learning rate 0.1, and your best rate is 1e-05. It is the one that you tried last."),
        ("the rate not given to the optimizer", [("keras.optimizers.Adam(rate)", '"adam"')],
         "Your model has the learning rate 0.001, and your best rate is 1e-05."),
        ("not trained", [], UNTRAINED),
    ],
    "regularisation": [
        ("sigmoid", [('"relu"', '"sigmoid"')],
         "Your first Dense layer has the activation sigmoid; the task asks for the activation relu."),
        ("no activation", [(', activation="relu"', "")],
         "Your first Dense layer has no activation; the task asks for the activation relu."),
        ("smaller layers", [("128", "64")],
         "Your first Dense layer has 64 units; the task asks for 128."),
        ("a layer more", [("\noutputs", '\nx = layers.Dense(128, "relu")(x)\noutputs')],
         "Your model has 3 hidden Dense layers; the task asks for 2."),
        ("dropout after the outputs", [("\nmodel", "\noutputs = layers.Dropout(0.3)(outputs)\nmodel")],
         "Your last layer is Dropout: it would change the probabilities. Put it before the output layer."),
        ("dropout of nothing", [("0.3", "0.0")], "Your first Dropout layer has rate 0: it drops nothing."),
        ("dropout of everything", [("0.3", "1.0")], "Your first Dropout layer has rate 1: it drops everything."),
        ("softmax twice", [("\nmodel", "\noutputs = layers.Softmax()(outputs)\nmodel")], TWICE),
        ("another kind of network", [(FLATTEN, "x = layers.Reshape((28, 28, 1))(inputs)\n"
         "x = layers.Conv2D(4, 3)(x)\nx = layers.Flatten()(x)")],
         "Your model has a Conv2D layer: keep the task's network, and add remedies only."),
        ("untrained", [], UNTRAINED),
    ],
    "another-data-set": [
        ("50 units", [("Dense(20", "Dense(50")],
         "`mnist_model`: Your first Dense layer has 50 units; the task asks for 20."),
        ("another network for the clothes", [(CLOTHES, "fashion_model = keras.Sequential("
         '[keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax")])')],
         "`fashion_model`: Your model has no hidden Dense layers; the task asks for 1."),
        ("one model submitted twice", [(CLOTHES, "fashion_model = mnist_model")],
         "`fashion_model` is `mnist_model` itself, under another name. Build a second network with new layers."),
        ("two models of the same layers",
         [(CLOTHES, "fashion_model = keras.Model(mnist_model.inputs, mnist_model.outputs)")],
         "`mnist_model` and `fashion_model` share a layer: training one changes the other. Make new layers."),
        ("the class's number", [(HARDEST, "6")],
         "`hardest` is the number 6; the task asks for the name of a class, in quotes."),
        ("the class's number as text", [(HARDEST, '"6"')],
         "`hardest` is '6'; the task asks for the name of a class of Fashion-MNIST."),
        ("a name misspelt", [(HARDEST, '"Ankel boot"')],
         "`hardest`: Unknown class 'Ankel boot'. Did you mean 'Ankle boot'?"),
        ("the accuracy in place of the name", [(HARDEST, "np.float64(0.6)")],
         "`hardest` is a float64; the task asks for the name of a class, in quotes."),
        ("not trained", [], f"`mnist_model`: {UNTRAINED}"),
    ],
}  # fmt: skip

TRAININGS: dict[str, list[Row]] = {
    "softmax-regression": [
        ("too few epochs", [("epochs=10", "epochs=3")], "Your model was trained for 3 epochs; the task asks for 10."),
        ("fit called again", [(FIT, f"{FIT}\n{FIT}")],
         f"Your model was trained for 20 epochs; the task asks for 10. {AGAIN}"),
        ("other batches", [("batch_size=128", "batch_size=32")],
         "An epoch of 1,442 images in batches of 128 has 12 steps; yours has 46. "
         "Did you train in batches of 32, or on other images?"),
        ("fewer images", [("X_train, Y_train, epochs", "X_train[:500], Y_train[:500], epochs")],
         "An epoch of 1,442 images in batches of 128 has 12 steps; yours has 4. "
         "Did you train in other batches, or on other images?"),
        ("the History in place of the model", [(FIT, f"model = {FIT}")],
         "`model` is the History that fit returns; the task asks for the trained model."),
        ("compiled again", [(FIT, f"{FIT}\n{COMPILE}")],
         "Your model was compiled again after its training, and Keras forgot how it was trained. "
         "Build, compile and train it again, in this order."),
    ],
    "hidden-layer": [
        ("one of them not trained", [(FIT_NETWORK, f"if activation:\n        {FIT_NETWORK}")],
         f"`linear_model`: {UNTRAINED}"),
        ("one of them trained longer", [("epochs=5", "epochs=5 if activation else 10")],
         "`linear_model`: Your model was trained for 10 epochs; the task asks for 5."),
        ("another optimizer for one of them", [('"adam"', '"adam" if activation else "rmsprop"')],
         "`linear_model`: Your optimizer is rmsprop; the task asks for adam."),
    ],
    "two-dense-layers": [
        ("fit called again", [(FIT_DEEP, f"{FIT_DEEP}\n{FIT_DEEP}")],
         f"Your model was trained for 20 epochs; the task asks for 10. {AGAIN}"),
    ],
    "learning-curve": [
        ("more images", [("[:2_000]", "[:4_000]")],
         "An epoch of 2,000 images in batches of 50 has 40 steps; yours has 80. "
         "Did you train in other batches, or on other images?"),
        ("the default batches", [("batch_size=50, ", "")],
         "An epoch of 2,000 images in batches of 50 has 40 steps; yours has 63. "
         "Did you train in batches of 32, or on other images?"),
        ("two times 20 epochs", [("epochs=40, batch_size=50", "epochs=20, batch_size=50, verbose=2)\n"
         "history = mlplab.fit(model, X_train, Y_train, epochs=20, batch_size=50")],
         "`history` has curves of length 20; the task asks for 40 epochs, with validation after each."),
        ("not validated", [(", validation_data=held_out", ""), ("val_", "")],
         "Your training has no validation: give fit validation_data=(…, …)."),
    ],
    "learning-rate": [
        ("too few epochs", [("epochs=3", "epochs=1"), ("rates[rate], models[rate] = accuracy",
         "rates[rate], models[rate] = 0.8 - abs(rate - 0.001)")],
         "Your model was trained for 1 epoch; the task asks for 3."),
        ("held-out images among those of the training", [("X[:20_000], Y[:20_000]", "X, Y"),
         ("rates[rate], models[rate] = accuracy", "rates[rate], models[rate] = 0.8 - abs(rate - 0.001)")],
         "An epoch of 20,000 images in batches of 128 has 157 steps; yours has 469. "
         "Did you train in other batches, or on other images?"),
    ],
    "regularisation": [
        ("the default batches", [('"batch_size": 100, ', "")],
         "An epoch of 4,000 images in batches of 100 has 40 steps; yours has 125. "
         f"Did you train in batches of 32, or on other images? {MORE}"),
        ("more images", [("X[:4_000], Y[:4_000]", "X[:8_000], Y[:8_000]")],
         "An epoch of 4,000 images in batches of 100 has 40 steps; yours has 80. "
         f"Did you train in batches of 50, or on other images? {MORE}"),
        ("no validation", [('"validation_data": watched, ', "")],
         "Your training has no validation: give fit validation_data=(…, …)."),
        ("fit called twice", [("\nhistory = ", "\nmlplab.fit(model, X_train, Y_train, **settings)\nhistory = ")],
         "Your model was trained for 80 epochs, and `history` has 40: fit ran more than once. Build the model again, "
         "and train it with one call of fit."),
    ],
    "another-data-set": [
        ("too few epochs", [("epochs=6", "epochs=1")],
         "`mnist_model`: Your model was trained for 1 epoch; the task asks for 6."),
    ],
}  # fmt: skip
