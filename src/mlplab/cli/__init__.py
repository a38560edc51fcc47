"""The command line: one file for each verb, imported when it is called. Verbs import Keras and JAX when they train.

verbs.py                           the list of verbs
options.py, settings_options.py    options that verbs share, and those made from the settings
output.py, terminal_images.py      how verbs print: lines, tables, JSON, small pictures
progress_bars.py, run_summary.py   what is printed during and after a training
train_again.py                     the command that trains a run again, with something changed
"""

import io
import logging
import sys
import warnings

import typer
from rich.console import Console

from mlplab import __version__
from mlplab.cli.output import in_shell_words, say
from mlplab.cli.verbs import Verbs
from mlplab.errors import MlplabError, UsageError

app = typer.Typer(
    name="mlplab",
    cls=Verbs,
    help="Train dense networks on image data, fast; know how far to trust the result; see what it gets wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlplab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    pass


class _Printed(logging.Handler):
    """Prints what the library logs; verbs set the level."""

    def emit(self, record: logging.LogRecord) -> None:
        say(Console(stderr=True), record.getMessage())


def main() -> None:
    """Run the command line. Exits with 0: done; 1: a failure that the message explains; 2: wrong usage; 130: Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a ✓ shows a question mark
    logger, handler = logging.getLogger("mlplab"), _Printed()
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            # A person reads mlplab's warnings, not those that its dependencies have for developers.
            warnings.filterwarnings("ignore")
            warnings.filterwarnings("always", module="mlplab")
            warnings.showwarning = _print_warning
            app(prog_name="mlplab")
    except MlplabError as error:
        _fail(in_shell_words(error), 2 if isinstance(error, UsageError) else 1)
    except OSError as error:  # what the system refuses, wherever that is
        _fail(f"{': '.join(str(part) for part in (error.filename, error.strerror or error) if part)}.")
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):  # how JAX says it
            raise
        _fail("This takes more memory than there is. Try a smaller network, fewer at once, or fewer rows in a step.")
    finally:
        logger.removeHandler(handler)


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(Console(stderr=True), f"Warning: {message}", style="yellow")


def _fail(message: str, code: int = 1) -> None:
    say(Console(stderr=True), f"Error: {message}", style="red")
    sys.exit(code)
