"""The notebook's job with scikit-learn's MLPClassifier, its L2 penalty and its early stop turned off."""

import warnings

from job import BATCH, BETAS, EPOCHS, EPSILON, HIDDEN, LEARNING_RATE, Clock, arguments, load, report

args = arguments()
clock = Clock()

from sklearn.exceptions import ConvergenceWarning  # noqa: E402  (timed)
from sklearn.neural_network import MLPClassifier  # noqa: E402

clock.end_of("import")

x_train, y_train, x_test, y_test = load(args.data)
x_train, x_test = x_train.reshape(len(x_train), -1), x_test.reshape(len(x_test), -1)
clock.end_of("load")

model = MLPClassifier(
    (HIDDEN,),
    alpha=0,
    batch_size=BATCH,
    learning_rate_init=LEARNING_RATE,
    beta_1=BETAS[0],
    beta_2=BETAS[1],
    epsilon=EPSILON,
    max_iter=EPOCHS,
    n_iter_no_change=EPOCHS,
    random_state=args.seed,
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)  # the job is ten epochs, converged or not
    model.fit(x_train, y_train)
clock.end_of("train")

accuracy = model.score(x_test, y_test)
clock.end_of("test")

report(clock, accuracy, sum(a.size for a in model.coefs_ + model.intercepts_), ["scikit-learn", "numpy"])
