"""scikit-learn's digits: 1,797 images of 8×8 that come with a dependency, so they need no network."""

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]

_EVERY = 5


def read_digits() -> tuple[Arrays, Arrays]:
    """Training and test set: images uint8 (n, 8, 8) with values from 0 to 16, labels uint8 (n,).

    scikit-learn gives no split. Here every fifth image of a class, in scikit-learn's order, is a test image,
    so that the split is stratified and needs no random numbers. The same people wrote both parts.
    """
    from sklearn.datasets import load_digits  # a second, which no other data set should pay

    rows, target = load_digits(return_X_y=True)
    images, labels = np.reshape(rows, (-1, 8, 8)).astype(np.uint8), np.asarray(target, np.uint8)
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        is_test[np.flatnonzero(labels == label)[_EVERY - 1 :: _EVERY]] = True
    return (images[~is_test], labels[~is_test]), (images[is_test], labels[is_test])
