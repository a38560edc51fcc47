"""`mlplab course`: exercises, checked on the spot."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table as RichTable

from mlplab import course
from mlplab.cli.options import Json, Quiet
from mlplab.cli.output import open_console, print_json, print_table, say
from mlplab.course import sandbox, starting
from mlplab.course.exercise import Exercise, find
from mlplab.errors import FetchError, MlplabError, UsageError
from mlplab.figures import save_figure

app = typer.Typer(help="Exercises with an instant check, hints, and a solution after the pass.", no_args_is_help=True)


def complete_exercise(incomplete: str) -> list[str]:
    """Names of exercises that begin with a text, for the shell's completion."""
    return [name for name in course.exercises()["exercise"].tolist() if name.startswith(incomplete)]


Name = Annotated[
    str | None,
    typer.Argument(
        metavar="[EXERCISE]",
        help="An exercise's name; without it, the current one.",
        autocompletion=complete_exercise,
    ),
]


@app.command("list")
def list_exercises(json_: Json = False, quiet: Quiet = False) -> None:
    """List the exercises, and which of them you have passed."""
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
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the file goes.")] = Path(),
    notebook: Annotated[
        bool, typer.Option("--notebook", help="Write a notebook, with the task and the check in it.")
    ] = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show an exercise's task, and write a file to start with. An existing file is never overwritten."""
    console = open_console(quiet)
    exercise = _exercise(name)
    path = starting.start(exercise, folder, notebook)
    try:
        starting.fetch_data(exercise)
    except FetchError as error:  # the task can be read all the same
        logging.getLogger(__name__).warning("%s", error)
    console.print(Markdown(exercise.text))
    say(console, f"\nYour file: {path}")
    say(console, f"Open it, and run its cells: jupyter lab {path}" if notebook else "Edit it, save it, then:")
    if not notebook:
        say(console, f"mlplab course check {exercise.name}")
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
            metavar="SECONDS",
            min=1,
            help="Stop a file that runs longer; by default after five minutes, the challenge after an hour.",
        ),
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw where your result lies in the usual range.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run your file and check its results. Exits with 1 if something is wrong."""
    console = open_console(quiet)
    if name is not None and file is None and name.endswith((".py", ".ipynb")):
        name, file = None, Path(name)
    exercise = (starting.belongs_to(file) if name is None and file is not None else None) or _exercise(name)
    file = file or starting.newest_file(exercise)
    if file is None:
        raise UsageError(
            f"{exercise.name} is not started: 'mlplab course start {exercise.name}' writes a file to start with."
        )
    say(console, f"Checking {file} …")
    answer = sandbox.check_file(exercise, file, timeout, quiet)
    first, *others = str(answer).splitlines()
    say(console, f"\n{first}", style="bold green" if answer.passed else "bold red")
    for line in others:
        say(console, line)
    if picture is not None and (figure := answer.figure) is not None:
        say(console, f"The picture: {save_figure(figure, picture)}")
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
    course.solution(exercise.name)  # raises an error before the pass
    typer.echo(exercise.solution, nl=False)  # unformatted, to copy or to write into a file


@app.command()
def progress(name: Name = None, json_: Json = False, quiet: Quiet = False) -> None:
    """Show your progress; with the challenge's name, the board of your results."""
    console = open_console(quiet)
    table = course.progress(name)
    if len(table):
        print_table(console, table.columns, table.rows())
    say(
        console, table.title if len(table) else f"The board of {name} is empty: it shows targets that you have reached."
    )
    if name is None:
        _say_next(console)
    if json_:
        print_json(progress=table.rows())


@app.command()
def stick(
    folder: Annotated[Path, typer.Argument(help="A folder for it alone, on a stick or a drive.")],
    system: Annotated[
        list[str] | None, typer.Option(help="windows, macos, linux or linux-arm; once for each. This one by default.")
    ] = None,
    python: Annotated[
        list[str] | None, typer.Option(metavar="VERSION", help="Such as 3.12; once for each. This one by default.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Once for each; fashion-mnist and mnist by default.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Put everything that a class needs offline into a folder: packages, data sets, notebooks, an installer."""
    from mlplab.course.stick import make_stick

    console = open_console(quiet)
    made = make_stick(folder, system or (), python or (), dataset or (), lambda line: say(console, line))
    targets = ", ".join(f"{system} with Python {python}" for system, python in made.targets)
    say(console, f"{made.folder} is complete, for {targets}: {made.files} files, {made.bytes / 1e6:,.0f} MB.")
    say(console, "Learners open its README.txt, which says what to do.")
    if json_:
        print_json(**{**asdict(made), "folder": str(made.folder.resolve())})


def _exercise(name: str | None) -> Exercise:
    return find(name) if name else starting.current()


def _last_passed() -> Exercise:
    rows = [row for row in course.progress() if row["passed"]]
    if not rows:
        raise MlplabError("No exercise is passed yet: solutions open after the pass. All exercises: mlplab course list")
    return find(max(rows, key=lambda row: row["passed"])["exercise"])


def _say_next(console: Console) -> None:
    state = {row["exercise"]: row["state"] for row in course.exercises()}
    if all(value == "passed" for value in state.values()):
        say(console, "All exercises are passed.")
        return
    exercise = starting.current()
    verb = "check" if starting.newest_file(exercise) else "start"
    say(console, f"Next: mlplab course {verb} {exercise.name}")
