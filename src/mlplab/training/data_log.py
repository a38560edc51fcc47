"""What a training logs about its data before it begins: sizes, and what quick checks found."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets import Data
from mlplab.datasets.checks import Finding, brief_findings
from mlplab.datasets.loading import warn_of_parts
from mlplab.errors import shell_command
from mlplab.runs.dataset_ref import check_command
from mlplab.training import splits

_log = logging.getLogger("mlplab")


def checked_briefly(data: Data, identity: Mapping[str, Any], *, was_loaded: bool) -> list[Finding] | None:
    """Run the quick checks, log each finding and the command that lists its rows, return the findings.

    Data that stays in a file is not checked, as that would take longer than some epochs, and None is returned; it gets
    the warnings of `mlplab.load`.

    Args:
        data: the data set.
        identity: of the data, see `dataset_ref`.
        was_loaded: whether the caller got it from `mlplab.load`, which has warned already.
    """
    command = check_command(identity)
    how = "mlplab.check_data(data)" if command is None else shell_command(*command)
    if mapped.map_of(data.train.inputs) is not None:
        _log.info(f"{data.name} is too large for the quick checks before a training. To check it: {how}")
        if not was_loaded:
            warn_of_parts(data, stacklevel=5)
        return None
    findings = brief_findings(data)
    for finding in findings:
        _log.info(f"Data: {finding}")
    if findings:
        _log.info(f"Which rows, and what to do: {how}")
    return findings


def log_data(data: Data, split: Mapping[str, np.ndarray], corrected: int | None) -> None:
    """Log how many rows there are, of which kind, and for what. `corrected`: number of corrected training labels."""
    size = "×".join(map(str, data.train.inputs.shape[1:]))
    if data.train.has_images:
        kind = f"images {size}"
    else:
        whole = data.train.inputs.dtype == np.uint8
        kind = f"rows of {size} whole numbers, taken as 8-bit," if whole else f"rows of {size} numbers"
    trained, held_out = f"{len(split['train']):,}", len(split["validation"])
    if "unlabelled" in split:
        trained = f"{trained} with labels and {splits.rows_of_epoch(split, data):,} without"
    if data.unlabelled is not None:
        trained += f" ({len(data.unlabelled):,} of them from {data.unlabelled.source or 'an array'})"
    _log.info(
        f"{data.name}: {len(data.train):,} {kind} in {len(data.class_names)} classes, {trained} to train on, "
        f"{held_out:,} held out for validation; {len(data.test):,} to test on."
        + ("" if corrected is None else f" Training labels corrected: {corrected:,}.")
    )
