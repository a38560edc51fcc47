import numpy as np

import mlplab
from mlplab import keras
from keras import layers

seed = 0
keras.utils.set_random_seed(seed)


def load(dataset):
    (X_train, y_train), (X_test, y_test) = mlplab.load_data(dataset)
    X_train, X_test = X_train.astype("float32") / 255, X_test.astype("float32") / 255
    return X_train, keras.utils.to_categorical(y_train), X_test, y_test


def train(X_train, Y_train):
    inputs = keras.Input((28, 28))
    x = layers.Flatten()(inputs)
    x = layers.Dense(20, activation="relu")(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    mlplab.fit(model, X_train, Y_train, epochs=6, batch_size=128, verbose=2)
    return model


X_train, Y_train, X_test, y_test = load("mnist")
mnist_model = train(X_train, Y_train)

X_train, Y_train, X_test, y_test = load("fashion-mnist")
fashion_model = train(X_train, Y_train)

guesses = mlplab.predict(fashion_model, X_test, batch_size=1000, verbose=0).argmax(axis=1)
right = [(guesses[y_test == number] == number).mean() for number in range(10)]
class_names = mlplab.load("fashion-mnist").class_names
hardest = class_names[np.argmin(right)]
for name, share in zip(class_names, right, strict=True):
    print(f"{name}: {share:.3f}")
