import mlplab
from mlplab import keras
from keras import layers

seed = 0

(X, y), _ = mlplab.load_data("fashion-mnist")
X, Y = X.astype("float32") / 255, keras.utils.to_categorical(y)
X_train, Y_train = X[:20_000], Y[:20_000]
X_valid, Y_valid = X[50_000:], Y[50_000:]

rates, models = {}, {}
for rate in [0.00001, 0.0001, 0.001, 0.01, 0.1]:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((28, 28))
    x = layers.Flatten()(inputs)
    x = layers.Dense(64, activation="relu")(x)
    outputs = layers.Dense(10, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(rate), metrics=["accuracy"])
    mlplab.fit(model, X_train, Y_train, epochs=3, batch_size=128, verbose=0)
    loss, accuracy = mlplab.evaluate(model, X_valid, Y_valid, batch_size=1000, verbose=0)
    rates[rate], models[rate] = accuracy, model
    print(f"{rate:g}: {accuracy:.3f}")

best_rate = max(rates, key=rates.get)
model = models[best_rate]
