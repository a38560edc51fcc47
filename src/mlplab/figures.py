"""The pictures that mlplab draws: arrays in, matplotlib figures out, without pyplot and its global state."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlplab.errors import UsageError

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
    from matplotlib.figure import Figure  # half a second, which those who draw nothing should not pay

    columns = max(len(row) for row in samples)
    shape = samples[0].shape[1:]
    mosaic = _mosaic(samples, columns)
    figure = Figure(figsize=(1.8 + 0.6 * columns, 0.6 + 0.6 * len(samples)), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(mosaic.squeeze(), cmap="gray", interpolation="nearest")
    axes.set_yticks((np.arange(len(samples)) + 0.5) * (shape[0] + 1), list(class_names))
    axes.set_xticks([])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize="medium")
    return figure


def save_figure(figure: "Figure", path: Path) -> Path:
    """Writes the figure, in the format of the path's suffix, and returns the path.

    Raises:
        UsageError: if the format is unknown or the file cannot be written.
    """
    try:
        figure.savefig(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}. Name a .png file.") from error
    return path


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
