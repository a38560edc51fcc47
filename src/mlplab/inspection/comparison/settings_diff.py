"""The settings in which runs differ, and which runs differ only in their seed."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mlplab.inspection.comparison.pairs import Group
from mlplab.runs import Run
from mlplab.runs.result import PopulationResult, RunResult
from mlplab.runs.settings import SETTINGS
from mlplab.runs.settings_arguments import as_text
from mlplab.table import Table

_SEPARATE = (
    *("settings", "data", "class_names", "labels", "inputs", "versions", "device", "threads", "command", "format"),
    *("preprocessing", "recipe"),
)
"""Fields of a run's config that are compared separately, or are no settings of the training."""

_OF_MODEL = [name for name, setting in SETTINGS.items() if setting.of_model]
"""Settings that a compiled model of the user's own decides."""


def describe(run: Run) -> dict[str, Any]:
    """Return settings, data, cost and environment of a run by name. A value is None if the run has no such thing."""
    config, result = run.config, run.result or {}
    split = {} if run.members else run.split
    counts = {part: len(rows) for part, rows in split.items()}
    seconds = result.get("seconds", {})
    return {
        "recipe": config.recipe_in_words,
        **settings(run),
        "seed": config.settings.seed,
        "parameters": result.get("parameters"),
        "epochs done": len(run.epochs),
        "training rows": counts.get("train"),
        "training rows without labels": counts.get("unlabelled"),
        "validation rows": counts.get("validation"),
        "split": hashlib.sha256(split["train"].tobytes()).hexdigest()[:8] if "train" in split else None,
        "scaling": config.preprocessing.in_words,
        "device": config.device,
        "threads": config.threads,
        **{f"{package} version": version for package, version in config.versions.items()},
        "seconds of training": seconds.get("train"),
        "seconds in all": seconds.get("total"),
    }


def settings(run: Run) -> dict[str, Any]:
    """Return all settings of a run but its seed. Runs with equal settings are repetitions of one experiment."""
    config = run.config
    values = {name: value for name, value in dataclasses.asdict(config.settings).items() if name != "seed"}
    values["hidden"] = ",".join(map(str, values["hidden"] or ())) or "none"
    if isinstance(values["class_weight"], Mapping):
        values["class_weight"] = as_text(values["class_weight"])
    if config.settings.hidden is None:
        values |= dict.fromkeys(_OF_MODEL) | _user_model(run.architecture)
    if corrections := run.directory.corrections_sha256():
        values["corrections"] = corrections[:8]
    values |= {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name not in _SEPARATE}
    return {
        "data": config.data["name"],
        "training data": hashlib.sha256(json.dumps(config.data["hashes"]["train"]).encode()).hexdigest()[:8],
        **_unlabelled(config.data.get("unlabelled")),
        **{name.replace("_", " "): _plain(value) for name, value in values.items()},
    }


def _unlabelled(images: Mapping[str, Any] | None) -> dict[str, Any]:
    """Describe the images without labels beside the data set, if there are any."""
    if images is None:
        return {}
    return {"images without labels": images["rows"], "data without labels": images["content"][:8]}


def differences(names: Sequence[str], descriptions: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of run, and a column for each value that is not the same for all runs."""
    keys = dict.fromkeys(key for description in descriptions for key in description)  # a set in order
    differing = [key for key in keys if len({_plain(values.get(key)) for values in descriptions}) > 1]
    rows = [
        {"run": name} | {key: values.get(key) for key in differing}
        for name, values in zip(names, descriptions, strict=True)
    ]
    return Table.of_rows(rows, "What differs" if differing else "No differences in how they were made")


def grouped(runs: Mapping[str, Run], accuracies: Mapping[str, float]) -> list[Group]:
    """Return the groups of networks that differ only in their seed: each population, and runs with equal settings.

    `accuracies`: of the runs, by name.
    """
    single = {name: settings(run) for name, run in runs.items() if not run.members}
    names = list(single)
    positions = group(list(single.values()))
    labelled = dict(zip(map(tuple, positions), labels([single[names[p[0]]] for p in positions]), strict=True))
    groups = {
        names[members[0]]: Group(label, [names[p] for p in members], [accuracies[names[p]] for p in members])
        for members, label in labelled.items()
    }
    for name, run in runs.items():
        if isinstance(run.result, PopulationResult):
            members = [member.test.accuracy for member in run.result.members if isinstance(member, RunResult)]
            low, high = run.result.ensemble.interval
            ensemble = (run.result.ensemble.accuracy, low, high)
            groups[name] = Group(name, [name], members, ensemble)
    return [groups[name] for name in runs if name in groups]


def group(settings_of_runs: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the positions of the runs with equal settings, groups in the order of their first run."""
    groups: dict[str, list[int]] = {}
    for position, values in enumerate(settings_of_runs):
        groups.setdefault(json.dumps(values, sort_keys=True, default=str), []).append(position)
    return list(groups.values())


def labels(settings_of_groups: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a short label for each of several groups: the settings in which it differs from the others."""
    rows = differences([""] * len(settings_of_groups), settings_of_groups).rows()
    return [", ".join(f"{key} {_plain(row[key])}" for key in row if key != "run") or "all runs" for row in rows]


def _user_model(model: Any) -> dict[str, Any]:
    """Describe network and optimizer of a user's own Keras model, given as JSON."""
    layers = [layer for layer in model.get("config", {}).get("layers", ()) if layer.get("class_name") != "InputLayer"]
    words = [" ".join(map(str, (layer["class_name"], *_size(layer.get("config", {}))))) for layer in layers]
    optimizer = model.get("compile_config", {}).get("optimizer", {})
    optimizer = optimizer if isinstance(optimizer, dict) else {"class_name": optimizer}
    rate = optimizer.get("config", {}).get("learning_rate")
    # The hash covers the whole model except names and seeds, which differ each time a model is built.
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


def _plain(value: Any) -> Any:
    """Return a plain value unchanged, a whole float as int, and anything else as JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return json.dumps(value, default=str)
