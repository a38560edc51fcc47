"""`mlplab.export`: a run as a file for another program, checked against `Run.predict` before it is kept."""

import contextlib
import dataclasses
import importlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlplab import files
from mlplab.errors import MlplabError, RunError, UsageError, another, unknown_name
from mlplab.exports.checking import Check, rows_to_check
from mlplab.inspection.examples import open_run
from mlplab.runs import Run


@dataclass(frozen=True)
class Format:
    """A form in which a run can be exported.

    Attributes:
        suffix: of the file; "" for a directory.
        module: has `write(run, path, rows) -> Written`.
        what: says what it is, in a few words.
    """

    suffix: str
    module: str
    what: str


@dataclass(frozen=True)
class Written:
    """What a format's `write` did.

    Attributes:
        check: of the file's predictions; None where a format cannot be run here.
        notes: sentences that a person should read: sizes, accuracy lost, how to use it.
    """

    check: Check | None
    notes: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Exported:
    """An exported run.

    Attributes:
        path: the file, or directory.
        format: its name, one of `FORMATS`.
        bytes: its size.
        check: how its predictions compare with the run's; None where it cannot be run here.
        notes: sentences about it.
    """

    path: Path
    format: str
    bytes: int
    check: Check | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "path": str(self.path)}


FORMATS: dict[str, Format] = {
    "onnx": Format(".onnx", "mlplab.exports.onnx_file", "one graph for any ONNX runtime"),
    "html": Format(".html", "mlplab.exports.page", "one page that predicts what a person draws"),
    "c": Format(".h", "mlplab.exports.c", "one C99 header of whole numbers, for a microcontroller"),
    "keras": Format(".keras", "mlplab.exports.keras_file", "Keras's own file"),
    "safetensors": Format(
        ".safetensors", "mlplab.exports.safetensors_file", "weights, and JSON that says what they are"
    ),
    "triton": Format("", "mlplab.exports.triton", "a model repository for NVIDIA's Triton"),
}


def export(
    run: Run | str | Path, format: str | None = None, out: str | Path | None = None, *, data: Any = None
) -> Exported:
    """Write a run for another program.

    The file appears as a whole, after its predictions were compared with the run's.

    Args:
        run: a finished run or its directory. Of a population, its ensemble.
        format: "onnx", "html", "c", "keras", "safetensors" or "triton"; None: what the ending of `out` says.
        out: the file or directory, which must not exist yet; None: named after the run, in the current folder.
        data: as in `mlplab.report`: needed for runs that were begun with arrays, to compare on its own test images.

    Raises:
        UsageError: for an unknown format, an ending that is of none, and a file that cannot be written.
        MissingPackageError: if a format's package is not installed.
        RunError: for a run that is not finished, and a path that exists.
        ModelError: for a model with a layer that the format cannot hold, named.

    Example:
        exported = mlplab.export(run, out="network.onnx")
        print(exported.bytes, exported.check)
    """
    run = open_run(run)
    run.require_finished()
    name = _format_name(format, out)
    path = Path(out) if out is not None else Path(f"{run.path.name}{FORMATS[name].suffix or '-' + name}")
    elsewhere = another("out")
    if FORMATS[name].suffix or not os.path.isdir(path):
        files.check_output(path)
    if path.exists() or path.is_symlink():
        raise RunError(f"{path} exists already. {elsewhere}.", advice=[elsewhere])
    module = importlib.import_module(FORMATS[name].module)  # heavy, and some need a package of their own
    with _folder_beside(path) as beside:
        hidden = beside / path.name
        rows = rows_to_check(run, data)
        written: Written = module.write(run, hidden, rows)
        size = _bytes(hidden)
        os.rename(hidden, path)
    notes = [rows.missing] if rows.missing else []
    return Exported(path.resolve(), name, size, written.check, (*notes, *written.notes))


@contextlib.contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    """Make a hidden folder beside a file while it is written. Raises `UsageError` for a file that cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
            yield Path(folder)
    except OSError as error:
        if isinstance(error, MlplabError):
            raise
        raise UsageError(f"{path} cannot be written: {error.strerror or error}. Name another file.") from error


def _format_name(format: str | None, out: str | Path | None) -> str:
    suffix = "" if out is None else Path(out).suffix.lower()
    of_ending = next((name for name, kind in FORMATS.items() if suffix and kind.suffix == suffix), None)
    if format is not None:
        if format not in FORMATS:
            raise UsageError(unknown_name("format", format, FORMATS), arguments=("format",))
        if of_ending not in (None, format):
            raise UsageError(
                f"The format is {format}, and {out} has the ending of {of_ending}. Leave one of them out.",
                arguments=("format",),
            )
        return format
    if of_ending is not None:
        return of_ending
    raise UsageError(
        f"Give a format: {', '.join(FORMATS)}; or out with one of the endings "
        f"{', '.join(kind.suffix for kind in FORMATS.values() if kind.suffix)}.",
        arguments=("format", "out"),
    )


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
