"""The verbs by name. Each is a file of this package, which is imported when its verb is called or asked for help."""

import importlib
from collections.abc import Iterator, MutableMapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

VERBS = {
    "train": "Train a dense network and keep all of it in a run directory.",
    "lr": "Find a learning rate: some steps of training at each of many rates, from the same weights.",
    "learning-curve": "Train a network on parts of the rows, with several seeds, and say whether more rows would be "
    "worth it.",
    "sweep": "Train every combination of some settings with several seeds: mean, spread, and tests against the first.",
    "tune": "Search a space for the network that is best on a validation split, and train that one with several seeds.",
    "recipes": "List recipes with their cost and score; with a name, show one as the TOML file that it is.",
    "runs": "List runs, oldest first: data set, network, epochs done, test accuracy.",
    "report": "Write a run's report: one HTML file with its scores, confusions, images, calibration, and what its "
    "units see.",
    "scores": "Show a run's scores with their intervals: overall, by class, most confused pairs, calibration, "
    "simple methods.",
    "failures": "Show what a run predicted wrong: a table, and with --out a picture.",
    "figure": "Draw one figure of a run, and show its numbers.",
    "labels": "Find labels that are probably wrong, worst first, and write them as a table to correct and train on.",
    "compare": "Compare runs: what differs in their settings, scores side by side, and whether one is really better.",
    "predict": "Predict the classes of new images or rows. Where their labels are known, also state the accuracy.",
    "export": "Write a run for another program: ONNX, a page, C, Keras, safetensors, or a folder for Triton.",
    "serve": "Predict for other programs: a server over ONNX Runtime that speaks the Open Inference Protocol.",
    "data": "Data sets: list them, fetch one, look at one, check one.",
    "course": "Exercises with an instant check, hints, and a solution after the pass.",
}
"""Each verb with the first paragraph of its help, which `mlplab --help` lists."""


class _Commands(MutableMapping[str, Any]):
    """The commands by name, each made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            if name not in VERBS:
                raise KeyError(name)
            file = name.replace("-", "_")
            verb = importlib.import_module(f"mlplab.cli.{file}")
            app = getattr(verb, "app", None)  # of a verb that has verbs
            if app is None:
                app = typer.Typer(add_completion=False)
                app.command(name)(getattr(verb, file))
            self._made[name] = typer.main.get_command(app)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Verbs(TyperGroup):
    """The command `mlplab`, with the verbs as its commands."""

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        self.commands = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return what a list of the verbs shows of one."""
        return TyperCommand(cmd_name, help=VERBS[cmd_name]) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the verb that is called, with its options."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, self.commands[name] if name else None, rest
