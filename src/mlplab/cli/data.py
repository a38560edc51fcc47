"""`mlplab data`: list data sets, fetch one, look at one."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from mlplab import figures
from mlplab.cli.options import Dataset, Json, Quiet, complete_dataset
from mlplab.cli.output import open_console, print_json, print_rows, say
from mlplab.cli.reading_options import takes_reading
from mlplab.cli.terminal_images import can_show_images, print_images
from mlplab.datasets import CATALOG, Data, Entry, find_entry, load
from mlplab.datasets.cache import cache_folder
from mlplab.datasets.fetch import fetch_entry, is_on_disk
from mlplab.datasets.reading import Source

_SAMPLES_PER_CLASS = 10

app = typer.Typer(help="Data sets: list them, fetch one, look at one.", no_args_is_help=True)


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
        say(console, f"{name} comes with an installed package: there is nothing to fetch.")
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
    console = open_console(quiet)
    data = load(name, quiet=quiet)
    picture = _draw(data, out or Path(f"{data.name}-samples.png")) if data.train.has_images else None
    if not quiet:
        _print_data(console, data, picture)
    if json_:
        print_json(**_describe(data), picture=str(picture) if picture else None)


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


def _draw(data: Data, path: Path) -> Path:
    train = data.train
    title = f"{data.name}: the first training images of each class"
    figure = figures.sample_grid(train.images, train.labels, data.class_names, _SAMPLES_PER_CLASS, title)
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
    print_rows(console, _counts(data))
    for part in parts:
        hashes = part.provenance.sha256 or {f"{part.provenance.split} (content)": part.content_hash()}
        for file, digest in hashes.items():
            say(console, f"SHA-256 {digest}  {file}")
    for provider in entry.providers if entry else ():
        say(console, f"Source: {provider}")
    if picture:
        if can_show_images(console):
            first_of_class = np.unique(data.train.labels, return_index=True)[1]
            print_images(console, list(data.train.images[first_of_class]))
        say(console, f"Samples of each class: {picture}")


def _counts(data: Data) -> list[dict[str, object]]:
    train, test = data.train.class_counts(), data.test.class_counts()
    return [
        {"label": label, "class": name, "training": f"{train[name]:,}", "test": f"{test[name]:,}"}
        for label, name in zip(data.classes.labels, data.class_names, strict=True)
    ]
