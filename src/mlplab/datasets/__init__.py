"""Data sets: by name (fetched and verified), from NPZ files, from arrays. Needs NumPy only."""

from mlplab.datasets.catalog import CATALOG, Entry, find_entry
from mlplab.datasets.dataset import Data, Dataset, Provenance
from mlplab.datasets.loading import load, load_data

__all__ = ["CATALOG", "Data", "Dataset", "Entry", "Provenance", "find_entry", "load", "load_data"]
