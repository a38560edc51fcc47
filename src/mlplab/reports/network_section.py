"""The inside of the network: its weights, units and graph, and the test rows in its last hidden layer."""

from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.errors import MlplabError
from mlplab.figures import svg
from mlplab.figures.model_graph import model_graph
from mlplab.inspection.network.hidden_layers import units
from mlplab.inspection.network.internals import Internals, internals_of, kept_internals
from mlplab.pages.sprites import picture, sprites
from mlplab.reports import wording
from mlplab.runs import Run

MOST_UNITS = 60
"""Number of units whose weights are shown, the most important ones first."""

_POSITIVE, _NEGATIVE = (226, 84, 58), (58, 122, 214)
"""Colours of weights, visible on white and on black."""


def network_sections(run: Run, data: Data | None, positions: np.ndarray) -> dict[str, Any]:
    """Return the values for the sections about the inside of a network.

    Args:
        run: one network. Its internals are read from the run, or computed with its model and `data` and kept.
        data: its data set. Without it, only internals that the run keeps are shown.
        positions: the positions of the page's rows in the test predictions.

    Returns:
        units, map: values for two sections of the template; None leaves a section out.
        projection: see `Internals`; None without internals.
        worst: saliency and nearest training images of the worst failures, for the page's script.
    """
    sections: dict[str, Any] = {"units": None, "map": None, "projection": None, "worst": {}}
    try:
        internals = kept_internals(run) if data is None else internals_of(run, data)
    except MlplabError as error:
        return sections | {"units": {"error": str(error)}}
    if internals is None:
        return sections
    return {
        "units": _units(internals, run),
        "map": {"explained": internals.explained.tolist(), "of": internals.projection_of},
        "projection": internals.projection,
        "worst": _worst(internals, data, positions),
    }


def _units(internals: Internals, run: Run) -> dict[str, Any]:
    weights, table, shape = internals.weights[:MOST_UNITS], internals.units, run.config.input_shape
    images = [picture(weight_image(unit)) for unit in weights] if weights.ndim > 2 else []
    return {
        "error": "",
        "images": images,
        "drawing": svg(units(internals).figure, "units") if not images and len(table) else "",
        "all_units": len(internals.weights),
        "size": [round(84 * side / max(shape[:2])) for side in shape[1::-1]],  # width and height in pixels
        "table": table,
        "summary": wording.units(table) if len(table) else "There are no dense layers whose units could be shown.",
        "layers": internals.layers,
        "graph": svg(model_graph(internals.layers.rows()), "graph"),
    }


def weight_image(weights: np.ndarray) -> np.ndarray:
    """Draw weights (h, w) or (h, w, c) as uint8 (h, w, 4): red above 0, blue below 0, transparent at 0."""
    flat = weights if weights.ndim == 2 else weights.sum(-1)
    # Scaled by a quantile: a few very large weights would leave the others without colour.
    strength = np.abs(flat) / max(float(np.quantile(np.abs(flat), 0.99)), 1e-12)
    colours = np.where((flat >= 0)[..., None], _POSITIVE, _NEGATIVE)
    return np.concatenate([colours, 255 * strength.clip(0, 1)[..., None]], -1).round().astype(np.uint8)


def _worst(internals: Internals, data: Data | None, positions: np.ndarray) -> dict[str, Any]:
    """Return saliency maps and nearest training rows of the worst failures that are on the page."""
    row_of = {int(position): row for row, position in enumerate(positions)}
    on_page = [place for place, position in enumerate(internals.worst) if int(position) in row_of]
    if not on_page:
        return {}
    neighbours = internals.neighbour_index[on_page]
    saliency = training_images = None
    if data is not None and data.train.has_images:
        saliency = sprites(np.stack([heat_image(internals.saliency[place]) for place in on_page]), 400_000)
    if data is not None and data.train.pictures is not None:
        training_images = sprites(data.train.pictures[neighbours.reshape(-1)], 600_000)
    return {
        "rows": [row_of[int(internals.worst[place])] for place in on_page],
        "neighbours": neighbours.tolist(),
        "neighbour_labels": internals.neighbour_label[on_page].tolist(),
        "saliency": saliency and saliency.for_script(),
        "training_images": training_images and training_images.for_script(),
    }


def heat_image(saliency: np.ndarray) -> np.ndarray:
    """Draw the absolute gradients of an image as uint8 (h, w, 3), from black over orange to white."""
    size = np.abs(saliency).reshape(*saliency.shape[:2], -1).sum(-1)
    strength = (size / max(float(size.max()), 1e-12)) ** 0.7
    stops = np.array([[0, 0, 0], [120, 28, 60], [240, 110, 40], [255, 220, 120], [255, 255, 240]])
    channels = [np.interp(strength, np.linspace(0, 1, 5), channel) for channel in stops.T]
    return np.stack(channels, -1).astype(np.uint8)
