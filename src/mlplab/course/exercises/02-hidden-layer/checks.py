from mlplab.course.checks import expect
from mlplab.course.checks.findings import Wrong
from mlplab.course.checks.layers import compare, dense, flatten, layers_of

RELU = [flatten(), dense(64, "relu"), dense(activation="softmax")]
LINEAR = [flatten(), dense(64, ""), dense(activation="softmax")]


def check(model, linear_model, dataset="fashion-mnist"):
    networks = {"model": (model, RELU), "linear_model": (linear_model, LINEAR)}
    for name, (network, _) in networks.items():
        with expect.of(name):
            expect.model(network, dataset, name)
    _two_networks(model, linear_model)
    for name, (network, layers) in networks.items():
        with expect.of(name):
            yield f"`{name}`: {expect.layers(network, layers)}"
            expect.parameters(network, expect.parameters_with(dataset, 64))
    for name, (network, _) in networks.items():
        with expect.of(name):
            expect.compiled(network)
            trained = expect.trained(network, epochs=5, rows=expect.training_rows(dataset), batch_size=256)
            yield f"`{name}`: {trained}"
    with expect.of("model"):
        relu = expect.usual_accuracy(model, dataset, "test accuracy with relu")
    yield relu
    with expect.of("linear_model"):
        linear = expect.usual_accuracy(linear_model, dataset, "test accuracy without activation")
    yield linear
    yield (
        f"With relu {relu.value:.3f}, without it {linear.value:.3f}: two layers with no activation between them draw "
        "the same straight borders as one, however many units there are"
    )


def _two_networks(model, linear_model):
    """They are two, and each has the name that the task gives it."""
    if model is linear_model:
        raise Wrong("`linear_model` is `model` itself, under another name. Build a second network, with layers anew.")
    if {id(weight) for weight in model.weights} & {id(weight) for weight in linear_model.weights}:
        raise Wrong(
            "`model` and `linear_model` share a layer: who trains one changes the other. Make new layers for each."
        )
    try:
        compare(LINEAR, layers_of(model))
        compare(RELU, layers_of(linear_model))
    except Wrong:
        return
    raise Wrong("Your two networks have each other's name: `linear_model` is the one without the activation.")
