"""Draw images in grids."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlplab.figures.canvas import label_text, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def class_samples(images: np.ndarray, labels: np.ndarray, classes: int, columns: int) -> list[np.ndarray]:
    """Return the first `columns` images of each class.

    Args:
        images: (n, h, w) or (n, h, w, c).
        labels: integers (n,).
        classes: number of classes.
        columns: most images of a class.

    Returns:
        An array (at most `columns`, h, w[, c]) for each class, empty for a class without images.
    """
    return [images[np.flatnonzero(labels == label)[:columns]] for label in range(classes)]


def sample_grid(samples: Sequence[np.ndarray], class_names: Sequence[str], title: str) -> "Figure":
    """Draw a row of images for each class, its name to the left.

    Args:
        samples: an array (k, h, w) or (k, h, w, c) for each class, from `class_samples`.
        class_names: one for each class.
    """
    columns = max(len(row) for row in samples)
    shape = samples[0].shape[1:]
    mosaic = _mosaic(samples, columns)
    figure = new_figure(1.8 + 0.6 * columns, 0.6 + 0.6 * len(samples))
    axes = figure.add_subplot()
    axes.imshow(mosaic.squeeze(), cmap="gray", interpolation="nearest")
    axes.set_yticks((np.arange(len(samples)) + 0.5) * (shape[0] + 1), list(map(label_text, class_names)))
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize="medium")
    return figure


def gallery(images: np.ndarray, titles: Sequence[str], columns: int = 10) -> "Figure":
    """Draw images in rows, each under its title, each scaled from its darkest to its brightest value.

    Args:
        images: (n, h, w) or (n, h, w, c); unless c is 1 or 3, the mean over channels is drawn.
        titles: one for each image, of one or more lines.
        columns: images in a row.
    """
    lines = max(title.count("\n") + 1 for title in titles)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(1.15 * columns, (1.0 + 0.14 * lines) * rows)
    for place, (image, title) in enumerate(zip(displayable(images), titles, strict=True), 1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(image, cmap="gray", interpolation="nearest")
        axes.set_title(label_text(title, 80), fontsize=6.5, pad=2)
        axes.axis("off")
    return figure


def displayable(images: np.ndarray) -> np.ndarray:
    """Scale each image to float32 from 0 to 1. Returns (n, h, w), or (n, h, w, 3) of colour images."""
    images = images.astype(np.float32)
    if images.ndim == 4 and images.shape[-1] != 3:
        images = images.mean(-1)
    axes = tuple(range(1, images.ndim))
    low, high = images.min(axes, keepdims=True), images.max(axes, keepdims=True)
    return (images - low) / np.maximum(high - low, np.float32(1e-9))


def _mosaic(samples: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Join images with a pixel between them, values from 0 to 1: (rows (h+1), columns (w+1)[, c])."""
    height, width, *channels = samples[0].shape[1:]
    low, high = (end([end(row) for row in samples if len(row)]) for end in (np.min, np.max))
    mosaic = np.ones((len(samples), columns, height + 1, width + 1, *channels), np.float32)
    for row, images in enumerate(samples):
        scaled = (images - np.float32(low)) / max(np.float32(high) - np.float32(low), np.float32(1e-9))
        mosaic[row, : len(images), :height, :width] = scaled
    return mosaic.swapaxes(1, 2).reshape(len(samples) * (height + 1), columns * (width + 1), *channels)
