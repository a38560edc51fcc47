"""Draw what a network has learnt: weights, gradients, neighbours, the last hidden layer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.canvas import BLUE, CLASS_COLOURS, GREY, RED, SIGNED, label_text, new_axes, new_figure, wrapped
from mlplab.figures.images import displayable, gallery

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "o^sDvP"
_MOST_NAMED = 20
_STATE_COLOURS = {"": "", "dead": RED, "saturated": "#b35c00"}


def weights(values: np.ndarray, titles: Sequence[str], states: Sequence[str], title: str) -> "Figure":
    """Draw the weights of units, each in its own symmetric range of colours; mark dead and saturated units.

    Args:
        values: (k, h, w) or (k, h, w, c) as images, (k, d) as a row for each unit. Three channels are drawn in colour,
            grey for 0; of other numbers of channels, the mean.
        titles: one for each unit.
        states: "", "dead" or "saturated" for each unit.
    """
    if values.ndim > 2:
        return gallery(values, titles, title=title, frames=[_STATE_COLOURS[state] for state in states], signed=True)
    largest = np.maximum(np.abs(values).max(1, keepdims=True), 1e-12)
    figure = new_figure(float(np.clip(2.5 + 0.2 * values.shape[1], 5, 12)), 1.1 + 0.22 * len(values))
    axes = figure.add_subplot()
    image = axes.imshow(values / largest, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    _name_rows(axes, titles, states)
    axes.set_xlabel("Feature")
    axes.tick_params(axis="x", labelsize="small")
    axes.locator_params(axis="x", integer=True)
    bar = figure.colorbar(image, ax=axes, ticks=[-1, 0, 1], shrink=min(1.0, 8 / len(values)))
    bar.ax.set_yticklabels(["against", "0", "for the unit"], fontsize=7)
    axes.set_title(wrapped(title, figure), fontsize="medium")
    return figure


def saliency_bars(values: np.ndarray, gradient: np.ndarray, title: str) -> "Figure":
    """Draw the features with the largest gradients, at most 40, as bars. values, gradient: (d,)."""
    order = np.argsort(-np.abs(gradient), kind="stable")[:40]
    names = [f"feature {i} = {values[i]:.3g}" for i in order]
    colours = np.where(gradient[order] < 0, BLUE, RED).tolist()
    return bars(gradient[order], names, "Gradient of the log-probability", title, colours)


def bars(
    values: np.ndarray, names: Sequence[str], unit: str, title: str, colours: Any = BLUE, states: Sequence[str] = ()
) -> "Figure":
    """Draw a horizontal bar for each value; `states` as in `weights`."""
    figure = new_figure(5.5, 1.05 + 0.22 * len(values))
    axes = new_axes(figure)
    axes.grid(axis="y", visible=False)
    axes.barh(range(len(values)), values, color=colours)
    axes.axvline(0, color=GREY, linewidth=0.8)
    _name_rows(axes, names, states)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.set_title(wrapped(title, figure), fontsize="medium")
    return figure


def _name_rows(axes: "Axes", names: Sequence[str], states: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [label_text(_one_line(name), 40) for name in names], fontsize=7)
    for label, state in zip(axes.get_yticklabels(), states, strict=False):
        label.set_color(_STATE_COLOURS[state] or "black")


def saliency_maps(image: np.ndarray, gradient: np.ndarray, title: str) -> "Figure":
    """Draw an image, the signed gradient at each pixel, and the gradient's size.

    Args:
        image: (h, w) or (h, w, c).
        gradient: of the same shape. Of several channels, the signed mean and the largest size are drawn.
    """
    channels = gradient.reshape(*gradient.shape[:2], -1)
    figure = new_figure(7.2, 2.75)
    figure.suptitle(wrapped(title, figure), fontsize="medium")
    first, second, third = (figure.add_subplot(1, 3, place) for place in (1, 2, 3))
    first.imshow(displayable(image[None])[0], cmap="gray", interpolation="nearest")
    mean = channels.mean(-1)
    limit = max(float(np.abs(mean).max()), 1e-12)
    signed = second.imshow(mean, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
    size = third.imshow(np.abs(channels).max(-1), cmap="magma", vmin=0, interpolation="nearest")
    names = ("Image", "Gradient: red, brighter is surer", "Size of the gradient")
    for axes, name, drawn in zip((first, second, third), names, (None, signed, size), strict=True):
        axes.set_title(name, fontsize="small")
        axes.set(xticks=[], yticks=[])
        if drawn is not None:
            bar = figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03)
            bar.ax.tick_params(labelsize=6)
    return figure


def neighbours(inputs: np.ndarray, titles: Sequence[str], agrees: Sequence[bool], title: str) -> "Figure":
    """Draw a row and its neighbours: blue for a neighbour of the same label, red for another label.

    Args:
        inputs: the row first: (1 + n, h, w) or (1 + n, h, w, c) as images, (1 + n, d) as lines.
        titles: one for each input.
        agrees: for each neighbour, whether it has the same label.
    """
    colours = ["black", *(BLUE if same else RED for same in agrees)]
    if inputs.ndim > 2:
        return gallery(inputs, titles, title=title, frames=colours)
    figure = new_figure(7.5, 3.2)
    axes = new_axes(figure)
    lines = []
    for place, (row, name, colour) in enumerate(zip(inputs, titles, colours, strict=True)):
        width, alpha = (1, 0.6) if place else (2, 1)
        text = label_text(_one_line(name), 60)
        lines += axes.plot(row, color=colour, linewidth=width, alpha=alpha, label=text, zorder=3 - place / len(inputs))
    axes.set(xlabel="Feature", ylabel="Value, as the network takes it")
    axes.legend(handles=lines, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    axes.set_title(wrapped(title, figure), fontsize="medium")
    return figure


def projection(
    points: np.ndarray,
    labels: np.ndarray,
    correct: np.ndarray,
    class_names: Sequence[str],
    axis_names: Sequence[str],
    title: str,
) -> "Figure":
    """Draw rows as points in the plane, coloured by class; wrongly predicted rows have a dark ring.

    Args:
        points, labels, correct: float (n, 2), int (n,), bool (n,).
        class_names: of all classes; the legend leaves them out if there are more than 20.
        axis_names: of the two axes.
    """
    figure = new_figure(7.8, 5.6)
    axes = new_axes(figure)
    size = float(np.clip(40_000 / len(points), 4, 25))
    styles = _class_styles(len(class_names))
    ring = {"edgecolors": "black", "linewidths": 0.35, "zorder": 3}
    for label in np.unique(labels):
        rows, style = labels == label, {"rasterized": True, **styles[label]}
        axes.scatter(*points[rows & correct].T, s=size, alpha=0.5, linewidths=0, **style)
        axes.scatter(*points[rows & ~correct].T, s=1.3 * size, **ring, **style)
    named = class_names if len(class_names) <= _MOST_NAMED else []
    handles = [(label_text(name), styles[label]) for label, name in enumerate(named)]
    handles.append(("wrongly predicted", {"c": "none", "marker": "o", "markeredgecolor": "black"}))
    for name, style in handles:
        axes.plot([], [], linestyle="", markersize=6, label=name, **{"markeredgecolor": "none", **style})
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_title(wrapped(title, figure), fontsize="medium")
    return figure


def _class_styles(classes: int) -> list[dict[str, Any]]:
    """Colour and marker of each class: ten colours, then the same with another marker; a colour wheel above 20."""
    if classes > _MOST_NAMED:
        import matplotlib

        wheel = matplotlib.colormaps["hsv"]
        return [{"c": [wheel(label / classes)], "marker": "o"} for label in range(classes)]
    tens = len(CLASS_COLOURS)
    return [{"c": CLASS_COLOURS[label % tens], "marker": _MARKERS[label // tens]} for label in range(classes)]


def _one_line(text: str) -> str:
    return ", ".join(part for part in text.split("\n") if part.strip())
