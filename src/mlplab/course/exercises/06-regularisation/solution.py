import mlplab
from mlplab import keras
from keras import layers

seed = 0
keras.utils.set_random_seed(seed)

(X, y), _ = mlplab.load_data("fashion-mnist")
X, Y = X.astype("float32") / 255, keras.utils.to_categorical(y)
X_train, Y_train = X[:4_000], Y[:4_000]
watched = X[-5_000:], Y[-5_000:]

inputs = keras.Input((28, 28))
x = layers.Flatten()(inputs)
x = layers.Dense(128, activation="relu")(x)
x = layers.Dropout(0.3)(x)
x = layers.Dense(128, activation="relu")(x)
x = layers.Dropout(0.3)(x)
outputs = layers.Dense(10, activation="softmax")(x)

model = keras.Model(inputs, outputs)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
settings = {"epochs": 40, "batch_size": 100, "validation_data": watched, "callbacks": [stop]}
history = mlplab.fit(model, X_train, Y_train, **settings, verbose=2)
