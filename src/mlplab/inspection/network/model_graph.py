"""A model's graph as a table and as a picture, without any system package."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Union

from mlplab.figures.model_graph import Box, model_graph
from mlplab.inspection.examples import opened
from mlplab.inspection.network import graph
from mlplab.inspection.network.internals import kept_internals
from mlplab.runs import Run
from mlplab.table import Table

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure


def plot_model(
    model: Union["keras.Model", Run],
    to_file: str | Path | None = None,
    show_shapes: bool = True,
    show_layer_names: bool = True,
) -> Table:
    """Draw a model: a box for each layer with its activation, output shape and parameters, arrows from top to bottom.

    As `keras.utils.plot_model`, but with neither Graphviz nor pydot, and models inside the model are opened.

    Args:
        model: a Sequential or functional Keras model that is built; or a run.
        to_file: a .png, .svg or .pdf file to write.
        show_shapes: the output shape in each box, without the batch.
        show_layer_names: the layer's name in each box.

    Returns:
        Table(name, kind, activation, shape, parameters, parents), a row for each layer; its figure is the picture.
        Further calls of a shared layer are rows of their own, "name:2" …, without parameters.

    Raises:
        ModelError: if the model is not built, or its `call` is code and has no graph.
        UsageError: if the file cannot be written.
        RunError: of a run that is not finished.
    """
    layers = _layers(model)
    table = Table(layers.columns, layers.title, functools.partial(picture, layers, show_shapes, show_layer_names))
    if to_file is not None:
        table.save(to_file)
    return table.show()


def _layers(model: Union["keras.Model", Run]) -> Table:
    if isinstance(model, str | Path):
        model = opened(model)
    if not isinstance(model, Run):
        return graph.layers_table(graph.read(model))
    model = model.first  # all members of a population have the same layers
    kept = kept_internals(model)
    return graph.layers_table(graph.read(model.model)) if kept is None else kept.layers


def picture(layers: Table, show_shapes: bool, show_layer_names: bool) -> "Figure":
    rows = layers.rows()
    positions = {row["name"]: position for position, row in enumerate(rows)}
    boxes = [
        Box(
            kind=row["kind"],
            title=_title(row["kind"], row["activation"]),
            shape=row["shape"].replace("×", " × ") if show_shapes else "",
            name=row["name"] if show_layer_names else "",
            parameters=_parameters(row["name"], row["parameters"]),
        )
        for row in rows
    ]
    parents = [[positions[name] for name in row["parents"].split(", ") if name in positions] for row in rows]
    return model_graph(boxes, parents)


def _title(kind: str, activation: str) -> str:
    if kind == "InputLayer":
        return "Input"
    return f"{kind} · {activation}" if activation and activation != kind.lower() else kind


def _parameters(name: str, parameters: int) -> str:
    if parameters == 1:
        return "1 parameter"
    return f"{parameters:,} parameters" if parameters else "same weights" if ":" in name else ""
