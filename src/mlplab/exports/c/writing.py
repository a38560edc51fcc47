"""Write a run as a C header, and say what it predicts and what it costs."""

from pathlib import Path

import numpy as np

from mlplab import files
from mlplab.errors import Advice, ModelError, RunError, shell_command
from mlplab.exports.c.chain import chain_of
from mlplab.exports.c.header import Origin, flash_bytes, header, prefix
from mlplab.exports.c.integers import IntegerNetwork
from mlplab.exports.c.quantising import quantised
from mlplab.exports.checking import Check, Checked, compare, rows_to_check
from mlplab.exports.formats import Written
from mlplab.exports.reading import graph_of
from mlplab.runs import Run

_ROWS = 10_000
"""Training rows that ranges are chosen by, at most."""
_NUMBERS = 2**25
"""Inputs of the first layer in these rows, at most: 256 MB as floats."""


def write(run: Run, path: Path, rows: Checked) -> Written:
    """Write the header of a run.

    Raises:
        ModelError: for a layer that has no form in C, and for inputs that are not of 8 bits.
        RunError: for a population.
    """
    network = integer_network(run, rows)
    known = run.config.input_range or {"low": 0, "high": 255}
    origin = Origin(
        run.path.name,
        files.sha256(run.directory.weights.read_bytes()),
        run.class_names,
        run.config.input_shape,
        (int(known["low"]), int(known["high"])),
    )
    path.write_text(header(network, path.name, origin), "utf-8", newline="\n")
    check = compare(rows, network.probabilities(np.asarray(rows.inputs, np.uint8)), tolerance=None)
    return Written(check, tuple(_notes(network, run, rows, check, path.name)))


def integer_network(run: Run, rows: Checked | None = None) -> IntegerNetwork:
    """Return a finished run in whole numbers: what its C header computes, to the bit.

    Args:
        rows: to choose the ranges of activations by; None: those of the run's data set.

    Raises:
        ModelError: for a layer that has no form in C, and for inputs that are not of 8 bits.
        RunError: for a population.

    Example:
        network = integer_network(run)
        classes, scores = network.predict(images)
    """
    _require_one(run)
    rows = rows_to_check(run) if rows is None else rows
    dtype = (run.config.input_range or {"dtype": rows.inputs.dtype.name})["dtype"]
    if dtype != "uint8":
        raise ModelError(
            f"A C header takes 8-bit pixels (uint8), and {run.path.name} was trained on {dtype} inputs. Export as "
            "onnx, or train on 8-bit images."
        )
    chain = chain_of(graph_of(run))
    return quantised(chain, _chosen(rows, chain.layers[0].kernel.shape[0]))


def _chosen(rows: Checked, inputs: int) -> np.ndarray:
    """Return rows to choose ranges by, uint8 (n, pixels): of the training rows, at most 10,000 drawn at random."""
    images = rows.inputs if rows.training is None else rows.training
    most = max(1, min(_ROWS, _NUMBERS // inputs))
    if len(images) > most:
        images = images[np.sort(np.random.default_rng(0).choice(len(images), most, replace=False))]
    return np.asarray(images, np.uint8).reshape(len(images), -1)  # old runs have them as floats


def _require_one(run: Run) -> None:
    if run.config.seeds > 1:
        one = Advice(
            f"mlplab.export({str(run.first.path)!r}, 'c')",
            shell_command("mlplab", "export", run.first.path, "--format", "c"),
        )
        raise RunError(
            f"{run.path.name} is a population of {run.config.seeds} networks, and a C header holds one network. Export "
            f"a member: {one}",
            advice=[one],
        )


def _notes(network: IntegerNetwork, run: Run, rows: Checked, check: Check, file: str) -> list[str]:
    flash = flash_bytes(network, run.class_names)
    notes = []
    if check.accuracy is not None:
        before = float((rows.probabilities.argmax(1) == rows.labels).mean())
        lost = max(0, 100 * (before - check.accuracy))
        notes.append(
            f"Accuracy lost: {f'{lost:.2f} points' if lost else 'none'}. Test accuracy is {before:.4f} as trained, and "
            f"{check.accuracy:.4f} in whole numbers."
        )
    if rows.training is None:
        notes.append(
            "Random inputs chose the ranges of its numbers, as the run's data set is not at hand. In "
            "Python, data= gives it."
        )
    notes += [
        f"Flash: {flash:,} bytes, and about 800 of code on an AVR. RAM: {sum(network.buffers):,} bytes, besides the "
        f"{network.pixels:,} pixels. An Arduino Uno has 32,256 and 2,048.",
        f'In C: #include "{file}", then int number = {prefix(file)}_predict(pixels, 0).',
    ]
    return notes
