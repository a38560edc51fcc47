"""The options that say how a file or folder is read, for every verb that takes a data set."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mlplab.datasets import find_entry
from mlplab.datasets.loading import is_path
from mlplab.datasets.readers import reader_of
from mlplab.datasets.reading import Reading, Source, class_names_of
from mlplab.errors import UsageError, flag
from mlplab.runs import is_run

_OPTIONS: dict[str, tuple[Any, Any]] = {
    "size": (str, typer.Option("--size", metavar="28|48x32", help="Height and width that all images get.")),
    "crop": (bool, typer.Option("--crop", help="Cut off what does not fit the size, in place of margins.")),
    "colour": (str, typer.Option("--colour", metavar="grey|rgb", help="Of images; grey if all are grey, by default.")),
    "invert": (bool, typer.Option("--invert", help="Make dark light: 255 minus each pixel.")),
    "label": (str, typer.Option("--label", metavar="COLUMN", help="The column with the labels.")),
    "group": (
        str,
        typer.Option(
            "--group",
            metavar="COLUMN|PATTERN",
            help=r"Rows of one group are all in training or all in testing: a column, or file names' (p\d+)_",
        ),
    ),
    "thumbnails": (
        str,
        typer.Option("--thumbnails", metavar="COLUMN", help="With pictures of features, for pages to show."),
    ),
    "test": (
        float,
        typer.Option("--test", metavar="FRACTION", help="Of rows to test on, without a test set (default: 0.2)."),
    ),
    "split_seed": (
        int,
        typer.Option("--split-seed", metavar="N", help="Decides which rows those are (default: 0)."),
    ),
    "class_names": (
        str,
        typer.Option("--class-names", metavar="FILE|NAMES", help="Names, one a line, or with commas between."),
    ),
}


def takes_reading(dataset: str, *, or_run: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a verb: options that say how a data set is read stand among its own.

    The verb is called with a name, or with a `Source` for a file or folder. Misspelt names, files that are not read and
    wrong options are refused before Keras is imported, which takes a second.

    Args:
        dataset: the verb's parameter for the data set.
        or_run: a run may be given in its place; its path is passed on as it is.
    """

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        of_verb = inspect.signature(verb).parameters
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if kind is bool else None,
                annotation=Annotated[kind if kind is bool else kind | None, option],
            )
            for name, (kind, option) in _OPTIONS.items()
        ]
        last = [name for name in of_verb if name in ("json_", "quiet")]
        parameters = [_typed(each) if name == dataset else each for name, each in of_verb.items() if name not in last]
        parameters += [*options, *(of_verb[name].replace(kind=inspect.Parameter.KEYWORD_ONLY) for name in last)]

        def run(**arguments: Any) -> None:
            given = {name: arguments.pop(name) for name in _OPTIONS}
            options = {name: value for name, value in given.items() if value is not None and value is not False}
            if not (or_run and not options and is_run(arguments[dataset])):
                arguments[dataset] = _source(arguments[dataset], options)
            verb(**arguments)

        run.__name__, run.__doc__ = verb.__name__, verb.__doc__
        run.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _typed(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return the parameter for the data set as the command line has it: a text."""
    kind = str if parameter.default is inspect.Parameter.empty else str | None
    return parameter.replace(annotation=Annotated[kind, *parameter.annotation.__metadata__])


def _source(dataset: str | None, options: dict[str, Any]) -> str | Source | None:
    """Return a name as it is, and a path with how it is read.

    Raises:
        UsageError: for an unknown name, a file that is not read, and options without a file or folder.
        DataError: for a path at which nothing is.
    """
    if dataset is not None and is_path(dataset):
        if "class_names" in options:
            options = options | {"class_names": class_names_of(options["class_names"])}
        reader_of(Path(dataset))
        return Source(Path(dataset), Reading(**options))
    if dataset is not None:
        find_entry(dataset)
    if options:
        raise UsageError(
            f"{' '.join(map(flag, options))}: how a file or folder is read. Give its path, or leave these out."
        )
    return dataset
