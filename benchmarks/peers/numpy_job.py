"""The notebook's job in NumPy by hand: forward, backward and Adam for this one network, in place.

All parameters lie in one vector, so that Adam is a few operations over 15,910 numbers.
"""

from job import BATCH, BETAS, CLASSES, EPOCHS, EPSILON, HIDDEN, LEARNING_RATE, Clock, arguments, load, report

args = arguments()
clock = Clock()

import numpy as np  # noqa: E402  (timed)

clock.end_of("import")

INPUTS = 28 * 28
SHAPES = [(INPUTS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]


def views(vector):
    """Return the two kernels and two biases as views of one flat vector."""
    ends = np.cumsum([np.prod(shape) for shape in SHAPES])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends), SHAPES, strict=True)]


class Network:
    """784-20-10, ReLU and softmax; glorot_uniform kernels and zero biases, as in Keras."""

    def __init__(self, rng):
        size = sum(int(np.prod(shape)) for shape in SHAPES)
        self.theta, self.grad, self.m, self.v = np.zeros((4, size), np.float32)
        self.scratch = np.empty(size, np.float32)
        self.step = 0
        self.w1, self.b1, self.w2, self.b2 = views(self.theta)
        self.gw1, self.gb1, self.gw2, self.gb2 = views(self.grad)
        for kernel in (self.w1, self.w2):
            limit = np.sqrt(6 / sum(kernel.shape))
            kernel[:] = rng.uniform(-limit, limit, kernel.shape)

    def forward(self, x):
        """x (n, 784) → hidden activations (n, 20), probabilities (n, 10)."""
        hidden = np.maximum(x @ self.w1 + self.b1, 0)
        logits = hidden @ self.w2 + self.b2
        logits -= logits.max(1, keepdims=True)
        probabilities = np.exp(logits, out=logits)
        probabilities /= probabilities.sum(1, keepdims=True)
        return hidden, probabilities

    def train(self, x, y):
        """One step on images x (n, 784) and one-hot labels y (n, 10)."""
        hidden, delta = self.forward(x)
        delta -= y
        delta /= len(x)
        np.matmul(hidden.T, delta, out=self.gw2)
        delta.sum(0, out=self.gb2)
        delta_hidden = delta @ self.w2.T
        delta_hidden *= hidden > 0
        np.matmul(x.T, delta_hidden, out=self.gw1)
        delta_hidden.sum(0, out=self.gb1)
        self.adam()

    def adam(self):
        """Keras's form: the bias corrections are folded into the rate."""
        self.step += 1
        beta_1, beta_2 = BETAS
        rate = LEARNING_RATE * np.sqrt(1 - beta_2**self.step) / (1 - beta_1**self.step)
        scratch = self.scratch
        np.subtract(self.grad, self.m, out=scratch)
        scratch *= 1 - beta_1
        self.m += scratch
        np.square(self.grad, out=scratch)
        scratch -= self.v
        scratch *= 1 - beta_2
        self.v += scratch
        np.sqrt(self.v, out=scratch)
        scratch += EPSILON
        np.divide(self.m, scratch, out=scratch)
        scratch *= rate
        self.theta -= scratch


x_train, y_train, x_test, y_test = load(args.data)
x_train, x_test = x_train.reshape(-1, INPUTS), x_test.reshape(-1, INPUTS)
one_hot = np.eye(CLASSES, dtype=np.float32)[y_train]
clock.end_of("load")

rng = np.random.default_rng(args.seed)
network = Network(rng)
for _ in range(EPOCHS):
    order = rng.permutation(len(x_train))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        network.train(x_train[rows], one_hot[rows])
clock.end_of("train")

_, probabilities = network.forward(x_test)
accuracy = (probabilities.argmax(1) == y_test).mean()
clock.end_of("test")

report(clock, accuracy, network.theta.size, ["numpy"])
