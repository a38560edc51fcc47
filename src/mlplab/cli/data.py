"""`mlplab data`: list data sets, fetch one, look at one, find what is wrong with one."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from mlplab import figures
from mlplab.cli.options import Dataset, Json, Quiet, check_outputs, complete_dataset
from mlplab.cli.output import open_console, print_json, print_rows, say
from mlplab.cli.reading_options import takes_reading
from mlplab.cli.terminal_images import can_show_images, print_images
from mlplab.datasets import CATALOG, Data, Entry, find_entry, load
from mlplab.datasets.cache import cache_folder
from mlplab.datasets.checks import Finding
from mlplab.datasets.checks.photographs import PHOTOGRAPHS
from mlplab.datasets.images.thumbnails import Thumbnails
from mlplab.datasets.published.fetch import fetch_entry, is_on_disk
from mlplab.datasets.reading import Source
from mlplab.errors import shell_command
from mlplab.inspection.data_check import DataCheck, check_data
from mlplab.inspection.data_check.result import check_suffix
from mlplab.runs.dataset_ref import check_command, command_for, identity

_SAMPLES_PER_CLASS = 10
_MOST_CLASSES = 40
"""Classes that are printed, and shown as images in the terminal."""

_ROWS = 8
"""Rows, or groups of rows, that are printed of a finding."""

_COLOURS = {"error": "red", "warning": "yellow", "information": "blue"}

app = typer.Typer(
    help="Data sets: list them, fetch one, look at one, check one.", no_args_is_help=True, add_completion=False
)


Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A data set's name.", autocompletion=complete_dataset),
]


@app.command("list")
def list_datasets(json_: Json = False, quiet: Quiet = False) -> None:
    """List the data sets that mlplab knows by name."""
    print_rows(open_console(quiet), [_row(entry) for entry in CATALOG.values()])
    if json_:
        print_json(datasets=[_summary_of(entry) for entry in CATALOG.values()], cache=str(cache_folder()))


@app.command()
def fetch(name: Name, json_: Json = False, quiet: Quiet = False) -> None:
    """Download those files of a data set that are not on this machine, and verify all."""
    console = open_console(quiet)
    entry = find_entry(name)
    files = fetch_entry(entry, quiet=quiet)
    if entry.bundled:
        say(console, f"{name} comes with mlplab: there is nothing to fetch.")
    for file in files.values():
        say(console, f"{file.path}: verified, from {file.origin}")
    if json_:
        print_json(name=name, files={file: {"path": str(f.path), "source": f.origin} for file, f in files.items()})


@app.command()
@takes_reading("name")
def show(
    name: Annotated[str | Source, Dataset],
    out: Annotated[
        Path | None, typer.Option(help="The picture file with samples of each class; NAME-samples.png by default.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show a data set: sizes, class counts, hashes, sources, and samples of each class as a picture."""
    check_outputs(out)
    console = open_console(quiet)
    data = load(name, quiet=quiet)
    pictures = data.train.pictures
    picture = None if pictures is None else _draw(data, pictures, out or Path(f"{data.name}-samples.png"))
    if not quiet:
        _print_data(console, data, picture)
    if json_:
        print_json(**_describe(data), picture=str(picture) if picture else None)


