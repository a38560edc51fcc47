"""What a report says, section by section: the values that its template (report.html.j2) is filled with."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from mlplab import files
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
from mlplab.reports.rows import chosen, for_script
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


def content(run: Run, given: Any = None) -> dict[str, Any]:
    """Everything that the template of the report wants to know."""
    data, why_not = available_data(run, given)
    examples = examples_of(run, data=data, inputs=data is not None)
    rows = chosen(examples)
    seen = network_section.inside(run.first, data, rows.positions)
    projection = None if seen.internals is None else seen.internals.projection
    part = matrix(examples)
    found: dict[str, Any] = {
        "result": _result(run, examples, data),
        "seeds": _seeds(run),
        "curves": _curves(run),
        "confusion": _confusion(examples),
        "images": {
            "note": rows.note,
            "missing": _missing(run, why_not) or _no_images(examples),
            "failures": int((~examples.correct).sum()),
        },
        "calibration": _calibration(run, examples),
        "classes": _classes(examples),
        "units": seen.units,
        "map": seen.map,
        "labels": doubtful(run, data),
        "made": _made(run, data),
    }
    return {
        "title": f"{run.path.name}: {run.config.data['name']}, mlplab report",
        "sections": [
            (id, name if id != "images" else found["result"]["what"].capitalize())
            for id, name in _SECTIONS
            if found[id] is not None
        ],
        "run": run,
        "examples": examples,
        "matrix": part,
        "colours": CLASS_COLOURS,
        **found,
        "script": {
            "classes": run.class_names,
            "rows": for_script(examples, rows, projection),
            "matrix": {
                "classes": part.classes.tolist(),
                "of_true": part.of_true.tolist(),
                "of_predicted": part.of_predicted.tolist(),
            },
            "inside": seen.for_script,
            "labels": found["labels"] and found["labels"]["for_script"],
        },
    }


def _missing(run: Run, why_not: str) -> str:
    """Why there are no images, with the remedy for a run begun with arrays."""
    if not why_not or run.config.data["source"] is not None:
        return why_not
    return f"{why_not} With them: mlplab.report(run, data=((x_train, y_train), (x_test, y_test)))."


def _no_images(examples: Examples) -> str:
    return "" if examples.images is not None else "The inputs are features, so the rows have numbers and no images."


def _result(run: Run, examples: Examples, data: Data | None) -> dict[str, Any]:
    scores = score(examples)
    simple = None
    if data is not None:
        simple = against(examples, data, few_rows(run))
    return {
        "scores": scores,
        "accuracy": scores.rows()[0],
        "n": len(examples),
        "right": int(examples.correct.sum()),
        "what": "images" if examples.images is not None or len(run.config.input_shape) > 1 else "rows",
        "network": wording.network(run.config),
        "settings": wording.settings(run.config, len(run.epochs)),
        "who": "the ensemble" if run.members else "this network",
        "finished": datetime.fromtimestamp((run.path / "result.json").stat().st_mtime).astimezone(),
        "simple": simple,
    }


def _seeds(run: Run) -> dict[str, Any] | None:
    if not run.members:
        return None
    table, result = seeds(run), run.result or {}
    return {
        "table": table,
        "shown": Table({name: column for name, column in table.columns.items() if not name.startswith("accuracy_")}),
        "drawing": svg(table.figure, "seeds"),
        "said": wording.seeds(run.config, result),
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
        said = wording.curves_of_seeds(table, [len(member.epochs) for member in run.members])
        members = member_columns(run)
        return {"table": table, "said": said, "drawings": [(n, _curve(table, n, None, members)) for n in names]}
    stopping = files.read_json(run.path / "checkpoint.json").get("stopping") or {}
    kept = int(stopping["best_epoch"]) + 1 if stopping else int(table["epoch"][-1])
    names = [name for name in ("loss", "accuracy") if name in table.columns] or list(table.columns)[1:3]
    return {
        "table": table,
        "kept": kept,
        "said": wording.curves(table, kept),
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


def _confusion(examples: Examples) -> dict[str, Any]:
    pairs = most_confused(examples)
    return {"pairs": pairs, "said": wording.confusions(pairs, examples)}


def _calibration(run: Run, examples: Examples) -> dict[str, Any]:
    table, ece = reliability(examples), calibration_errors(examples, run)
    kept = temperature_of(run)
    return {
        "table": table,
        "drawing": svg(table.figure, "reliability"),
        "errors": ece,
        "said": wording.calibration(examples, float(ece["ece_width"][0]), kept is not None),
        "temperature": kept and kept["temperature"],
        "temperature_said": wording.no_temperature(run) if kept is None else wording.temperature(kept, ece),
    }


def _classes(examples: Examples) -> dict[str, Any]:
    table = classification_report(examples)
    shown = Table({name: table[name] for name in ("class", "n", "precision", "recall", "f1")})
    return {"table": table, "shown": shown, "drawing": svg(table.figure, "classes"), "said": wording.classes(table)}


def _made(run: Run, data: Data | None) -> dict[str, Any]:
    config, result = run.config, run.result or {}
    hashes = [
        (f"{split}: {name}", digest)
        for split, files_ in config.data["hashes"].items()
        for name, digest in files_.items()
    ]
    return {
        "command": None if config.command is None else shlex.join(config.command),
        "seconds": result["seconds"],
        "memory": result["peak_memory_bytes"],
        "versions": config.versions,
        "seed": wording.seed(config),
        "device": config.device,
        "threads": config.threads,
        "hashes": hashes,
        "licence": None if data is None else data.train.provenance.licence,
        "path": str(run.path),
    }
