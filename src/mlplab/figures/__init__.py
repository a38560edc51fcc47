"""Draw matplotlib figures from arrays. The only package that imports matplotlib, and never pyplot's global state.

canvas.py       an empty figure; a figure as a file or as part of a page
images.py       grids of images
charts.py       confusion matrix, training curves, reliability diagram, scores of classes
intervals.py    values with their intervals
networks.py     weights, gradients, neighbours, projection; model_graph.py, layout.py: a model's layers
scans.py        learning rates, training set sizes
study.py        the trials of a search; trials.py: their values, scales and marks
"""

from mlplab.figures.canvas import png, save_figure, shortened, svg
from mlplab.figures.images import displayable, gallery, sample_grid

__all__ = ["displayable", "gallery", "png", "sample_grid", "save_figure", "shortened", "svg"]
