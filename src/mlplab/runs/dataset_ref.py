"""The data set of a run: how it is identified, and how it is loaded again."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.datasets import CATALOG, Data
from mlplab.datasets.arrays import content_hash
from mlplab.datasets.classes import Classes
from mlplab.datasets.corrections import CORRECTED, Corrections, read_all
from mlplab.datasets.loading import is_path, load_for_check
from mlplab.datasets.reading import Reading, Source
from mlplab.datasets.unlabelled import read_unlabelled
from mlplab.errors import DataError, RunError, UsageError
from mlplab.runs.run import Run
from mlplab.runs.settings_arguments import options, training_command


def identity(data: Data) -> dict[str, Any]:
    """Return the name of a data set, its hashes, and the `source` that `load` takes to load it again.

    The source is None for arrays. Of a file or folder that is read in another way than the usual one, `reading` has
    what differs. Of images without labels beside the data set, `unlabelled` has the source, the number of rows, and the
    hash of the content.
    """
    hashes = {
        part.provenance.split: part.provenance.sha256 or {"content": part.content_hash()}
        for part in (data.train, data.test)
    }
    source = data.name if data.name in CATALOG else None
    if data.origin is not None:
        source = str(data.origin.path.resolve())
    if CORRECTED in hashes["train"]:
        source = None
    about: dict[str, Any] = {"name": data.name, "source": source, "hashes": hashes}
    if source is not None and data.origin is not None and (changes := data.origin.reading.changes()):
        about["reading"] = changes
    if (images := data.unlabelled) is not None:
        content = content_hash(images.inputs)
        about["unlabelled"] = {"source": images.source, "rows": len(images), "content": content}
    return about


def command_for(identity: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[str] | None:
    """Return the words of the command line that trains on a data set with these arguments of `train`.

    None where the data set, or the images without labels beside it, are arrays.
    """
    images = identity.get("unlabelled")
    if identity["source"] is None or (images and images["source"] is None):
        return None
    unlabelled = {"unlabelled": images["source"]} if images else {}
    return training_command(identity["source"], {**reading_arguments(identity), **arguments, **unlabelled})


def check_command(identity: Mapping[str, Any]) -> list[str] | None:
    """Return the words of the command line that checks a data set; None for arrays."""
    if identity["source"] is None:
        return None
    return ["mlplab", "data", "check", identity["source"], *options(reading_arguments(identity))]


def reading_arguments(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the command line that read the data set as it was read."""
    return Reading.from_json(identity.get("reading", {})).arguments()


def data_of(run: Run, data: Any = None, *, quiet: bool = False) -> Data:
    """Load the data set of a run, with the labels that the run corrected, and verify it.

    Args:
        data: needed for runs begun with arrays: the same arrays, or anything that `load` takes for them.
        quiet: as in `load`.

    Raises:
        DataError: if its content is not that of the run's data set, or if it has to be given.
        RunError: if the corrected labels are not those that the run began with.
    """
    expected = run.config.data
    loaded = _load(source_of(expected, run.path, data), run.config.classes, quiet)
    then = expected["hashes"]
    if identity(loaded)["hashes"] != then and identity(_as_floats(loaded))["hashes"] == then:
        loaded = _as_floats(loaded)
    now = identity(loaded)["hashes"]
    if run.config.corrected_labels and _uncorrected(now) == _uncorrected(then):
        corrections = _corrections(run, loaded)
        if now == {**then, "train": corrections.added_to(then["train"])}:
            return loaded  # a value of this function, which has the corrected labels
        if now == then:
            return corrections.applied_to(loaded)
    elif now == then:
        return loaded
    raise DataError(f"{run.path} was begun with {expected['name']} of other content. Expected {then}, got {now}.")


