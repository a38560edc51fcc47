"""Runs → graphs of operations: preprocessing, network, probabilities; of a population the mean of its members'."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import ModelError
from mlplab.exports.layers import operations_of
from mlplab.exports.operations import Graph, Operation
from mlplab.inspection.network.graph import Call, read
from mlplab.runs import Run
from mlplab.runs.config import Preprocessing
from mlplab.runs.probabilities import takes_logits

if TYPE_CHECKING:
    import keras

RESERVED = ("input", "probabilities")
"""Names that an exported network gives its input and its output."""
MEAN = "mean/all"
"""Name of the mean of the probabilities of a population's networks."""


def graph_of(run: Run) -> Graph:
    """Return what a finished run computes, from raw inputs to probabilities, as `Run.predict` does.

    Raises:
        RunError: for a run that is not finished.
        ModelError: for a model with a layer that has no form as an operation.
    """
    networks = finished_networks(run)
    operations: list[Operation] = []
    outputs: list[str] = []
    for number, network in enumerate(networks):
        new, output = _network(network, f"network{number}/" if len(networks) > 1 else "")
        operations += new
        outputs.append(output)
    if len(outputs) > 1:
        operations.append(Operation("merge", tuple(outputs), MEAN, options={"how": "average"}))
        outputs = [MEAN]
    return Graph(run.config.input_shape, len(run.class_names), tuple(operations), outputs[0])


def finished_networks(run: Run) -> list[Run]:
    """Return the run itself, or those members of a population that did not diverge: the networks that predict."""
    run.require_finished()
    return [network for network in run.members or [run] if network.result is not None]


def _scaling(run: Run, output: str) -> list[Operation]:
    """Return the preprocessing of a network's run, `(x - offset) / scale`.

    The difference comes first: far from 0 the product would lose what it keeps.
    """
    factor = 1 / np.asarray(run.config.preprocessing.scale, np.float64)
    offset = np.asarray(run.config.preprocessing.offset, np.float64)
    if not offset.any():
        return [_affine("input", output, factor, 0.0)]
    return [_affine("input", f"{output}/1", 1.0, -offset), _affine(f"{output}/1", output, factor, 0.0)]


def _affine(value: str, output: str, scale: Any, shift: Any) -> Operation:
    weights = {"scale": np.asarray(scale, np.float32), "shift": np.asarray(shift, np.float32)}
    return Operation("affine", (value,), output, weights)


def _network(run: Run, prefix: str) -> tuple[list[Operation], str]:
    """Return the operations of one network, from its preprocessing to its probabilities, and the name of these."""
    _require_floats(run)
    scaling = _scaling(run, f"{prefix}preprocessing/all")
    layers, output = operations_of_model(run.model, scaling[-1].output, prefix)
    last = _probabilities(run, output, prefix)
    return [*scaling, *layers, *last], last[-1].output if last else output


def operations_of_model(model: "keras.Model", source: str, prefix: str = "") -> tuple[list[Operation], str]:
    """Return what a model computes of the value `source`, and the name of its output.

    Values of layers have the layers' names, in which Keras allows no "/"; the names of other values have one.

    Raises:
        ModelError: for several inputs or outputs, and for a layer that has no form as an operation.
    """
    network = read(model)
    inputs, outputs = network.model.inputs, network.model.outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{model.name} has {len(inputs)} inputs and {len(outputs)} outputs: expected one of each. Export a model "
            "from one input to the classes."
        )
    names = {id(inputs[0]): source}
    seen: Counter[str] = Counter(RESERVED)
    operations: list[Operation] = []
    for call in network.calls:
        if call.kind == "InputLayer":
            continue
        _require_float32(call)
        seen[call.name] += 1  # layers of nested models can have the same name
        name = f"{prefix}{call.name}{f'/{seen[call.name]}' if seen[call.name] > 1 else ''}"
        taken = tuple(names[id(tensor)] for tensor in call.inputs)
        new = operations_of(call, taken, name)
        operations += new
        names[id(call.outputs[0])] = new[-1].output if new else taken[0]
    return operations, names[id(outputs[0])]


def _require_floats(run: Run) -> None:
    """Raise `ModelError` for a model that cuts off fractions of its inputs, as one that takes them as uint8."""
    kind = np.dtype(run.model.inputs[0].dtype)
    given = (run.config.input_range or {}).get("dtype")
    if kind.kind != "f" and not (run.config.preprocessing == Preprocessing() and given == kind.name):
        raise ModelError(
            f"{run.model.name} takes inputs as {kind}, which cuts off the fractions that scaled inputs have. Export as "
            "keras, or train a model whose input is float32."
        )


def _require_float32(call: Call) -> None:
    """Raise `ModelError` for a layer of another precision: what is exported computes in float32."""
    precision = getattr(call.layer, "compute_dtype", None) or "float32"
    if precision != "float32":
        raise ModelError(
            f"The layer {call.name} computes in {precision}, and exports compute in float32, which gives other "
            "probabilities. Export as keras, or train with the policy float32."
        )


def _probabilities(run: Run, output: str, prefix: str) -> list[Operation]:
    """Return what makes probabilities of a network's outputs: two columns of a single one, softmax of logits.

    A single output p becomes 1 - p, p; a logit z becomes the softmax of 0, z.
    """
    operations = []
    logits = takes_logits(run.model)
    if len(run.class_names) == 2 and run.model.output_shape[-1] == 1:
        factor, constant = (0.0, 0.0) if logits else (-1.0, 1.0)
        operations.append(_affine(output, f"{prefix}classes/first", factor, constant))
        both = (operations[-1].output, output)
        operations.append(Operation("merge", both, f"{prefix}classes/both", options={"how": "concatenate"}))
        output = operations[-1].output
    if logits:
        options = {"function": "softmax"}
        operations.append(Operation("activation", (output,), f"{prefix}classes/softmax", options=options))
    return operations
