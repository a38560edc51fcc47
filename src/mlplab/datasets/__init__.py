"""Data sets: by name (fetched and verified), from files and folders, from arrays. Imports neither Keras nor JAX.

dataset.py      `Dataset`, labelled rows; `Data`, a training and a test set
loading.py      `load`: a name, a file or arrays → `Data`
arrays.py       arrays of any kind, checked and brought into one form; classes.py: names and numbers of classes
sources.py      a file or folder → arrays; reading.py: how it is read; readers/: one file a format
alike.py        arrays of training and test inputs → arrays of one kind
pictures.py     images brought to one size and cached; image_files.py: one image, decoded; parallel.py: many at once
splitting.py    test rows where there are none
decoding.py     arrays too large for memory, written into the cache folder; decoded.py: found there again, and deleted
preparation.py  new rows and pictures → inputs of a network that is trained: framing.py measures how images lie in their
                frames, drawings.py brings what is drawn on a new one there
catalog.py      the data sets with a name; digits.py: the one that comes with scikit-learn
fetch.py        their files: found, downloaded, verified; payload.py: one file and its hash; idx.py: its format
providers.py    where files come from; commands.py: package managers as processes; cache.py: the folder of files
thumbnails.py   pictures beside features, which pages show
unlabelled.py   images without labels, of a file or an array
corrections.py  a CSV file with corrected labels; balanced.py: a few rows of each class
checks/         what is wrong with a data set
"""

from mlplab.datasets.balanced import balanced_rows
from mlplab.datasets.catalog import CATALOG, Entry, find_entry
from mlplab.datasets.dataset import Data, Dataset, Provenance
from mlplab.datasets.loading import load, load_data

__all__ = ["CATALOG", "Data", "Dataset", "Entry", "Provenance", "balanced_rows", "find_entry", "load", "load_data"]
