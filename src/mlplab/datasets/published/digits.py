"""scikit-learn's digits: 1,797 images of 8×8 pixels, in a file of this package (`digits.txt` says whose they are)."""

from pathlib import Path

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]
"""Images uint8 (n, h, w) and labels (n,)."""

_EVERY = 5


def read_digits() -> tuple[Arrays, Arrays]:
    """Return training and test set: images uint8 (n, 8, 8) with values from 0 to 16, labels uint8 (n,).

    scikit-learn has no split. Here every fifth image of a class, in scikit-learn's order, is a test image, so that the
    split is stratified and needs no random numbers. The same people wrote the digits of both parts.
    """
    with np.load(Path(__file__).with_name("digits.npz")) as file:
        images, labels = file["images"], file["labels"]
    is_test = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        is_test[np.flatnonzero(labels == label)[_EVERY - 1 :: _EVERY]] = True
    return (images[~is_test], labels[~is_test]), (images[is_test], labels[is_test])
