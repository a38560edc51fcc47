"""Draw images in grids."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlplab.figures.canvas import SIGNED, label_text, new_figure, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_LINE = 20
"""Letters of a line above an image in a gallery."""

MOST_CLASSES = 40
"""Classes in a picture of samples."""


def sample_grid(
    images: np.ndarray, labels: np.ndarray, class_names: Sequence[str], columns: int, title: str
) -> "Figure":
    """Draw the first images of each class in a row, the name of the class to the left; of many classes, the first.

    Args:
        images: (n, h, w) or (n, h, w, c).
        labels: integers (n,).
        class_names: one for each class.
        columns: most images of a class.
    """
    if len(class_names) > MOST_CLASSES:
        title = f"{title} ({MOST_CLASSES} of {len(class_names):,} classes)"
        class_names = class_names[:MOST_CLASSES]
    samples = [images[np.flatnonzero(labels == label)[:columns]] for label in range(len(class_names))]
    columns = max(map(len, samples))
    height, width, *channels = samples[0].shape[1:]
    low, high = (end([end(row) for row in samples if len(row)]) for end in (np.min, np.max))
    # Images with a white pixel between them: (classes, columns, height + 1, width + 1[, c]), then one picture.
    mosaic = np.ones((len(samples), columns, height + 1, width + 1, *channels), np.float32)
    for row, shown in enumerate(samples):
        scaled = (shown - np.float32(low)) / max(np.float32(high) - np.float32(low), np.float32(1e-9))
        mosaic[row, : len(shown), :height, :width] = scaled
    mosaic = mosaic.swapaxes(1, 2).reshape(len(samples) * (height + 1), columns * (width + 1), *channels)
    figure = new_figure(1.8 + 0.6 * columns, 0.6 + 0.6 * len(samples))
    axes = figure.add_subplot()
    axes.imshow(mosaic.squeeze(), cmap="gray", interpolation="nearest")
    axes.set_yticks((np.arange(len(samples)) + 0.5) * (height + 1), list(map(label_text, class_names)))
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize="medium")
    return figure


def gallery(
    images: np.ndarray,
    titles: Sequence[str],
    columns: int = 10,
    *,
    title: str = "",
    frames: Sequence[str] = (),
    signed: bool = False,
) -> "Figure":
    """Draw images in rows, each under its title, each scaled from its smallest to its largest value.

    Args:
        images: (n, h, w) or (n, h, w, c); unless c is 1 or 3, the mean over channels is drawn.
        titles: one for each image, of one or more lines; long lines are broken.
        columns: images in a row.
        title: above all images.
        frames: for each image the colour of its title and its frame; "": black without a frame.
        signed: draw one channel blue below 0, white at 0 and red above, and three channels in colour, grey for 0.
    """
    texts = [[part for line in text.split("\n") for part in textwrap.wrap(line, _LINE) or [""]] for text in titles]
    lines = max(map(len, texts))
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height = (1.0 + 0.14 * lines) * rows
    figure = new_figure(max(3.5, 1.15 * columns), height + 0.5) if title else new_figure(1.15 * columns, height)
    if title:
        figure.suptitle(wrapped(title, figure), fontsize="medium")
    frames = frames or [""] * len(images)
    for place, (image, text, colour) in enumerate(zip(displayable(images, signed), texts, frames, strict=True), 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(image, cmap=SIGNED if signed else "gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title("\n".join(map(label_text, text)), fontsize=6.5, pad=3, color=colour or "black")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=bool(colour), color=colour or "none", linewidth=1.5)
    return figure


def displayable(images: np.ndarray, signed: bool = False) -> np.ndarray:
    """Scale each image to float32 from 0 to 1. Returns (n, h, w), or (n, h, w, 3) of colour images.

    The smallest value becomes 0 and the largest 1; with `signed`, 0 becomes 0.5 and the largest size 0 or 1.
    """
    images = images.astype(np.float32)
    if images.ndim == 4 and images.shape[-1] != 3:
        images = images.mean(-1)
    axes = tuple(range(1, images.ndim))
    low, high = images.min(axes, keepdims=True), images.max(axes, keepdims=True)
    if signed:
        high = np.maximum(np.maximum(high, -low), np.float32(1e-9))
        low = -high
    return (images - low) / np.maximum(high - low, np.float32(1e-9))
