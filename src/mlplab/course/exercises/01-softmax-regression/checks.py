from mlplab.course.checks import expect
from mlplab.course.checks.layers import dense, flatten

LAYERS = [flatten(), dense(activation="softmax")]


def check(model, dataset="fashion-mnist"):
    yield expect.model(model, dataset)
    yield expect.layers(model, LAYERS)
    yield expect.parameters(model, expect.parameters_with(dataset))
    yield expect.compiled(model)
    yield expect.trained(model, epochs=10, rows=expect.training_rows(dataset), batch_size=128)
    yield expect.usual_accuracy(model, dataset)
