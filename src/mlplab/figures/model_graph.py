"""Draw a model's graph: a box for each layer, arrows from top to bottom. Needs no system package."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, RED, label_text, new_figure
from mlplab.figures.layout import layered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT, _STEP, _MARGIN = 0.5, 0.86, 0.2
"""Inches: height of a box, distance of two layers, margin of the figure."""

_LETTER = 0.068
"""Approximate width of a letter, in inches."""

_MOST_PIXELS = 30_000

_COLOURS = {
    GREY: ("Input",),
    BLUE: ("Dense",),
    "#54a24b": ("Norm",),
    ORANGE: ("Drop", "Noise"),
    RED: ("Activation", "ReLU", "ELU", "Softmax"),
    "#17becf": ("Conv", "Pool"),
    "#9467bd": ("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
}
"""Colours of boxes, by parts of the names of layers' classes; the first that fits."""
_OTHER = "#8c8c8c"


def model_graph(
    layers: Sequence[Mapping[str, Any]], show_shapes: bool = True, show_layer_names: bool = True
) -> "Figure":
    """Draw a box for each layer, and the arrows between them.

    Args:
        layers: rows of `graph.layers_table`, each after its parents.
        show_shapes, show_layer_names: whether boxes contain the output shape and the layer's name.
    """
    positions = {layer["name"]: position for position, layer in enumerate(layers)}
    parents = [[positions[name] for name in layer["parents"].split(", ") if name in positions] for layer in layers]
    boxes = [_texts(layer, show_shapes, show_layer_names) for layer in layers]
    layout = layered(parents)
    # Letters of the longer line; those of the upper line are larger and bold.
    letters = [
        max(1.3 * len(title) + 1.1 * len(shape), len(name) + len(parameters)) + 2
        for title, shape, name, parameters in boxes
    ]
    width = max(1.6, _LETTER * max(letters) + 0.3)
    x, y = (layout.x - layout.x.min()) * width, layout.layer * _STEP
    bends = [points * (width, _STEP) - (layout.x.min() * width, 0) for points in layout.edges]
    left = min([x.min() - width / 2, *(points[:, 0].min() for points in bends)]) - _MARGIN
    right = max([x.max() + width / 2, *(points[:, 0].max() for points in bends)]) + _MARGIN
    top, bottom = -_HEIGHT / 2 - _MARGIN, y.max() + _HEIGHT / 2 + _MARGIN
    figure = new_figure(right - left, bottom - top)
    figure.set_dpi(min(150, _MOST_PIXELS / max(right - left, bottom - top)))
    # Axes in inches that fill the figure: a layout engine would shrink the boxes and not their letters.
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.axis("off")
    for points in bends:
        _arrow(axes, points)
    for layer, texts, middle_x, middle_y in zip(layers, boxes, x, y, strict=True):
        _draw(axes, layer["kind"], texts, middle_x, middle_y, width)
    return figure


def _texts(layer: Mapping[str, Any], show_shapes: bool, show_layer_names: bool) -> tuple[str, str, str, str]:
    """Return title and shape for the upper line of a box, name and number of parameters for the lower line."""
    kind, activation, count = layer["kind"], layer["activation"], layer["parameters"]
    title = "Input" if kind == "InputLayer" else kind
    title += f" · {activation}" if activation and activation != kind.lower() else ""
    parameters = "1 parameter" if count == 1 else f"{count:,} parameters" if count else ""
    parameters = parameters or ("same weights" if ":" in layer["name"] else "")
    shape = layer["shape"].replace("×", " × ") if show_shapes else ""
    return title, shape, layer["name"] if show_layer_names else "", parameters


def _draw(axes: "Axes", kind: str, texts: tuple[str, str, str, str], x: float, y: float, width: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    colour = next((colour for colour, parts in _COLOURS.items() if any(part in kind for part in parts)), _OTHER)
    corner = (x - width / 2, y - _HEIGHT / 2)
    shape = "round,pad=0,rounding_size=0.07"
    axes.add_patch(
        FancyBboxPatch(corner, width, _HEIGHT, shape, facecolor=f"{colour}26", edgecolor=colour, linewidth=1)
    )
    lines = [(*texts[:2], 8.5, "bold"), (*texts[2:], 7, "normal")]
    lines = [line for line in lines if line[0] or line[1]]
    for (left, right, size, weight), up in zip(lines, ((-0.1, 0.12) if len(lines) == 2 else (0.0,)), strict=True):
        style = {"fontsize": size, "va": "center_baseline"}
        axes.text(x - width / 2 + 0.1, y + up, label_text(left, 60), ha="left", fontweight=weight, **style)
        axes.text(x + width / 2 - 0.1, y + up, label_text(right, 40), ha="right", **style)


def _arrow(axes: "Axes", points: np.ndarray) -> None:
    """Draw a curve through the points that ends in an arrow head above the last box."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    points = points.copy()
    points[0, 1] += _HEIGHT / 2
    points[-1, 1] -= _HEIGHT / 2 + 0.02
    # Tangents: downwards at both ends; at a bend, from the previous to the next point (Catmull-Rom).
    down = np.array([[0.0, 1.5 * (_STEP - _HEIGHT)]])
    tangents = np.concatenate([down, (points[2:] - points[:-2]) / 2, down])
    vertices, codes = [points[0]], [Path.MOVETO]
    for start, end, leaving, arriving in zip(points, points[1:], tangents, tangents[1:], strict=False):
        vertices += [start + leaving / 3, end - arriving / 3, end]
        codes += [Path.CURVE4] * 3
    path = Path(np.array(vertices), codes)
    axes.add_patch(
        FancyArrowPatch(path=path, arrowstyle="-|>,head_length=3.5,head_width=2", color=GREY, linewidth=1.1, shrinkB=0)
    )
