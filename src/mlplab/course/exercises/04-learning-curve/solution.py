import mlplab
from mlplab import keras
from keras import layers

seed = 0
keras.utils.set_random_seed(seed)

(X, y), _ = mlplab.load_data("fashion-mnist")
X, Y = X.astype("float32") / 255, keras.utils.to_categorical(y)
X_train, Y_train = X[:2_000], Y[:2_000]
held_out = X[-5_000:], Y[-5_000:]

inputs = keras.Input((28, 28))
x = layers.Flatten()(inputs)
x = layers.Dense(128, activation="relu")(x)
outputs = layers.Dense(10, activation="softmax")(x)

model = keras.Model(inputs, outputs)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = mlplab.fit(model, X_train, Y_train, epochs=40, batch_size=50, validation_data=held_out, verbose=2)

losses = history.history["val_loss"]
best_epoch = losses.index(min(losses)) + 1
gap = history.history["accuracy"][-1] - history.history["val_accuracy"][-1]
print(f"best epoch {best_epoch}, gap {gap:.3f}")