def source_of(identity: Mapping[str, Any], path: Path, data: Any = None) -> Any:
    """Return what `load` takes to load the data set with which a directory was begun.

    Args:
        identity: of the data set.
        path: of the directory.
        data: what a person gave for it: a file or folder is read as that of the directory was, the rest is returned as
            it is.

    Raises:
        DataError: for arrays that are not given, and for a file that is not there any more.
    """
    source = identity["source"]
    reading = Reading.from_json(identity.get("reading", {}))
    if data is not None:
        if isinstance(data, Source):
            return data if data.reading.changes() else Source(data.path, reading)
        is_file = isinstance(data, os.PathLike) or (isinstance(data, str) and is_path(data))
        return Source(Path(data), reading) if is_file else data
    if source is None:
        raise DataError(
            f"{path} was begun with arrays, which it does not keep: give the same data in Python, as "
            "data=((x_train, y_train), (x_test, y_test))."
        )
    if source in CATALOG:
        return source
    if not Path(source).exists():
        raise DataError(
            f"The data of {path} is gone: it was begun with {source}, and nothing is there now. Put it back, or say "
            f"in Python where it is, under the same name: data='…/{Path(source).name}'."
        )
    return Source(Path(source), reading)


def with_unlabelled(data: Data, identity: Mapping[str, Any], path: Path, images: Any = None) -> Data:
    """Add to a data set the images without labels with which a directory was begun, and verify them.

    Args:
        data: that may have them already.
        identity: of the data set with which the directory was begun.
        path: of the directory.
        images: needed for those of an array: the same array, or anything that `read_unlabelled` takes for it.

    Raises:
        UsageError: for images where the directory was begun without.
        DataError: if their content is another one, or they have to be given.
    """
    begun = identity.get("unlabelled")
    if begun is None:
        if images is not None:
            raise UsageError(f"{path} was begun without images without labels: leave unlabelled out.")
        return dataclasses.replace(data, unlabelled=None)
    found = data.unlabelled
    if images is not None or found is None:
        found = read_unlabelled(_images_of(begun, path) if images is None else images, data.train)
    if content_hash(found.inputs) != begun["content"]:
        raise DataError(
            f"{path} was begun with {begun['rows']:,} images without labels; {found.source or 'the array'} has "
            f"{len(found):,}, and other content. Restore it from a copy, or give those images in Python, as "
            "unlabelled=images."
        )
    return dataclasses.replace(data, unlabelled=found)


def _images_of(begun: Mapping[str, Any], path: Path) -> str:
    """Return the path of the images without labels with which a directory was begun, if they are still there."""
    source, again = begun["source"], "the same images in Python, as unlabelled=images"
    if source is None:
        raise DataError(f"{path} was begun with an array of images without labels, and keeps none: give {again}.")
    if not Path(source).exists():
        raise DataError(
            f"The images without labels of {path} are gone: it was begun with {source}, and no such file is there now. "
            f"Put the file back, or give {again}."
        )
    return source


def _load(source: Any, classes: Classes, quiet: bool) -> Data:
    """Load data with the classes of a run, which checked it when it began."""
    if isinstance(source, Data) or (isinstance(source, str) and not is_path(source)):
        return load_for_check(source, quiet=quiet).with_classes(classes)
    return load_for_check(source, class_names=classes, quiet=quiet)


def _as_floats(data: Data) -> Data:
    """Return data as versions up to 0.1.0 loaded it, where they kept 8-bit numbers as float32."""
    train, test = (dataclasses.replace(part, inputs=part.inputs.astype(np.float32)) for part in (data.train, data.test))
    return dataclasses.replace(data, train=train, test=test)


def _uncorrected(hashes: dict[str, Any]) -> dict[str, Any]:
    return {**hashes, "train": {name: value for name, value in hashes["train"].items() if name != CORRECTED}}


def _corrections(run: Run, data: Data) -> Corrections:
    path = run.directory.corrections
    try:
        corrections = read_all(path, data)
    except DataError as error:
        raise RunError(f"{run.path} was trained with corrected labels, and they are damaged: {error}") from error
    if len(corrections) != run.config.corrected_labels:
        raise RunError(
            f"{path} was changed: it corrects {len(corrections):,} labels, and the run began with "
            f"{run.config.corrected_labels:,} corrected. Restore it from a copy, or train a new run with it."
        )
    return corrections
