"""How probabilities of an exported network are compared with the run's."""

import numpy as np


def agree(probabilities, expected, atol=1e-5):
    """Whether probabilities are the run's, and classes too, but for ties."""
    np.testing.assert_allclose(probabilities, expected, atol=atol)
    rows = np.arange(len(expected))
    chosen = expected[rows, probabilities.argmax(1)]
    assert ((probabilities.argmax(1) == expected.argmax(1)) | (expected.max(1) - chosen < 2 * atol)).all()
    return True
