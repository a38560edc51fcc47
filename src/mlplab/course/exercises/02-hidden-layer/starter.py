# %%
import mlplab
from mlplab import keras
from keras import layers

dataset = "fashion-mnist"
seed = 0  # of the initial weights and of the order of the images
keras.utils.set_random_seed(seed)

(X_train, y_train), (X_test, y_test) = mlplab.load_data(dataset)
X_train = X_train.astype("float32") / X_train.max()
Y_train = keras.utils.to_categorical(y_train)  # one-hot: 3 becomes 0 0 0 1 0 0 0 0 0 0

# %% Your turn: this is the linear model. Make it the network with a hidden layer.
inputs = keras.Input(X_train.shape[1:])
x = layers.Flatten()(inputs)
outputs = layers.Dense(10, activation="softmax")(x)

model = keras.Model(inputs, outputs)
model.summary()

# %%
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = mlplab.fit(model, X_train, Y_train, epochs=5, batch_size=256, verbose=2)

# %% Your turn again: linear_model, with new layers, compiled and trained like model.
linear_model = None
