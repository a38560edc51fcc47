from mlplab.course.checks import expect
from mlplab.course.checks.findings import WrongAnswer
from mlplab.course.checks.layers import compare, dense, flatten, layers_of

RELU = [flatten(), dense(64, "relu"), dense(activation="softmax")]
LINEAR = [flatten(), dense(64, ""), dense(activation="softmax")]


def check(model, linear_model, dataset="fashion-mnist"):
    networks = {"model": (model, RELU), "linear_model": (linear_model, LINEAR)}
    for name, (network, _) in networks.items():
        with expect.of(name):
            expect.model(network, dataset, name)
    expect.separate(model=model, linear_model=linear_model)
    _not_swapped(model, linear_model)
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
        yield (relu := expect.usual_accuracy(model, dataset, "test accuracy with relu"))
    with expect.of("linear_model"):
        yield (linear := expect.usual_accuracy(linear_model, dataset, "test accuracy without activation"))
    yield (
        f"With relu {relu.value:.3f}, without it {linear.value:.3f}: two layers with no activation between them draw "
        "the same straight borders as one, whatever the number of units"
    )


def _not_swapped(model, linear_model):
    try:
        compare(LINEAR, layers_of(model))
        compare(RELU, layers_of(linear_model))
    except WrongAnswer:
        return
    raise WrongAnswer("Your two networks are swapped: `linear_model` is the one without the activation.")
