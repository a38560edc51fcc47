"""A folder of class folders with images, in train/ and test/ or not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlplab.datasets.readers.columns import SUFFIXES
from mlplab.datasets.readers.files import list_files, picture_of
from mlplab.datasets.readers.rows import PARTS, Found, Rows, in_parts, shown
from mlplab.errors import DataError, UsageError

LAYOUT = "a folder for each class, CLASS/IMAGE.png, or train/CLASS/IMAGE.png and test/CLASS/IMAGE.png"


def read_folder(root: Path) -> Found:
    """Return the images of class folders, sorted by the parts of their paths; a class's folder is its label.

    Folders in a class folder belong to the class. Files beside the class folders are passed over unless they look like
    images. Labels are whole numbers if all folders are named by whole numbers.

    Raises:
        UsageError: if there are no class folders.
        DataError: for an empty class folder, an image outside of one, and what `list_files` refuses.
    """
    files, folders = list_files(root)
    top = [name for name in folders if "/" not in name]
    parts = {name: PARTS.get(name.lower()) for name in top}
    if top and all(parts.values()) and "train" in parts.values():
        found = {str(part): _rows(root, name, files, folders) for name, part in parts.items()}
        if len(found) < len(parts):
            raise DataError(f"{shown(root)} has two folders for one part: {', '.join(map(shown, top))}. Join them.")
        train, test = in_parts(_as_labels(found), root)
        return Found(train, test)
    return Found(_as_labels({"train": _rows(root, "", files, folders)})["train"])


def _rows(root: Path, part: str, files: Sequence[str], folders: Sequence[str]) -> Rows:
    """Return the images in the class folders of a part, which is "" or the name of a folder."""
    start = f"{part}/" if part else ""
    here = [name for name in files if name.startswith(start)]
    classes = [name for name in folders if name.startswith(start) and "/" not in name[len(start) :]]
    loose = [name for name in here if "/" not in name[len(start) :]]
    if not classes:
        raise UsageError(f"{shown(root / part)} has no class folders. Expected {LAYOUT}.")
    if images := [name for name in loose if Path(name).suffix.lower() in SUFFIXES]:
        raise DataError(
            f"{shown(root / images[0])} lies outside of a class folder. Expected {LAYOUT}. Move it, or remove it."
        )
    inside = [name for name in here if "/" in name[len(start) :]]
    labels = [name[len(start) :].split("/")[0] for name in inside]
    filled = set(labels)
    for name in classes:
        if name[len(start) :] not in filled:
            raise DataError(f"The class folder {shown(root / name)} holds no image. Add some, or remove the folder.")
    pictures = [picture_of(root / name) for name in inside]
    return Rows(pictures, labels, tuple(map(shown, inside)))


def _as_labels(parts: dict[str, Rows]) -> dict[str, Rows]:
    """Return the rows with labels as whole numbers if the folders of all parts are named so, else as texts."""
    names = {str(label) for rows in parts.values() for label in rows.labels}
    whole = all(name.isascii() and name.isdecimal() and str(int(name[:10])) == name for name in names)
    return {
        part: Rows(rows.inputs, np.array([int(x) if whole else shown(x) for x in rows.labels]), rows.files)
        for part, rows in parts.items()
    }
