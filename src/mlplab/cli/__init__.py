"""The command line, one file a verb. Starting it imports neither Keras nor JAX; `train` does, when it trains."""

import gc
import io
import logging
import sys
import warnings

import typer
from rich.console import Console

from mlplab import __version__
from mlplab.cli import (
    compare,
    course,
    data,
    failures,
    figure,
    labels,
    learning_curve,
    lr,
    report,
    runs,
    scores,
    train,
    tune,
)
from mlplab.cli.lean_keras_import import LeanKeras
from mlplab.errors import MlplabError, UsageError

app = typer.Typer(
    name="mlplab",
    help="Train dense networks on image data, fast; know how far to trust the result; see what it gets wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("train")(train.train)
app.command("lr")(lr.lr)
app.command("learning-curve")(learning_curve.learning_curve)
app.command("tune")(tune.tune)
app.command("runs")(runs.runs)
app.command("report")(report.report)
app.command("scores")(scores.show)
app.command("failures")(failures.show)
app.command("figure")(figure.show)
app.command("labels")(labels.labels)
app.command("compare")(compare.compare)
app.add_typer(data.app, name="data")
app.add_typer(course.app, name="course")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlplab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    pass


class _ToPerson(logging.Handler):
    """What the library logs, as lines on standard error. Verbs set the level: nothing is said with --quiet."""

    def __init__(self, console: Console):
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(record.getMessage(), markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line. Exits with 0: done; 1: a failure that the message explains; 2: wrong usage; 130: Ctrl-C."""
    sys.meta_path.insert(0, LeanKeras())
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a ✓ shows a question mark
    console = Console(stderr=True)
    logging.getLogger("mlplab").addHandler(_ToPerson(console))
    # A person is told what mlplab has to say, not what its dependencies say to developers.
    warnings.filterwarnings("ignore")
    warnings.filterwarnings("always", module="mlplab")
    warnings.showwarning = lambda message, *_, **__: console.print(
        f"Warning: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True
    )
    try:
        app(prog_name="mlplab")
    except MlplabError as error:
        console.print(f"Error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    finally:
        gc.freeze()  # or the interpreter, on its way out, looks through all of Keras and JAX for garbage: 0.3 s
