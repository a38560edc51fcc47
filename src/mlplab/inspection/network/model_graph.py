"""A model's layers as a table and as a figure, without any system package."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Union

from mlplab.figures.model_graph import model_graph
from mlplab.inspection.examples import open_run
from mlplab.inspection.network import graph
from mlplab.inspection.network.internals import kept_internals
from mlplab.runs import Run
from mlplab.table import Table

if TYPE_CHECKING:
    import keras


def plot_model(
    model: Union["keras.Model", Run],
    to_file: str | Path | None = None,
    show_shapes: bool = True,
    show_layer_names: bool = True,
) -> Table:
    """Draw a model: a box for each layer with its activation, output shape and parameters, arrows from top to bottom.

    Like `keras.utils.plot_model`, but without Graphviz and pydot, and with the layers of nested models.

    Args:
        model: a Sequential or functional Keras model that is built; or a run.
        to_file: a .png, .svg or .pdf file to write.
        show_shapes: whether boxes contain the output shape, without the batch axis.
        show_layer_names: whether boxes contain the layer's name.

    Returns:
        Table(name, kind, activation, shape, parameters, parents), a row for each layer; its figure is the drawing.
        Each further call of a shared layer is a row "name:2" …, without parameters.

    Raises:
        ModelError: if the model is not built, or is a subclass whose `call` has no graph.
        UsageError: if the file cannot be written.
        RunError: if the run is not finished.

    Example:
        table = mlplab.plot_model(mlplab.mlp((28, 28), 10, [20]))
        parameters = table["parameters"].sum()
    """
    if isinstance(model, str | Path):
        model = open_run(model)
    kept = None
    if isinstance(model, Run):
        run = model.first  # all members of a population have the same layers
        kept = kept_internals(run)
        model = run.model if kept is None else model
    layers = graph.layers_table(graph.read(model)) if kept is None else kept.layers
    draw = functools.partial(model_graph, layers.rows(), show_shapes, show_layer_names)
    table = Table(layers.columns, layers.title, draw)
    if to_file is not None:
        table.save(to_file)
    return table.show()
