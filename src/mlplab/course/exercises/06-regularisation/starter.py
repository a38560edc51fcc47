# %%
import mlplab
from mlplab import keras
from keras import layers

seed = 0  # of the initial weights, of dropout and of the order of the images
keras.utils.set_random_seed(seed)

(X, y), _ = mlplab.load_data("fashion-mnist")
X, Y = X.astype("float32") / 255, keras.utils.to_categorical(y)
X_train, Y_train = X[:4_000], Y[:4_000]
X_valid, Y_valid = X[-5_000:], Y[-5_000:]  # never to train on

# %% The network that overfits. Your turn: what can be added here?
inputs = keras.Input((28, 28))
x = layers.Flatten()(inputs)
x = layers.Dense(128, activation="relu")(x)
x = layers.Dense(128, activation="relu")(x)
outputs = layers.Dense(10, activation="softmax")(x)

model = keras.Model(inputs, outputs)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])

# %% And here?
watched = (X_valid, Y_valid)
history = mlplab.fit(model, X_train, Y_train, epochs=40, batch_size=100, validation_data=watched, verbose=2)

# %%
_, training = mlplab.evaluate(model, X_train, Y_train, verbose=0)
_, validation = mlplab.evaluate(model, X_valid, Y_valid, verbose=0)
print(f"training {training:.3f}, validation {validation:.3f}, gap {training - validation:.3f}")
