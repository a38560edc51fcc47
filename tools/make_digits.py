"""Write src/mlplab/datasets/published/digits.npz from scikit-learn, so that the data set `digits` is read without it.

    python tools/make_digits.py

The file has `images`, uint8 (1797, 8, 8), and `labels`, uint8 (1797,), in scikit-learn's order. It has the same bytes
whenever it is written by the same version of zlib.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

FILE = Path(__file__).parents[1] / "src" / "mlplab" / "datasets" / "published" / "digits.npz"

rows, labels = map(np.asarray, load_digits(return_X_y=True))
images = rows.reshape(-1, 8, 8).astype(np.uint8)
if not np.array_equal(images.reshape(rows.shape), rows):  # whole numbers from 0 to 16, as floats
    raise SystemExit("scikit-learn's digits are no whole numbers from 0 to 255 any more.")
np.savez_compressed(FILE, images=images, labels=labels.astype(np.uint8))
print(f"{FILE}: {FILE.stat().st_size} bytes")
