"""Figures of what a network has learnt: weights, gradients, neighbours, the last hidden layer."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.canvas import BLUE, CLASS_COLOURS, GREY, RED, new_axes, new_figure, plain
from mlplab.figures.images import displayable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIGNED = "RdBu_r"
"""Colours of signed numbers: blue below 0, white at 0, red above."""

_MARKERS = "o^sDvP"
_MOST_NAMED = 20
_STATE_COLOURS = {"": "black", "dead": RED, "saturated": "#b35c00"}


def weight_images(weights: np.ndarray, titles: Sequence[str], states: Sequence[str], title: str) -> "Figure":
    """The weights of units as images, each in its own symmetric colours; dead and saturated units marked.

    Args:
        weights: (k, h, w) or (k, h, w, c): of 3 channels the image has colours, grey for 0; of others their mean
            is shown.
        titles: one for each unit.
        states: "", "dead" or "saturated" for each.
        title: above the picture.
    """
    columns = min(10, len(weights))
    rows = -(-len(weights) // columns)
    figure = new_figure(max(3.5, 1.05 * columns), 0.55 + 1.25 * rows)
    figure.suptitle(_wrapped(title, figure), fontsize="medium")
    for place, (unit, name, state) in enumerate(zip(weights, titles, states, strict=True), 1):
        axes = figure.add_subplot(rows, columns, place)
        _show_signed(axes, unit)
        axes.set_title(plain(name, 60), fontsize=7, pad=3, color=_STATE_COLOURS[state])
        if state:
            _frame(axes, _STATE_COLOURS[state])
    return figure


def weight_rows(weights: np.ndarray, titles: Sequence[str], states: Sequence[str], title: str) -> "Figure":
    """The weights of units on features: a row for each unit, in symmetric colours of its own.

    Args:
        weights: (k, d).
        titles, states, title: as in `weight_images`.
    """
    largest = np.maximum(np.abs(weights).max(1, keepdims=True), 1e-12)
    figure = new_figure(float(np.clip(2.5 + 0.2 * weights.shape[1], 5, 12)), 1.1 + 0.22 * len(weights))
    axes = figure.add_subplot()
    image = axes.imshow(weights / largest, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_yticks(range(len(weights)), [plain(_one_line(name), 40) for name in titles], fontsize=7)
    for label, state in zip(axes.get_yticklabels(), states, strict=True):
        label.set_color(_STATE_COLOURS[state])
    axes.set_xlabel("Feature")
    axes.tick_params(axis="x", labelsize="small")
    axes.locator_params(axis="x", integer=True)
    bar = figure.colorbar(image, ax=axes, ticks=[-1, 0, 1], shrink=min(1.0, 8 / len(weights)))
    bar.ax.set_yticklabels(["against", "0", "for the unit"], fontsize=7)
    axes.set_title(_wrapped(title, figure), fontsize="medium")
    return figure


def unit_bars(importance: np.ndarray, titles: Sequence[str], states: Sequence[str], title: str) -> "Figure":
    """The importance of units as bars, for networks whose weights make no pictures; dead and saturated ones named."""
    figure = new_figure(5.5, 1.0 + 0.22 * len(importance))
    axes = new_axes(figure)
    axes.grid(axis="y", visible=False)
    axes.barh(range(len(importance)), importance, color=BLUE)
    axes.set_yticks(range(len(importance)), [plain(_one_line(name), 40) for name in titles], fontsize=7)
    for label, state in zip(axes.get_yticklabels(), states, strict=True):
        label.set_color(_STATE_COLOURS[state])
    axes.invert_yaxis()
    axes.set_xlabel("Importance")
    axes.set_title(_wrapped(title, figure), fontsize="medium")
    return figure


def saliency_maps(image: np.ndarray, gradient: np.ndarray, title: str) -> "Figure":
    """An image, the gradient there with its sign, and its size.

    Args:
        image: (h, w) or (h, w, c).
        gradient: of the same shape. Of several channels, the mean with its sign and the largest size are shown.
        title: above the picture.
    """
    channels = gradient.reshape(*gradient.shape[:2], -1)
    figure = new_figure(7.2, 2.75)
    figure.suptitle(_wrapped(title, figure), fontsize="medium")
    first, second, third = (figure.add_subplot(1, 3, place) for place in (1, 2, 3))
    first.imshow(displayable(image[None])[0], cmap="gray", interpolation="nearest")
    limit = max(float(np.abs(channels.mean(-1)).max()), 1e-12)
    signed = second.imshow(channels.mean(-1), cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
    size = third.imshow(np.abs(channels).max(-1), cmap="magma", vmin=0, interpolation="nearest")
    for axes, name in ((first, "Image"), (second, "Gradient: red, brighter is surer"), (third, "Size of the gradient")):
        axes.set_title(name, fontsize="small")
        axes.set_xticks([])
        axes.set_yticks([])
    for shown, axes in ((signed, second), (size, third)):
        bar = figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.03)
        bar.ax.tick_params(labelsize=6)
    return figure


def saliency_bars(values: np.ndarray, gradient: np.ndarray, title: str) -> "Figure":
    """The features with the largest gradients, at most 40, as bars with their values.

    Args:
        values, gradient: (d,).
        title: above the picture.
    """
    order = np.argsort(-np.abs(gradient), kind="stable")[:40]
    figure = new_figure(5.5, 1.1 + 0.22 * len(order))
    axes = new_axes(figure)
    axes.grid(axis="y", visible=False)
    axes.barh(range(len(order)), gradient[order], color=np.where(gradient[order] < 0, BLUE, RED).tolist())
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(order)), [f"feature {i} = {values[i]:.3g}" for i in order], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("Gradient of the log-probability")
    axes.set_title(_wrapped(title, figure), fontsize="medium")
    return figure


def neighbour_row(inputs: np.ndarray, titles: Sequence[str], agrees: Sequence[bool], title: str) -> "Figure":
    """An image and its neighbours, each under its title; a frame tells whose label is the image's own.

    Args:
        inputs: (1 + n, h, w) or (1 + n, h, w, c), the image first; or (1 + n, d), drawn as lines.
        titles: one for each.
        agrees: for each neighbour, whether it has the same label.
        title: above the picture.
    """
    colours = ["black", *(BLUE if same else RED for same in agrees)]
    if inputs.ndim == 2:
        return _neighbour_lines(inputs, titles, colours, title)
    rows = -(-len(inputs) // 8)
    columns = -(-len(inputs) // rows)
    lines = max(name.count("\n") + 1 for name in titles)
    figure = new_figure(max(4.0, 1.3 * columns), 0.4 + (1.15 + 0.15 * lines) * rows)
    figure.suptitle(textwrap.fill(plain(title, 160), int(16 * figure.get_figwidth())), fontsize="small")
    for place, (image, name, colour) in enumerate(zip(displayable(inputs), titles, colours, strict=True), 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set_title(plain(name, 80), fontsize=7, pad=4)
        _frame(axes, colour)
    return figure


def _neighbour_lines(inputs: np.ndarray, titles: Sequence[str], colours: Sequence[str], title: str) -> "Figure":
    figure = new_figure(7.5, 3.2)
    axes = new_axes(figure)
    for row, name, colour in list(zip(inputs, titles, colours, strict=True))[::-1]:
        own = colour == "black"
        axes.plot(
            row, color=colour, linewidth=2 if own else 1, alpha=1 if own else 0.6, label=plain(_one_line(name), 60)
        )
    axes.set_xlabel("Feature")
    axes.set_ylabel("Value, as the network takes it")
    axes.legend(
        *(part[::-1] for part in axes.get_legend_handles_labels()), fontsize=7, loc="upper left", bbox_to_anchor=(1, 1)
    )
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
    """Rows as points in the plane, coloured by class; failures have a dark ring.

    Args:
        points: (n, 2).
        labels: int (n,).
        correct: bool (n,).
        class_names: of all classes; where there are more than 20, they are not told apart by name.
        axis_names: of the two axes.
        title: above the picture.
    """
    figure = new_figure(7.8, 5.6)
    axes = new_axes(figure)
    named = len(class_names) <= _MOST_NAMED
    size = float(np.clip(40_000 / len(points), 4, 25))
    looks = _class_looks(len(class_names))
    for label in np.unique(labels):
        rows = labels == label
        axes.scatter(*points[rows & correct].T, s=size, alpha=0.5, linewidths=0, rasterized=True, **looks[label])
        axes.scatter(
            *points[rows & ~correct].T,
            s=1.3 * size,
            edgecolors="black",
            linewidths=0.35,
            rasterized=True,
            zorder=3,
            **looks[label],
        )
    handles = [_handle(plain(name), **looks[label]) for label, name in enumerate(class_names)] if named else []
    handles.append(_handle("wrongly predicted", c="none", edge="black"))
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)
    axes.set_xlabel(axis_names[0])
    axes.set_ylabel(axis_names[1])
    axes.set_title(_wrapped(title, figure), fontsize="medium")
    return figure


def _class_looks(classes: int) -> list[dict[str, Any]]:
    """Colour and marker of each class: ten colours, again with another marker; from a colour wheel where many."""
    if classes > _MOST_NAMED:
        import matplotlib

        wheel = matplotlib.colormaps["hsv"]
        return [{"c": [wheel(label / classes)], "marker": "o"} for label in range(classes)]
    tens = len(CLASS_COLOURS)
    return [{"c": CLASS_COLOURS[label % tens], "marker": _MARKERS[label // tens]} for label in range(classes)]


def _handle(name: str, c: Any, marker: str = "o", edge: str = "none") -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="", marker=marker, color=c, markeredgecolor=edge, markersize=6, label=name)


def _show_signed(axes: "Axes", values: np.ndarray) -> None:
    largest = max(float(np.abs(values).max()), 1e-12)
    if values.ndim == 3 and values.shape[-1] == 3:
        axes.imshow(0.5 + values / (2 * largest), interpolation="nearest")
    else:
        values = values.mean(-1) if values.ndim == 3 else values
        largest = max(float(np.abs(values).max()), 1e-12)
        axes.imshow(values, cmap=SIGNED, vmin=-largest, vmax=largest, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _frame(axes: "Axes", colour: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=colour, linewidth=1.5)


def _one_line(text: str) -> str:
    return ", ".join(part for part in text.split("\n") if part.strip())


def _wrapped(title: str, figure: "Figure") -> str:
    """A title of as many lines as the figure's width asks for."""
    return textwrap.fill(plain(title, 160), max(20, int(12 * figure.get_figwidth())))
