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

# %% Your turn: one layer is missing. A layer is called on what comes before it, as Flatten is here.
inputs = keras.Input(X_train.shape[1:])
x = layers.Flatten()(inputs)
outputs = x

model = keras.Model(inputs, outputs)
model.summary()

# %% Your turn again: take away the # in front of the lines, and put what the task says in place of each "..."
# model.compile(loss="...", optimizer="...", metrics=["..."])
# history = mlplab.fit(model, X_train, Y_train, epochs=..., batch_size=..., verbose=2)
