"""What runs were asked for: in what they differ, and which of them differ in their seed alone."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.runs import Run
from mlplab.runs.settings import SETTINGS
from mlplab.table import Table

_NOT_ASKED = ("settings", "data", "class_names", "versions", "device", "threads", "command", "format", "preprocessing")
"""Fields of a run's configuration that are told otherwise, or say nothing of the recipe."""

_OF_MODEL = [name for name, setting in SETTINGS.items() if setting.of_model]
"""Settings that a compiled model of the user's own decides."""


def described(run: Run) -> dict[str, Any]:
    """All that a run was and cost, as plain values by name; None: it has no such thing."""
    config, result = run.config, run.result or {}
    split = {} if run.members else {part: len(rows) for part, rows in run.split.items()}
    seconds = result.get("seconds", {})
    return {
        **recipe(run),
        "seed": config.settings.seed,
        "parameters": result.get("parameters"),
        "epochs done": len(run.epochs),
        "training rows": split.get("train"),
        "validation rows": split.get("validation"),
        "split": _fingerprint(run),
        "scaling": _text(dataclasses.asdict(config.preprocessing)),
        "device": config.device,
        "threads": config.threads,
        **{f"{package} version": version for package, version in config.versions.items()},
        "seconds of training": seconds.get("train"),
        "seconds in all": seconds.get("total"),
    }


def recipe(run: Run) -> dict[str, Any]:
    """What was asked for but the seed: runs with the same recipe are the same experiment, done again."""
    config = run.config
    settings = {name: value for name, value in dataclasses.asdict(config.settings).items() if name != "seed"}
    settings["hidden"] = ",".join(map(str, settings["hidden"] or ())) or "none"
    if config.settings.hidden is None:
        settings |= dict.fromkeys(_OF_MODEL) | _own(run.architecture)
    if corrections := run.directory.corrections_sha256():
        settings["corrections"] = corrections[:8]
    others = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name not in _NOT_ASKED}
    return {
        "data": config.data["name"],
        "training data": hashlib.sha256(json.dumps(config.data["hashes"]["train"]).encode()).hexdigest()[:8],
        **{name.replace("_", " "): _text(value) for name, value in settings.items()},
        **{name.replace("_", " "): _text(value) for name, value in others.items()},
    }


def differences(names: Sequence[str], told: Sequence[Mapping[str, Any]]) -> Table:
    """What is not the same for all: Table of run, and a column for each thing that differs."""
    every = dict.fromkeys(name for one in told for name in one)  # in their order
    differing = [name for name in every if len({_text(one.get(name)) for one in told}) > 1]
    columns = {"run": _objects(names)} | {name: _objects([one.get(name) for one in told]) for name in differing}
    return Table(columns, "What differs" if differing else "Nothing differs in how they were made")


def groups_of(recipes: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Positions of the runs of each recipe, recipes in the order of their first run."""
    groups: dict[str, list[int]] = {}
    for position, asked in enumerate(recipes):
        groups.setdefault(json.dumps(asked, sort_keys=True, default=str), []).append(position)
    return list(groups.values())


def labels_of(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A short name for each of several different recipes: what tells it from the others."""
    found = differences(["" for _ in recipes], recipes)
    told = [{name: value for name, value in row.items() if name != "run"} for row in found]
    return [", ".join(f"{name} {_text(value)}" for name, value in row.items()) or "all runs" for row in told]


def _own(model: Any) -> dict[str, Any]:
    """Network and optimizer of a model of the user's own, in words, from its JSON."""
    layers = [layer for layer in model.get("config", {}).get("layers", ()) if layer.get("class_name") != "InputLayer"]
    words = [" ".join(map(str, (layer["class_name"], *_size(layer.get("config", {}))))) for layer in layers]
    optimizer = model.get("compile_config", {}).get("optimizer", {})
    optimizer = optimizer if isinstance(optimizer, dict) else {"class_name": optimizer}
    asked = {name: value for name, value in optimizer.get("config", {}).items() if value is not None}
    rate = asked.get("learning_rate")
    # The whole of it decides whether two models are the same; names and seeds are another each time.
    return {
        "hidden": f"own model: {', '.join(words)}",
        "optimizer": optimizer.get("class_name"),
        "learning_rate": rate.get("class_name") if isinstance(rate, dict) else rate,
        "model": hashlib.sha256(json.dumps(_nameless(model)).encode()).hexdigest()[:8],
    }


def _size(layer: Mapping[str, Any]) -> list[Any]:
    return [layer[name] for name in ("units", "rate", "activation") if isinstance(layer.get(name), str | int | float)]


def _nameless(part: Any) -> Any:
    if isinstance(part, list):
        return [_nameless(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {name: _nameless(inner) for name, inner in part.items() if name not in ("name", "seed", "seed_generator")}


def _fingerprint(run: Run) -> str | None:
    """Tells whether two runs were trained on the same rows."""
    return None if run.members else hashlib.sha256(run.split["train"].tobytes()).hexdigest()[:8]


def _text(value: Any) -> Any:
    """A plain value as it is, 0.0 as 0; what is none, as compact JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, default=str)


def _objects(values: Sequence[Any]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
