"""scikit-learn's digits: 1,797 images of 8×8 pixels, installed with scikit-learn."""

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]
"""Images uint8 (n, h, w) and labels (n,)."""

_EVERY = 5


def read_digits() -> tuple[Arrays, Arrays]:
    """Return training and test set: images uint8 (n, 8, 8) with values from 0 to 16, labels uint8 (n,).

    scikit-learn has no split. Here every fifth image of a class, in scikit-learn's order, is a test image, so that the
    split is stratified and needs no random numbers. The same people wrote the digits of both parts.
    """
    from sklearn.datasets import load_digits  # takes a second, and only this data set needs it

    rows, target = load_digits(return_X_y=True)
    images, labels = np.reshape(rows, (-1, 8, 8)).astype(np.uint8), np.asarray(target, np.uint8)
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        is_test[np.flatnonzero(labels == label)[_EVERY - 1 :: _EVERY]] = True
    return (images[~is_test], labels[~is_test]), (images[is_test], labels[is_test])
