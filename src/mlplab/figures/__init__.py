"""Arrays → matplotlib figures, without pyplot and its global state. The only place that imports matplotlib.

canvas.py      a figure to draw on; as a file, as a part of a page
images.py      figures made of images
charts.py      confusion matrix, curves, calibration, scatter
"""

from mlplab.figures.canvas import png, save_figure, svg
from mlplab.figures.images import class_samples, displayable, gallery, sample_grid

__all__ = ["class_samples", "displayable", "gallery", "png", "sample_grid", "save_figure", "svg"]