@app.command()
@takes_reading("data")
def check(
    data: Annotated[str | Source, Dataset],
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="A kind of finding to leave out, such as MLP-D06; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A page with pictures (.html), the object (.json) or the table (.csv, .md, .tex)."
        ),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find what is wrong with a data set: copies, leakage, contradicting labels, scales, classes, and more.

    Exits with 1 if there is an error or a warning, with 0 if there is neither.
    """
    console = open_console(quiet)
    check_outputs(out)
    if out is not None:
        check_suffix(out)
    checked = check_data(data, ignore=ignore or (), verbose=0 if quiet else "auto")
    for finding in checked:
        _print_finding(console, checked, finding)
    say(console, f"{checked.data.name}: {checked.summary}.", style="bold")
    if out is not None:
        say(console, f"Written: {checked.save(out)}")
    elif checked.findings:
        command = check_command(identity(checked.data)) or []
        say(console, f"To see the rows: {shell_command(*command, '--out', 'check.html')}")
    if any(finding.kind == PHOTOGRAPHS for finding in checked):
        command = command_for(identity(checked.data), {"standardize": True}) or []
        say(console, f"To train on standardised pixels: {shell_command(*command)}")
    if json_:
        print_json(**checked.to_json())
    if checked.has_problems:
        raise typer.Exit(1)


def _print_finding(console: Console, checked: DataCheck, finding: Finding) -> None:
    say(console, finding, style=_COLOURS[finding.severity])
    for text in (finding.kind.meaning, finding.kind.advice, _rows_in_words(checked, finding)):
        if text:
            console.print(Padding(Text(text), (0, 0, 0, 2)))
    console.print()


def _rows_in_words(checked: DataCheck, finding: Finding) -> str:
    """Return the first rows of a finding: "train 17 with test 3, train 40 with test 9, and 7 more"."""
    places = [(split, row) for split, rows in finding.rows.items() for row in rows]
    groups = finding.groups or tuple((place,) for place in places)
    texts = [" with ".join(checked.row_name(*place) for place in group[:_ROWS]) for group in groups[:_ROWS]]
    more = f", and {len(groups) - _ROWS:,} more" if len(groups) > _ROWS else ""
    return f"Rows: {', '.join(texts)}{more}" if texts else ""


def _summary_of(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "title": entry.title,
        "licence": entry.licence,
        "train": entry.train_rows,
        "test": entry.test_rows,
        "shape": list(entry.image_shape),
        "classes": list(entry.class_names),
        "bundled": entry.bundled is not None,
        "on_disk": is_on_disk(entry),
    }


def _row(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "training": f"{entry.train_rows:,}",
        "test": f"{entry.test_rows:,}",
        "pixels": "x".join(map(str, entry.image_shape)),
        "classes": len(entry.class_names),
        "on disk": "always" if entry.bundled else "yes" if is_on_disk(entry) else "no",
        "licence": entry.licence,
    }


def _draw(data: Data, pictures: np.ndarray | Thumbnails, path: Path) -> Path:
    title = f"{data.name}: the first training {'images' if data.train.has_images else 'rows'} of each class"
    labels = data.train.labels
    rows = [np.flatnonzero(labels == label)[:_SAMPLES_PER_CLASS] for label in range(len(data.class_names))]
    first = np.sort(np.concatenate(rows))
    figure = figures.sample_grid(pictures[first], labels[first], data.class_names, _SAMPLES_PER_CLASS, title)
    return figures.save_figure(figure, path)


def _describe(data: Data) -> dict[str, object]:
    entry = None if data.origin else CATALOG.get(data.name)
    result: dict[str, object] = {
        "name": data.name,
        "licence": data.train.provenance.licence,
        "shape": list(data.train.inputs.shape[1:]),
        "dtype": data.train.inputs.dtype.name,
        "sources": [str(provider) for provider in entry.providers] if entry else [],
    }
    for part in (data.train, data.test):
        result[part.provenance.split] = {
            "rows": len(part),
            "class_counts": part.class_counts(),
            "content_hash": part.content_hash(),
            "sha256": part.provenance.sha256,
            "source": part.provenance.source,
        }
    return result


def _print_data(console: Console, data: Data, picture: Path | None) -> None:
    parts = (data.train, data.test)
    entry = None if data.origin else CATALOG.get(data.name)
    if entry:
        say(console, entry.title)
    for part in parts:
        say(console, f"{part!r}, from {part.provenance.source}")
    say(console, f"Licence: {data.train.provenance.licence or 'not known'}")
    print_rows(console, _counts(data)[:_MOST_CLASSES])
    if len(data.class_names) > _MOST_CLASSES:
        say(console, f"… {len(data.class_names) - _MOST_CLASSES:,} more classes: --json prints all")
    for file, digest in _hashes(data):
        say(console, f"SHA-256 {digest}  {file}")
    for provider in entry.providers if entry else ():
        say(console, f"Source: {provider}")
    if picture and data.train.pictures is not None:
        if can_show_images(console):
            first_of_class = np.unique(data.train.labels, return_index=True)[1]
            print_images(console, list(data.train.pictures[first_of_class[:_MOST_CLASSES]]))
        say(console, f"Samples of each class: {picture}")


def _hashes(data: Data) -> list[tuple[str, str]]:
    """Return the name and the SHA-256 of each file, of one with training and test rows once."""
    hashes = [
        part.provenance.sha256 or {f"{part.provenance.split} (content)": part.content_hash()}
        for part in (data.train, data.test)
    ]
    return list(dict.fromkeys(each for of_part in hashes for each in of_part.items()))


def _counts(data: Data) -> list[dict[str, object]]:
    train, test = data.train.class_counts(), data.test.class_counts()
    labels = [str(label) for label in data.classes.labels]
    are_names = tuple(labels) == data.class_names
    return [
        {
            **({} if are_names else {"label": label}),
            "class": name,
            "training": f"{train[name]:,}",
            "test": f"{test[name]:,}",
        }
        for label, name in zip(labels, data.class_names, strict=True)
    ]
