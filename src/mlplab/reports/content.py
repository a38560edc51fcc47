"""The values for the template of the report (report.html.j2), section by section."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.experiments.baselines import against, few_rows
from mlplab.figures import svg
from mlplab.figures.canvas import CLASS_COLOURS
from mlplab.inspection.calibration import calibration_errors, reliability, temperature_of
from mlplab.inspection.classification import classification_report, score
from mlplab.inspection.confusion import most_confused
from mlplab.inspection.curves import curves, member_columns
from mlplab.inspection.examples import Examples, available_data, examples_of
from mlplab.inspection.seeds import seeds
from mlplab.reports import network_section, wording
from mlplab.reports.labels import doubtful
from mlplab.reports.matrix import matrix
from mlplab.reports.rows import for_script, select_rows
from mlplab.runs import Run
from mlplab.table import Table

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
    ("made", "How it was made"),
)


def content(run: Run, data: Any = None) -> dict[str, Any]:
    """Return all values for the template. `data` is for runs started with arrays, see `report`."""
    data, why_not = available_data(run, data)
    examples = examples_of(run, data=data, inputs=data is not None)
    rows = select_rows(examples)
    inside = network_section.inside(run.first, data, rows.positions)
    projection = None if inside.internals is None else inside.internals.projection
    confusion_matrix, confusions = matrix(examples), most_confused(examples)
    sections: dict[str, Any] = {
        "result": _result(run, examples, data),
        "seeds": _seeds(run),
        "curves": _curves(run),
        "confusion": {"pairs": confusions, "summary": wording.confusions(confusions, examples)},
        "images": {
            "note": rows.note,
            "missing": _why_no_images(run, examples, why_not),
            "failures": int((~examples.correct).sum()),
        },
        "calibration": _calibration(run, examples),
        "classes": _classes(examples),
        "units": inside.units,
        "map": inside.map,
        "labels": doubtful(run, data),
        "made": _made(run, data),
    }
    headings = dict(_SECTIONS) | {"images": sections["result"]["what"].capitalize()}
    return {
        "title": f"{run.path.name}: {run.config.data['name']}, mlplab report",
        "sections": [(id, name) for id, name in headings.items() if sections[id] is not None],
        "run": run,
        "matrix": confusion_matrix,
        "colours": CLASS_COLOURS,
        **sections,
        "script": {
            "classes": run.class_names,
            "rows": for_script(examples, rows, projection),
            "matrix": {
                "classes": confusion_matrix.classes.tolist(),
                "of_true": confusion_matrix.of_true.tolist(),
                "of_predicted": confusion_matrix.of_predicted.tolist(),
            },
            "inside": inside.for_script,
            "labels": sections["labels"] and sections["labels"]["for_script"],
        },
    }


def _why_no_images(run: Run, examples: Examples, why_no_data: str) -> str:
    """Return why the report has no images, and what to do about it; "" if it has images."""
    if why_no_data and run.config.data["source"] is None:
        return f"{why_no_data} With them: mlplab.report(run, data=((x_train, y_train), (x_test, y_test)))."
    if why_no_data or examples.images is not None:
        return why_no_data
    return "The inputs are features, so the rows have numbers and no images."


def _result(run: Run, examples: Examples, data: Data | None) -> dict[str, Any]:
    scores = score(examples)
    return {
        "scores": scores,
        "accuracy": scores.rows()[0],
        "n": len(examples),
        "what": "images" if examples.images is not None or len(run.config.input_shape) > 1 else "rows",
        "network": wording.network(run.config),
        "settings": wording.settings(run.config, len(run.epochs)),
        "who": "the ensemble" if run.members else "this network",
        "finished": run.directory.finished_at,
        "simple": None if data is None else against(examples, data, few_rows(run)),
    }


def _seeds(run: Run) -> dict[str, Any] | None:
    if not run.members:
        return None
    table, result = seeds(run), run.require_finished()
    return {
        "table": table,
        "shown": table.select(without=["accuracy_low", "accuracy_high"]),
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
    if run.members:
        names = [name for name in ("loss", "accuracy") if name in table.columns]
        summary = wording.curves_of_seeds(table, [len(member.epochs) for member in run.members])
        drawings = [(name, _curve(table, name, None, member_columns(run))) for name in names]
        return {"table": table, "summary": summary, "drawings": drawings}
    kept, stopping = run.kept_epoch, run.config.settings.early_stopping
    names = [name for name in ("loss", "accuracy") if name in table.columns] or list(table.columns)[1:3]
    return {
        "table": table,
        "summary": wording.curves(table, kept),
        "drawings": [(name, _curve(table, name, kept if stopping else None)) for name in names],
    }


def _curve(table: Table, name: str, kept: int | None, members: Sequence[Mapping[str, np.ndarray]] = ()) -> str:
    from mlplab.figures import charts

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
        "summary": wording.calibration(examples, float(ece["ece_width"][0]), kept is not None),
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


def _made(run: Run, data: Data | None) -> dict[str, Any]:
    hashes = run.config.data["hashes"]
    return {
        "command": None if run.config.command is None else shlex.join(run.config.command),
        "seed": wording.seed(run.config),
        "hashes": [(f"{split}: {name}", digest) for split in hashes for name, digest in hashes[split].items()],
        "licence": None if data is None else data.train.provenance.licence,
    }
