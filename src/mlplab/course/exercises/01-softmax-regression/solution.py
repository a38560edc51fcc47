import mlplab
from mlplab import keras
from keras import layers

dataset = "fashion-mnist"
seed = 0
keras.utils.set_random_seed(seed)

(X_train, y_train), (X_test, y_test) = mlplab.load_data(dataset)
X_train = X_train.astype("float32") / X_train.max()
Y_train = keras.utils.to_categorical(y_train)

inputs = keras.Input(X_train.shape[1:])
x = layers.Flatten()(inputs)
outputs = layers.Dense(10, activation="softmax")(x)

model = keras.Model(inputs, outputs)
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
mlplab.fit(model, X_train, Y_train, epochs=10, batch_size=128, verbose=2)
