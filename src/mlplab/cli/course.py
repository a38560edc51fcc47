"""`mlplab course`: exercises with an instant check."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table as RichTable

from mlplab import course
from mlplab.cli.options import Json, Quiet, check_outputs
from mlplab.cli.output import open_console, print_json, print_table, say
from mlplab.course import offline_folder, sandbox, starting
from mlplab.course.exercise import Exercise, find
from mlplab.errors import FetchError, MlplabError
from mlplab.figures import save_figure

app = typer.Typer(
    help="Exercises with an instant check, hints, and a solution after the pass.",
    no_args_is_help=True,
    add_completion=False,
)


def complete_exercise(incomplete: str) -> list[str]:
    """Return names of exercises with this beginning, for the completion of the shell."""
    return [name for name in course.exercises()["exercise"].tolist() if name.startswith(incomplete)]


Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[EXERCISE]",
        help="An exercise's name; by default the current one.",
        autocompletion=complete_exercise,
    ),
]


@app.command("list")
def list_exercises(json_: Json = False, quiet: Quiet = False) -> None:
    """List the exercises and mark those that you have passed."""
    console = open_console(quiet)
    table = course.exercises()
    shown = RichTable("", "exercise", "", box=None)
    for row in table:
        shown.add_row({"passed": "✓", "begun": "…"}.get(row["state"], ""), row["exercise"], row["title"])
    console.print(shown)
    _say_next(console)
    if json_:
        print_json(exercises=table.rows())


@app.command()
def start(
    name: Name = None,
    folder: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder for the file; by default the current one.", show_default=False),
    ] = Path(),
    notebook: Annotated[bool, typer.Option("--notebook", help="Write a notebook with the task and the check.")] = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show an exercise's task, and write a file to start with. Existing files are never overwritten."""
    console = open_console(quiet)
    exercise = _exercise(name)
    path = starting.start(exercise, folder, notebook)
    try:
        starting.fetch_data(exercise)
    except FetchError as error:  # the task can be read without it
        logging.getLogger(__name__).warning("%s", error)
    console.print(Markdown(exercise.text))
    say(console, f"\nYour file: {path}")
    check_it = f"Edit it, save it, then:\nmlplab course check {exercise.name}"
    say(console, f"Open it, and run its cells: jupyter lab {path}" if notebook else check_it)
    if json_:
        print_json(exercise=exercise.name, file=str(path.resolve()))


@app.command()
def check(
    name: Name = None,
    file: Annotated[
        Path | None, typer.Argument(help="Your file (or, for the challenge, a run); by default the one saved last.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=1, help="Time limit of your file; by default 5 minutes, for the challenge an hour."
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Write a figure of your result in the usual range.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run your file and check its result. Exits with 1 if something is wrong."""
    check_outputs(picture)
    console = open_console(quiet)
    if name is not None and file is None and name.endswith((".py", ".ipynb")):
        name, file = None, Path(name)
    exercise = (starting.exercise_of(file) if name is None and file is not None else None) or _exercise(name)
    file = file or starting.newest_file(exercise) or Path(f"{exercise.name}.py")
    say(console, f"Checking {file} …")
    answer = sandbox.check_file(exercise, file, timeout, quiet)
    first, *others = str(answer).splitlines()
    say(console, f"\n{first}", style="bold green" if answer.passed else "bold red")
    for line in others:
        say(console, line)
    if picture is not None and (figure := answer.figure) is not None:
        say(console, f"The figure: {save_figure(figure, picture)}")
    if answer.passed:
        say(console, f"The solution is open: mlplab course solution {exercise.name}")
        _say_next(console)
    elif exercise.hints:
        say(console, f"A hint: mlplab course hint {exercise.name}")
    if json_:
        print_json(file=str(file), **answer.to_json())
    if not answer.passed:
        raise typer.Exit(1)


@app.command()
def hint(name: Name = None) -> None:
    """Show the next hint."""
    open_console(quiet=False)
    Console().print(Markdown(course.hint(_exercise(name).name)))


@app.command()
def solution(name: Name = None) -> None:
    """Show the solution of an exercise that you have passed."""
    open_console(quiet=False)
    exercise = _exercise(name) if name else _last_passed()
    course.solution(exercise.name)  # raises before the pass
    typer.echo(exercise.solution, nl=False)  # plain, to copy or to write into a file


@app.command()
def progress(name: Name = None, json_: Json = False, quiet: Quiet = False) -> None:
    """Show your progress; with the challenge's name, the board of your results."""
    console = open_console(quiet)
    table = course.progress(name)
    if len(table):
        print_table(console, table.columns, table.rows())
        say(console, table.title)
    else:
        say(console, f"The board of {name} is empty: it shows results of an exercise with targets.")
    if name is None:
        _say_next(console)
    if json_:
        print_json(progress=table.rows())


@app.command()
def stick(
    folder: Annotated[Path, typer.Argument(help="An empty folder, on a stick or a drive.")],
    system: Annotated[
        list[str] | None,
        typer.Option(help="windows, macos, linux or linux-arm; repeat the flag for more. By default this one."),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(metavar="VERSION", help="Such as 3.12; repeat the flag for more. By default this one."),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Repeat the flag for more; by default fashion-mnist and mnist."),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fill a folder for a class without a network: packages, data sets, notebooks, an installer."""
    console = open_console(quiet)
    content = offline_folder.fill(folder, system or (), python or (), dataset or (), lambda line: say(console, line))
    targets = ", ".join(f"{system} with Python {python}" for system, python in content["targets"])
    say(console, f"{folder} is complete, for {targets}: {content['files']} files, {content['bytes'] / 1e6:,.0f} MB.")
    say(console, "Learners open its README.txt, which says what to do.")
    if json_:
        print_json(**content)


def _exercise(name: str | None) -> Exercise:
    return find(name) if name else starting.current()


def _last_passed() -> Exercise:
    passed = {exercise: known.passed for exercise, known in starting.progress_by_exercise().items() if known.passed}
    if not passed:
        raise MlplabError(
            "You have passed no exercise yet: solutions open after the pass. 'mlplab course list' shows them all."
        )
    return max(passed, key=passed.__getitem__)


def _say_next(console: Console) -> None:
    if all(row["state"] == "passed" for row in course.exercises()):
        say(console, "You have passed all exercises.")
        return
    current = starting.current()
    verb = "check" if starting.newest_file(current) else "start"
    say(console, f"Next: mlplab course {verb} {current.name}")
