"""The values of a page's template (draw.html.j2)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.exports.checking import Check, Checked
from mlplab.exports.page import wording
from mlplab.exports.page.images import Images
from mlplab.exports.page.sketches import sketch_accuracies
from mlplab.exports.reading import finished_networks
from mlplab.pages import percent, readable, render
from mlplab.runs import Run

_SECTIONS = (("try", "Try it"), ("inside", "Look inside"), ("about", "About"))
_LINES = (("Thin pen", 0.05), ("Pen", 0.08), ("Thick pen", 0.12))
_SHAPES = (("Pen", 0.05), ("Brush", 0.14), ("Thick brush", 0.28))
"""Widths of the pen, as parts of the pad: for lines, and for shapes that are filled."""


def page_of(run: Run, rows: Checked, images: Images, spec: Mapping[str, Any], payload: str, check: Check) -> str:
    """Return the page as HTML.

    Args:
        spec: what the network computes, see `packing.Packed`.
        payload: its weights, and then the test images that are shown.
        check: how the numbers in the page compare with the run.
    """
    names = readable(run.class_names)
    sketches = None if images.characters or not images.are_grey else sketch_accuracies(run, rows, images)
    labels = [] if rows.labels is None else rows.labels[images.shown].tolist()
    title = wording.title(images, names)
    brushes = _SHAPES if images.thick and not images.characters else _LINES
    return render(
        "draw.html.j2",
        Path(__file__).parent / "templates",
        title=f"{title} · {run.config.data['name']}",
        sections=_SECTIONS,
        about=_about(run, spec, check),
        words={
            "title": title,
            "hint": wording.hint(images),
            "received": wording.received(images),
            "expect": wording.expect(images, sketches),
            "honest": wording.honest(images, check, sketches),
        },
        draws=images.are_grey,
        brushes=brushes,
        brush=brushes[1][1],
        members=max(1, len(spec["members"])),
        layers=len(spec["layers"]),
        long_names=max(map(len, names)) > 2,
        ratio=f"{images.preparation.shape[1]} / {images.preparation.shape[0]}",
        pixels=int(np.prod(images.preparation.shape)),
        strip={"labels": labels},
        page={
            "network": spec,
            "preparation": images.for_script(),
            "classes": names,
            "blank": images.blank,
            "strip": {"labels": labels, "index": images.shown.tolist()},
        },
        payload=payload,
    )


def _about(run: Run, spec: Mapping[str, Any], check: Check) -> dict[str, Any]:
    shape = run.config.input_shape
    first = [layer for layer in spec["layers"] if layer["member"] == 0]
    sizes = [int(np.prod(shape)), *(layer["units"] for layer in first), len(run.class_names)]
    network = " → ".join(f"{size:,}" for size in sizes)
    members = len(spec["members"])
    if members:
        network = f"{members} networks of {network}"
    parameters = sum(each.model.count_params() for each in finished_networks(run))
    facts = [("Data set", run.config.data["name"]), ("Network", network), ("Parameters", f"{parameters:,}")]
    if check.accuracy is not None:
        facts.append(("Right on test images", f"{percent(check.accuracy, 2)} of {check.rows:,}"))
    facts.append(("Input", f"{shape[1]} × {shape[0]} pixels, {'in colours' if shape[2:] == (3,) else 'grey'}"))
    facts.append(("Largest difference from the run", f"{check.largest_difference:.1e} of a probability"))
    accuracy = None if check.accuracy is None else percent(check.accuracy)
    return {"data": run.config.data["name"], "network": network, "accuracy": accuracy, "facts": facts}
