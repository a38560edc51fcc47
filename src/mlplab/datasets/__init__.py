"""Data sets: by name (fetched and verified), from files and folders, from arrays. Imports neither Keras nor JAX.

dataset.py      `Dataset`, labelled rows; `Data`, a training and a test set
loading.py      `load`: a name, a file or arrays → `Data`
published/      the data sets with a name; cache.py: the folder of their files; idx.py: the format of MNIST's
sources.py      a file or folder → arrays; reading.py: how it is read; readers/: one file a format
images/         image files → arrays of one size; thumbnails
arrays.py       arrays of any kind, checked and brought into one form; classes.py: names and numbers of classes
alike.py        arrays of training and test inputs → arrays of one kind
splitting.py    test rows where there are none; balanced.py: a few rows of each class
decoding.py     arrays too large for memory, written into the cache folder; decoded.py: found there again, and deleted
preparation.py  new rows and pictures → inputs of a network that is trained
unlabelled.py   images without labels, of a file or an array
corrections.py  a CSV file with corrected labels
checks/         what is wrong with a data set
"""

from mlplab.datasets.balanced import balanced_rows
from mlplab.datasets.dataset import Data, Dataset, Provenance
from mlplab.datasets.loading import load, load_data
from mlplab.datasets.published.catalog import CATALOG, Entry, find_entry

__all__ = ["CATALOG", "Data", "Dataset", "Entry", "Provenance", "balanced_rows", "find_entry", "load", "load_data"]
