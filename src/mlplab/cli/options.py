"""Arguments and options that several verbs share, and the checks of their values."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from mlplab import files, recipes, table
from mlplab.datasets import CATALOG
from mlplab.datasets.readers import SUFFIXES
from mlplab.errors import UsageError, flag
from mlplab.runs import is_run


def complete_run(incomplete: str) -> list[str]:
    """Paths of run directories that begin with a text, for the shell's completion."""
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    matching = []
    for candidate in folder.glob("*") if folder.is_dir() else ():
        if candidate.is_dir() and not candidate.name.startswith(".") and str(candidate).startswith(incomplete):
            matching.append(str(candidate) if is_run(candidate) else f"{candidate}/")
    return matching


def complete_dataset(incomplete: str) -> list[str]:
    """Names of data sets, files and folders that begin with a text, for the shell's completion."""
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    found = [path for path in folder.glob("*") if not path.name.startswith(".")] if folder.is_dir() else []
    paths = [f"{path}/" if path.is_dir() else str(path) for path in found if path.is_dir() or path.suffix in SUFFIXES]
    return [name for name in [*CATALOG, *sorted(paths)] if name.startswith(incomplete)]


def complete_recipe(incomplete: str) -> list[str]:
    """Names of recipes, and paths of TOML files, that begin with a text, for the shell's completion."""
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    files = [path for path in folder.glob("*") if path.suffix == ".toml"] if folder.is_dir() else []
    return [name for name in [*recipes.names(), *map(str, files)] if name.startswith(incomplete)]


Dataset = typer.Argument(
    metavar="DATASET",
    help="A data set's name (see: mlplab data list), or a file or folder with images of yours.",
    autocompletion=complete_dataset,
)
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE.toml",
        help="Settings with a name (see: mlplab recipes), or a file with settings; flags change them.",
        autocompletion=complete_recipe,
    ),
]
UnlabelledFile = Annotated[
    Path | None,
    typer.Option(
        "--unlabelled",
        metavar="FILE",
        help="Images without labels, for a ladder network to learn from too: .npz, .npy, or IDX.",
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run),
]
Split = Annotated[str, typer.Option(metavar="test|validation|train", help="The rows to look at.")]
Curve = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The curve (.png, .svg, .pdf) or the table (.csv, .md, .tex, .json)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors, and the object of --json.")]


def check_file(out: Path | None) -> None:
    """Refuse a file of another kind, or that cannot be written, before the work whose result would go into it."""
    if out is not None and out.suffix.lower() not in (*table.TEXTS, *table.PICTURES):
        raise UsageError(f"--out names a file: {table.FILES}; got {out}.")
    check_outputs(out)


def check_outputs(*named: Path | None) -> None:
    """Refuse files that cannot be written, before the work whose result would go into them."""
    for file in named:
        if file is not None:
            files.check_output(file)


def check_resume(what: str, given: Iterable[str]) -> None:
    """Refuse options that --resume takes from the run or the study."""
    if flags := " ".join(map(flag, given)):
        raise UsageError(f"--resume continues a {what} with the settings it started with: leave out {flags}.")


def numbers(option: str, text: str, kind: type, expected: str) -> list[Any]:
    """Return the numbers of a text with commas between them. Raises `UsageError` for anything else."""
    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise UsageError(f"{option} takes {expected}; got {text!r}.") from error
