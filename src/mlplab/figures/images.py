"""Figures made of images."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlplab.figures.canvas import new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def class_samples(images: np.ndarray, labels: np.ndarray, classes: int, columns: int) -> list[np.ndarray]:
    """The first images of each class.

    Args:
        images: (n, h, w) or (n, h, w, c).
        labels: integers (n,).
        classes: how many there are.
        columns: at most this many images of each.

    Returns:
        One array (at most `columns`, h, w[, c]) for each class; empty where a class has no images.
    """
    return [images[np.flatnonzero(labels == label)[:columns]] for label in range(classes)]


def sample_grid(samples: Sequence[np.ndarray], class_names: Sequence[str], title: str) -> "Figure":
    """A row of images for each class, its name to the left.

    Args:
        samples: one array (k, h, w) or (k, h, w, c) for each class, as `class_samples` gives them.
        class_names: one for each.
        title: above the picture.
    """
    columns = max(len(row) for row in samples)
    shape = samples[0].shape[1:]
    mosaic = _mosaic(samples, columns)
    figure = new_figure(1.8 + 0.6 * columns, 0.6 + 0.6 * len(samples))
    axes = figure.add_subplot()
    axes.imshow(mosaic.squeeze(), cmap="gray", interpolation="nearest")
    axes.set_yticks((np.arange(len(samples)) + 0.5) * (shape[0] + 1), list(map(plain, class_names)))
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize="medium")
    return figure


def gallery(images: np.ndarray, titles: Sequence[str], columns: int = 10) -> "Figure":
    """Images in rows, each under its title; each stretched from its own darkest to its own brightest value.

    Args:
        images: (n, h, w) or (n, h, w, c) with 1 or 3 channels; of others the mean over channels is shown.
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
        axes.set_title(plain(title, 80), fontsize=6.5, pad=2)
        axes.axis("off")
    return figure


def displayable(images: np.ndarray) -> np.ndarray:
    """Images of any numbers as float32 from 0 to 1, each stretched by itself: (n, h, w), or (n, h, w, 3) of colours."""
    images = images.astype(np.float32)
    if images.ndim == 4 and images.shape[-1] != 3:
        images = images.mean(-1)
    axes = tuple(range(1, images.ndim))
    low, high = images.min(axes, keepdims=True), images.max(axes, keepdims=True)
    return (images - low) / np.maximum(high - low, np.float32(1e-9))


def _mosaic(samples: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """The images side by side, a pixel between them, values from 0 to 1: (rows (h+1), columns (w+1)[, c])."""
    height, width, *channels = samples[0].shape[1:]
    drawn = [row for row in samples if len(row)]
    low, high = min(row.min() for row in drawn), max(row.max() for row in drawn)
    mosaic = np.ones((len(samples), columns, height + 1, width + 1, *channels), np.float32)
    for row, images in enumerate(samples):
        scaled = (images - np.float32(low)) / max(np.float32(high) - np.float32(low), np.float32(1e-9))
        mosaic[row, : len(images), :height, :width] = scaled
    return mosaic.swapaxes(1, 2).reshape(len(samples) * (height + 1), columns * (width + 1), *channels)
