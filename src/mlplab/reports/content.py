"""The values for the template of the report (report.html.j2), section by section."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.errors import shell_command
from mlplab.experiments.baselines import MOST_TEST_ROWS, compare_with_baselines
from mlplab.experiments.label_cautions import cautions
from mlplab.figures import charts, svg
from mlplab.figures.canvas import CLASS_COLOURS
from mlplab.inspection import majority
from mlplab.inspection.calibration import calibration_errors, reliability, temperature_of
from mlplab.inspection.classification import classification_report, score
from mlplab.inspection.confusion import matrix_of_most_confused, most_confused
from mlplab.inspection.curves import curves, ending, member_columns
from mlplab.inspection.examples import Examples, available_data, examples_of
from mlplab.inspection.seeds import seeds
from mlplab.pages import percent, readable
from mlplab.pages.sprites import sprites
from mlplab.reports import settings_wording, wording
from mlplab.reports.network_section import network_sections
from mlplab.reports.rows import for_script, select_rows
from mlplab.runs import Run
from mlplab.runs.dataset_ref import check_command
from mlplab.table import Table

SHOWN_LABELS = 48

_OF_UNBALANCED = ("balanced_accuracy", "macro_f1")
"""Columns of the table of seeds that it shows where classes are unbalanced."""

_SECTIONS = (
    ("result", "Result"),
    ("seeds", "Seeds"),
    ("curves", "Training"),
    ("confusion", "Confusions"),
    ("images", "Images"),
    ("calibration", "Calibration"),
    ("classes", "Classes"),
    ("units", "Network"),
    ("map", "Map"),
    ("labels", "Labels"),
    ("data", "Data"),
    ("made", "How it was made"),
)


def content(run: Run, data: Any = None) -> dict[str, Any]:
    """Return all values for the template. `data` is for runs started with arrays, see `report`."""
    data, why_not = available_data(run, data)
    examples = examples_of(run, data=data, inputs=data is not None)
    examples = dataclasses.replace(examples, class_names=readable(examples.class_names))
    rows = select_rows(examples)
    network = network_sections(run.first, data, rows.positions)
    confusions, matrix = most_confused(examples), matrix_of_most_confused(examples)
    sections: dict[str, Any] = {
        "result": _result(run, examples, data),
        "seeds": _seeds(run, examples),
        "curves": _curves(run),
        "confusion": {"pairs": confusions, "summary": wording.confusions(confusions, examples)},
        "images": {
            "note": rows.note,
            "missing": _why_no_images(run, examples, why_not),
            "failures": int((~examples.correct).sum()),
        },
        "calibration": _calibration(run, examples),
        "classes": _classes(examples),
        "units": network["units"],
        "map": network["map"],
        "labels": _labels(run, data),
        "data": _data(run),
        "made": _made(run, data),
    }
    headings = dict(_SECTIONS) | {"images": sections["result"]["item_name"].capitalize()}
    return {
        "title": f"{run.path.name}: {run.config.data['name']}, mlplab report",
        "sections": [(id, name) for id, name in headings.items() if sections[id] is not None],
        "run": run,
        "class_names": examples.class_names,
        "matrix": matrix,
        "colours": CLASS_COLOURS,
        **sections,
        "script": {
            "classes": examples.class_names,
            "rows": for_script(examples, rows, network["projection"]),
            "matrix": {name: matrix[name].tolist() for name in ("classes", "of_true", "of_predicted")},
            "worst": network["worst"],
            "labels": sections["labels"] and sections["labels"]["for_script"],
        },
    }


def _why_no_images(run: Run, examples: Examples, why_no_data: str) -> str:
    """Return why the report has no images, and what to do about it; "" if it has images."""
    if why_no_data and run.config.data["source"] is None:
        return f"{why_no_data} To see images: mlplab.report(run, data=((x_train, y_train), (x_test, y_test)))."
    if why_no_data or examples.images is not None:
        return why_no_data
    return (
        "The inputs are features, so the rows have numbers and no images. With thumbnails beside them, in a column "
        "that mlplab train --thumbnails names or in an NPZ file's array thumbnails, each row has its picture here."
    )


def _result(run: Run, examples: Examples, data: Data | None) -> dict[str, Any]:
    table, baseline = score(examples), majority.baseline_of(examples)
    return {
        "scores": table,
        "accuracy": table.rows()[0],
        "n": len(examples),
        "majority": baseline,
        "imbalance": majority.imbalance(baseline, percent),
        "warning": majority.warning_of(baseline, percent),
        "advice": majority.advice(baseline, run.config.settings),
        "item_name": run.config.item_name,
        "network": settings_wording.network(run.config),
        "settings": settings_wording.settings(run.config, len(run.epochs)),
        "model_name": "the ensemble" if run.members else "this network",
        "finished": run.directory.finished_at,
        "recipes": settings_wording.recipes(run.config, table.rows()[0]["high"]),
        "baselines": _baselines(run, examples, data),
    }


def _baselines(run: Run, examples: Examples, data: Data | None) -> Table | None:
    if data is None or len(data.test) > MOST_TEST_ROWS:
        return None
    return compare_with_baselines(examples, data, run)


def _seeds(run: Run, examples: Examples) -> dict[str, Any] | None:
    if not run.members:
        return None
    baseline = majority.baseline_of(examples)
    unbalanced = baseline is not None and baseline.unbalanced
    table, result = seeds(run), run.require_finished()
    return {
        "table": table,
        "shown": table.select(without=["accuracy_low", "accuracy_high", *([] if unbalanced else _OF_UNBALANCED)]),
        "drawing": svg(table.figure, "seeds"),
        "summary": wording.seeds(run.config, result),
        "diverged": [member for member in result["members"] if "diverged" in member],
        "first": run.first.config.settings.seed,
        "test": result["test"],
    }


def _curves(run: Run) -> dict[str, Any] | None:
    if not run.epochs:
        return None
    table = curves(run)
    names = [name for name in ("loss", "accuracy") if name in table.columns] or list(table.columns)[1:3]
    if run.members:
        summary = wording.curves_of_seeds(table, [len(member.epochs) for member in run.members])
    else:
        summary = wording.curves(table, run.kept_epoch, ending(run))
    summary += wording.losses_of_ladder(run.config, table)
    marked = not run.members and (run.config.settings.early_stopping or run.kept_epoch < len(run.epochs))
    kept = run.kept_epoch if marked else None
    members = member_columns(run)
    drawings = [(name, _curve(table, name, kept, members)) for name in names]
    return {"table": table, "summary": summary, "drawings": drawings}


def _curve(table: Table, name: str, kept: int | None, members: Sequence[Mapping[str, np.ndarray]]) -> str:
    shown = {key: table[key] for key in ("epoch", name, f"val_{name}") if key in table.columns}
    figure = charts.curves(shown, members)
    if kept is not None:
        figure.axes[0].axvline(kept, color="#888888", linewidth=1, linestyle=":", label="kept")
        figure.axes[0].legend(fontsize="small", frameon=False)
    return svg(figure, f"curve-{name}")


def _calibration(run: Run, examples: Examples) -> dict[str, Any]:
    table, ece = reliability(examples), calibration_errors(examples, run)
    kept = temperature_of(run)
    return {
        "table": table,
        "drawing": svg(table.figure, "reliability"),
        "errors": ece,
        "summary": wording.calibration(examples, float(ece["ece_width"][0]), kept),
        "temperature": kept and kept["temperature"],
        "temperature_summary": wording.no_temperature(run) if kept is None else wording.temperature(kept, ece),
    }


def _classes(examples: Examples) -> dict[str, Any]:
    table = classification_report(examples)
    limits = [name for name in table.columns if name.endswith(("_low", "_high"))]
    return {
        "table": table,
        "shown": table.select(without=limits),
        "drawing": svg(table.figure, "classes"),
        "summary": wording.classes(table),
    }


def _labels(run: Run, data: Data | None) -> dict[str, Any] | None:
    """Return the training labels with the lowest probability, from the predictions that `mlplab labels` keeps.

    The order is that of `label_errors.label_quality`. None for a run without these predictions.
    """
    kept = run.directory.cross_validation()
    if kept is None:
        return None
    judged = Examples("", kept.index, kept.label, kept.probabilities, readable(run.class_names))
    order = np.argsort(judged.true_probability, kind="stable")
    first = order[~judged.correct[order]][:SHOWN_LABELS]
    files = None if data is None else data.train.files
    columns = {
        "index": judged.index[first],
        **({} if files is None else {"file": np.array(files, object)[judged.index[first]]}),
        "given": judged.names(judged.labels[first]),
        "suggested": judged.names(judged.predicted[first]),
        "given_probability": judged.true_probability[first],
        "suggested_probability": judged.confidence[first],
    }
    pictures = data and data.train.pictures
    images = None if pictures is None else sprites(pictures[judged.index[first]], 300_000)
    table = Table(columns)
    return {
        "table": table,
        "judged": len(judged),
        "cautions": cautions(judged.names(judged.labels), judged.names(judged.predicted)),
        "command": shell_command("mlplab", "labels", run.path),
        "for_script": {"rows": table.rows(), "images": images and images.for_script()},
    }


def _data(run: Run) -> dict[str, Any] | None:
    """Return what was found in the data before the training; None for a run that did not look."""
    findings = run.directory.checks()
    if findings is None:
        return None
    command = check_command(run.config.data)
    return {"findings": findings, "command": command and shell_command(*command)}


def _made(run: Run, data: Data | None) -> dict[str, Any]:
    hashes = run.config.data["hashes"]
    if images := run.config.data.get("unlabelled"):
        hashes = {**hashes, "images without labels": {"content": images["content"]}}
    files: dict[tuple[str, str], list[str]] = {}  # one file may have training and test rows
    for split in hashes:
        for each in hashes[split].items():
            files.setdefault(each, []).append(split)
    return {
        "command": None if run.config.command is None else shell_command(*run.config.command),
        "seed": settings_wording.seed(run.config),
        "hashes": [(f"{' and '.join(splits)}: {name}", digest) for (name, digest), splits in files.items()],
        "licence": None if data is None else data.train.provenance.licence,
    }
