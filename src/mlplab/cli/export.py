"""`mlplab export`: a run as a file for another program."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mlplab.cli.options import Json, Quiet, RunPath
from mlplab.cli.output import open_console, print_json, say
from mlplab.errors import shell_command


def complete_format(incomplete: str) -> list[tuple[str, str]]:
    """Names of formats that begin with a text, and what they are, for the shell's completion."""
    from mlplab.exports import FORMATS

    return [(name, kind.what) for name, kind in FORMATS.items() if name.startswith(incomplete)]


def export(
    path: RunPath,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="onnx|html|c|keras|safetensors|triton",
            help="What to write; by default what the ending of --out says.",
            autocompletion=complete_format,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A new file, for triton a new folder. With --format: named after the run by default.",
        ),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a run for another program: ONNX, a page, C, Keras, safetensors, or a folder for Triton.

    The preprocessing is inside, and the predictions are compared with the run's before the file appears.
    """
    console = open_console(quiet)
    from mlplab.exports import FORMATS  # and what it needs, which other verbs do without
    from mlplab.exports import export as write

    exported = write(path, format_, out)
    say(console, f"{exported.path} ({_size(exported.bytes)}): {FORMATS[exported.format].what}")
    if exported.check is not None:
        say(console, exported.check.in_words())
    for note in exported.notes:
        say(console, note)
    if words := _NEXT.get(exported.format):
        names = {"run": path, "path": json.dumps(str(exported.path))}
        say(console, f"Next: {shell_command(*(word.format(**names) for word in words))}")
    if json_:
        print_json(**exported.to_json())


_NEXT = {
    "onnx": ("mlplab", "serve", "{run}"),
    "keras": (
        "python",
        "-c",
        'import os; os.environ.setdefault("KERAS_BACKEND", "jax"); import keras; '
        "keras.models.load_model({path}).summary(expand_nested=True)",
    ),
    "safetensors": (
        "python",
        "-c",
        'import safetensors; print(safetensors.safe_open({path}, "numpy").metadata()["network"])',
    ),
}
"""What to type next, by format; the notes of the others say it."""


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"
