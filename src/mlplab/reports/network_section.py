"""What is seen inside the network: its weights, its units, its graph, and the test rows in its last hidden layer."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.errors import MlplabError
from mlplab.figures import svg
from mlplab.inspection.network import model_graph, units
from mlplab.inspection.network.internals import Internals, internals_of, kept_internals
from mlplab.pages.sprites import picture, sprites
from mlplab.reports import wording
from mlplab.runs import Run

MOST_UNITS = 60
"""Units whose weights are shown, the most important ones."""

_POSITIVE, _NEGATIVE = (226, 84, 58), (58, 122, 214)
"""Colours of weights; both are seen on white and on black."""


@dataclass(frozen=True)
class Inside:
    """What the report says of the inside of a network; nothing where it could not be had.

    Attributes:
        internals: see `internals_of`.
        units, map: values for the template's sections; None: left out.
        for_script: saliency and nearest training images of the worst failures, by row of the page.
    """

    internals: Internals | None = None
    units: dict[str, Any] | None = None
    map: dict[str, Any] | None = None
    for_script: dict[str, Any] = field(default_factory=dict)


def inside(run: Run, data: Data | None, positions: np.ndarray) -> Inside:
    """Look inside, with the run's model, or with what an earlier look has kept in the run.

    Args:
        run, data: the run and its data set; without data, only what an earlier look has kept is seen.
        positions: of the page's rows in the test predictions.
    """
    try:
        found = kept_internals(run) if data is None else internals_of(run, data)
    except MlplabError as error:
        return Inside(units={"error": str(error)})
    if found is None:
        return Inside()
    return Inside(found, _units(found, run), _map(found), _worst(found, data, positions))


def _units(found: Internals, run: Run) -> dict[str, Any]:
    weights = found.weights[:MOST_UNITS]
    images = [picture(weight_image(unit)) for unit in weights] if weights.ndim > 2 else []
    return {
        "error": "",
        "images": images,
        "drawing": svg(units.units(found).figure, "units") if not images and len(found.units) else "",
        "all_units": len(found.weights),
        "size": _shown(run.config.input_shape),
        "table": found.units,
        "said": wording.units(found.units)
        if len(found.units)
        else "There are no dense layers whose units could be shown.",
        "layers": found.layers,
        "graph": _graph(found),
    }


def _shown(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height on the page, in pixels, of images of a shape (h, w, …)."""
    if len(shape) < 2:
        return 0, 0
    scale = 84 / max(shape[:2])
    return round(shape[1] * scale), round(shape[0] * scale)


def weight_image(weights: np.ndarray) -> np.ndarray:
    """Weights (h, w) or (h, w, c) as a picture, uint8 (h, w, 4): red above 0, blue below, clear at 0."""
    flat = weights if weights.ndim == 2 else weights.sum(-1)
    # The largest few weights would leave the rest without colour.
    strength = np.abs(flat) / max(float(np.quantile(np.abs(flat), 0.99)), 1e-12)
    colours = np.where((flat >= 0)[..., None], _POSITIVE, _NEGATIVE)
    return np.concatenate([colours, 255 * strength.clip(0, 1)[..., None]], -1).round().astype(np.uint8)


def _graph(found: Internals) -> str:
    return svg(model_graph.graph_figure(found.layers, True, True), "graph")


def _map(found: Internals) -> dict[str, Any]:
    return {"explained": [float(share) for share in found.explained], "of": found.projection_of}


def _worst(found: Internals, data: Data | None, positions: np.ndarray) -> dict[str, Any]:
    """Saliency maps and neighbours of the worst failures, those that are on the page."""
    row_of = {int(position): row for row, position in enumerate(positions)}
    kept = [place for place, position in enumerate(found.worst) if int(position) in row_of]
    if not kept:
        return {}
    neighbours = found.neighbour_index[kept]
    result = {
        "rows": [row_of[int(found.worst[place])] for place in kept],
        "neighbours": neighbours.tolist(),
        "neighbour_labels": found.neighbour_label[kept].tolist(),
        "neighbour_distances": np.round(found.neighbour_distance[kept], 3).tolist(),
        "saliency": None,
        "training_images": None,
    }
    if data is not None and data.train.has_images:
        heat = sprites(np.stack([heat_image(found.saliency[place]) for place in kept]), 400_000)
        training = sprites(data.train.images[neighbours.reshape(-1)], 600_000)
        result |= {
            name: None if made is None else made.layout() | {"sheets": made.sheets}
            for name, made in (("saliency", heat), ("training_images", training))
        }
    return result


def heat_image(saliency: np.ndarray) -> np.ndarray:
    """How much each pixel matters, black to orange to white, uint8 (h, w, 3): the gradient's size, not its sign."""
    size = np.abs(saliency if saliency.ndim == 2 else np.abs(saliency).sum(-1))
    strength = (size / max(float(size.max()), 1e-12)) ** 0.7
    stops = np.array([[0, 0, 0], [120, 28, 60], [240, 110, 40], [255, 220, 120], [255, 255, 240]])
    return np.stack([np.interp(strength, np.linspace(0, 1, 5), stops[:, channel]) for channel in range(3)], -1).astype(
        np.uint8
    )
