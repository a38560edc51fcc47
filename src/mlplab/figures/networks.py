"""Draw what a network has learnt: weights, gradients, neighbours, the last hidden layer."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.canvas import BLUE, CLASS_COLOURS, GREY, RED, label_text, new_axes, new_figure
from mlplab.figures.images import displayable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGNED = "RdBu_r"
"""Colour map of signed numbers: blue below 0, white at 0, red above."""

_MARKERS = "o^sDvP"
_MOST_NAMED = 20
_STATE_COLOURS = {"": "black", "dead": RED, "saturated": "#b35c00"}


def weight_images(weights: np.ndarray, titles: Sequence[str], states: Sequence[str], title: str) -> "Figure":
    """Draw the weights of units as images, each in its own symmetric colour range; mark dead and saturated units.

    Args:
        weights: (k, h, w) or (k, h, w, c). Three channels are drawn in colour, grey for 0; otherwise their mean is.
        titles: one for each unit.
        states: "", "dead" or "saturated" for each unit.
    """
    columns = min(10, len(weights))
    rows = -(-len(weights) // columns)
    figure = new_figure(max(3.5, 1.05 * columns), 0.55 + 1.25 * rows)
    figure.suptitle(_wrapped(title, figure), fontsize="medium")
    for place, (unit, name, state) in enumerate(zip(weights, titles, states, strict=True), 1):
        axes = figure.add_subplot(rows, columns, place)
        if unit.ndim == 3 and unit.shape[-1] == 3:
            axes.imshow(0.5 + unit / (2 * max(float(np.abs(unit).max()), 1e-12)), interpolation="nearest")
        else:
            _show_signed(axes, unit.mean(-1) if unit.ndim == 3 else unit)
        axes.set_title(label_text(name, 60), fontsize=7, pad=3, color=_STATE_COLOURS[state])
        _frame(axes, _STATE_COLOURS[state] if state else "none")
    return figure


def weight_rows(weights: np.ndarray, titles: Sequence[str], states: Sequence[str], title: str) -> "Figure":
    """Draw the weights of units on features: a row for each unit, in its own symmetric colour range.

    Args:
        weights: (k, d).
        titles, states: as in `weight_images`.
    """
    largest = np.maximum(np.abs(weights).max(1, keepdims=True), 1e-12)
    figure = new_figure(float(np.clip(2.5 + 0.2 * weights.shape[1], 5, 12)), 1.1 + 0.22 * len(weights))
    axes = figure.add_subplot()
    image = axes.imshow(weights / largest, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    _name_rows(axes, titles, states)
    axes.set_xlabel("Feature")
    axes.tick_params(axis="x", labelsize="small")
    axes.locator_params(axis="x", integer=True)
    bar = figure.colorbar(image, ax=axes, ticks=[-1, 0, 1], shrink=min(1.0, 8 / len(weights)))
    bar.ax.set_yticklabels(["against", "0", "for the unit"], fontsize=7)
    axes.set_title(_wrapped(title, figure), fontsize="medium")
    return figure


def unit_bars(importance: np.ndarray, titles: Sequence[str], states: Sequence[str], title: str) -> "Figure":
    """Draw the importance of units as bars, for weights that cannot be drawn as images."""
    return _bars(importance, titles, states, BLUE, "Importance", title)


def saliency_bars(values: np.ndarray, gradient: np.ndarray, title: str) -> "Figure":
    """Draw the features with the largest gradients, at most 40, as bars. values, gradient: (d,)."""
    order = np.argsort(-np.abs(gradient), kind="stable")[:40]
    names = [f"feature {i} = {values[i]:.3g}" for i in order]
    colours = np.where(gradient[order] < 0, BLUE, RED).tolist()
    return _bars(gradient[order], names, [""] * len(order), colours, "Gradient of the log-probability", title)


def _bars(
    values: np.ndarray, names: Sequence[str], states: Sequence[str], colours: Any, unit: str, title: str
) -> "Figure":
    figure = new_figure(5.5, 1.05 + 0.22 * len(values))
    axes = new_axes(figure)
    axes.grid(axis="y", visible=False)
    axes.barh(range(len(values)), values, color=colours)
    axes.axvline(0, color=GREY, linewidth=0.8)
    _name_rows(axes, names, states)
    axes.invert_yaxis()
    axes.set_xlabel(unit)
    axes.set_title(_wrapped(title, figure), fontsize="medium")
    return figure


def _name_rows(axes: "Axes", names: Sequence[str], states: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [label_text(_one_line(name), 40) for name in names], fontsize=7)
    for label, state in zip(axes.get_yticklabels(), states, strict=True):
        label.set_color(_STATE_COLOURS[state])


def saliency_maps(image: np.ndarray, gradient: np.ndarray, title: str) -> "Figure":
    """Draw an image, the signed gradient at each pixel, and the gradient's size.

    Args:
        image: (h, w) or (h, w, c).
        gradient: of the same shape. Of several channels, the signed mean and the largest size are drawn.
    """
    channels = gradient.reshape(*gradient.shape[:2], -1)
    figure = new_figure(7.2, 2.75)
    figure.suptitle(_wrapped(title, figure), fontsize="medium")
    first, second, third = (figure.add_subplot(1, 3, place) for place in (1, 2, 3))
    first.imshow(displayable(image[None])[0], cmap="gray", interpolation="nearest")
    signed = _show_signed(second, channels.mean(-1))
    size = third.imshow(np.abs(channels).max(-1), cmap="magma", vmin=0, interpolation="nearest")
    names = ("Image", "Gradient: red, brighter is surer", "Size of the gradient")
    for axes, name, drawn in zip((first, second, third), names, (None, signed, size), strict=True):
        axes.set_title(name, fontsize="small")
        axes.set(xticks=[], yticks=[])
        if drawn is not None:
            bar = figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03)
            bar.ax.tick_params(labelsize=6)
    return figure


def neighbour_row(inputs: np.ndarray, titles: Sequence[str], agrees: Sequence[bool], title: str) -> "Figure":
    """Draw a row and its neighbours: a blue frame for a neighbour of the same label, a red one for another label.

    Args:
        inputs: the row first: (1 + n, h, w) or (1 + n, h, w, c) as images, (1 + n, d) as lines.
        titles: one for each input.
        agrees: for each neighbour, whether it has the same label.
    """
    colours = ["black", *(BLUE if same else RED for same in agrees)]
    if inputs.ndim == 2:
        return _neighbour_lines(inputs, titles, colours, title)
    rows = -(-len(inputs) // 8)
    columns = -(-len(inputs) // rows)
    lines = max(name.count("\n") + 1 for name in titles)
    figure = new_figure(max(4.0, 1.3 * columns), 0.4 + (1.15 + 0.15 * lines) * rows)
    figure.suptitle(textwrap.fill(label_text(title, 160), int(16 * figure.get_figwidth())), fontsize="small")
    for place, (image, name, colour) in enumerate(zip(displayable(inputs), titles, colours, strict=True), 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set_title(label_text(name, 80), fontsize=7, pad=4)
        _frame(axes, colour)
    return figure


def _neighbour_lines(inputs: np.ndarray, titles: Sequence[str], colours: Sequence[str], title: str) -> "Figure":
    figure = new_figure(7.5, 3.2)
    axes = new_axes(figure)
    lines = []
    for place, (row, name, colour) in enumerate(zip(inputs, titles, colours, strict=True)):
        width, alpha = (1, 0.6) if place else (2, 1)
        text = label_text(_one_line(name), 60)
        lines += axes.plot(row, color=colour, linewidth=width, alpha=alpha, label=text, zorder=3 - place / len(inputs))
    axes.set(xlabel="Feature", ylabel="Value, as the network takes it")
    axes.legend(handles=lines, fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    axes.set_title(_wrapped(title, figure), fontsize="medium")
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
        points: (n, 2).
        labels: int (n,).
        correct: bool (n,).
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
    handles = [_handle(label_text(name), **styles[label]) for label, name in enumerate(named)]
    handles.append(_handle("wrongly predicted", c="none", edge="black"))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_title(_wrapped(title, figure), fontsize="medium")
    return figure


def _class_styles(classes: int) -> list[dict[str, Any]]:
    """Colour and marker of each class: ten colours, then the same with another marker; a colour wheel above 20."""
    if classes > _MOST_NAMED:
        import matplotlib

        wheel = matplotlib.colormaps["hsv"]
        return [{"c": [wheel(label / classes)], "marker": "o"} for label in range(classes)]
    tens = len(CLASS_COLOURS)
    return [{"c": CLASS_COLOURS[label % tens], "marker": _MARKERS[label // tens]} for label in range(classes)]


def _handle(name: str, c: Any, marker: str = "o", edge: str = "none") -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="", marker=marker, color=c, markeredgecolor=edge, markersize=6, label=name)


def _show_signed(axes: "Axes", values: np.ndarray) -> Any:
    """Draw values (h, w) in a symmetric colour range."""
    limit = max(float(np.abs(values).max()), 1e-12)
    return axes.imshow(values, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")


def _frame(axes: "Axes", colour: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=colour, linewidth=1.5)


def _one_line(text: str) -> str:
    return ", ".join(part for part in text.split("\n") if part.strip())


def _wrapped(title: str, figure: "Figure") -> str:
    """Break a title into lines that fit the figure's width."""
    return textwrap.fill(label_text(title, 160), max(20, int(12 * figure.get_figwidth())))
