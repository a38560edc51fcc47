"""A model of one sigmoid output, or of one logit, classifies two classes: its run has two probabilities a row."""

import numpy as np
import pytest
from sklearn import metrics

import mlplab
from mlplab import keras
from mlplab.errors import DataError, ModelError
from mlplab.inspection.examples import examples_of

layers = keras.layers
RNG = np.random.default_rng(0)
Y = RNG.permutation(np.arange(400) % 4 == 0).astype(np.int32)
X = (RNG.normal(size=(400, 5)) + 1.5 * Y[:, None]).astype(np.float32)
DATA = (X[:300], Y[:300]), (X[300:], Y[300:])
LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


def network(kind, outputs=1, hidden=(), features=5, built=True):
    """A logistic regression, or with hidden units a network, that ends in a sigmoid or in a logit."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((features,))] if built else [])
    for units in hidden:
        model.add(layers.Dense(units, "relu"))
    model.add(layers.Dense(outputs, None if kind == "logit" else kind))
    loss = LOGITS if kind == "logit" else "binary_crossentropy"
    model.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
    return model


@pytest.fixture(scope="module", params=["sigmoid", "logit"])
def run(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / request.param
    return mlplab.train(DATA, model=network(request.param), epochs=10, validation=0.2, seed=1, out=out, verbose=0)


def second_class(run, x):
    """The probability of class 1 by Keras: the output, or the sigmoid of it."""
    outputs = run.model.predict(run.config.preprocessing(x), verbose=0)[:, 0].astype(np.float64)
    return 1 / (1 + np.exp(-outputs)) if run.model.layers[-1].activation.__name__ == "linear" else outputs


def test_a_run_has_the_probabilities_of_both_classes(run):
    x_test, y_test = DATA[1]
    p = second_class(run, x_test)
    test = run.predictions("test")
    np.testing.assert_allclose(test.probabilities, np.stack([1 - p, p], 1), atol=1e-6)
    np.testing.assert_allclose(run.predict(x_test), test.probabilities, atol=1e-6)
    assert test.probabilities.dtype == np.float32
    result = run.result
    assert result.test.accuracy == metrics.accuracy_score(y_test, p > 0.5) > 0.8
    assert result.test.loss == pytest.approx(metrics.log_loss(y_test, p), abs=1e-6)
    assert result.test.loss == pytest.approx(run.model.evaluate(x_test, y_test, verbose=0)[0], abs=1e-5)
    assert result.confusion == metrics.confusion_matrix(y_test, p > 0.5).tolist()
    assert result.train.loss == run.history["loss"][-1]


def test_every_inspection_takes_the_run_and_one_column(run):
    y_test = DATA[1][1]
    p = run.predictions("test").probabilities[:, 1]
    for column in (p, p[:, None]):
        for function in (mlplab.score, mlplab.classification_report, mlplab.show_confusion, mlplab.show_calibration):
            for row, expected in zip(function(column, y_test), function(run), strict=True):
                names = [name for name in row if name != "class"]
                assert [row[name] for name in names] == pytest.approx([expected[name] for name in names], abs=1e-6)
        failures = mlplab.show_failures(column, y_test, maxtoshow=None)
        assert failures["index"].tolist() == np.flatnonzero((p > 0.5) != y_test).tolist()
    values = {row["metric"]: row["value"] for row in mlplab.score(run)}
    expected = metrics.precision_recall_fscore_support(y_test, p > 0.5, average="macro")
    assert [values[f"macro {name}"] for name in ("precision", "recall", "F1")] == pytest.approx(list(expected[:3]))
    assert values["Brier score"] == pytest.approx(2 * metrics.brier_score_loss(y_test, p), abs=1e-6)
    by_class = mlplab.classification_report(run)
    assert by_class["f1"].tolist() == pytest.approx(metrics.f1_score(y_test, p > 0.5, average=None).tolist())
    assert mlplab.compare({"run": p, "other": 1 - p}, y_test).scores["accuracy"][0] == run.result.test.accuracy


def test_the_temperature_divides_the_logit(run):
    """Temperature scaling of two probabilities is the sigmoid of the logit divided by the temperature."""
    from scipy.optimize import minimize_scalar

    kept = mlplab.calibrate(run)
    validation = run.predictions("validation")
    p = validation.probabilities[:, 1].astype(np.float64)
    logit = np.log(p / (1 - p))

    def loss(temperature):
        return metrics.log_loss(validation.label, 1 / (1 + np.exp(-logit / temperature)))

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded")
    assert kept["temperature"] == pytest.approx(best.x, rel=1e-2)
    assert kept["after"] == pytest.approx(best.fun, abs=1e-5)


def test_saliency_is_the_gradient_of_the_predicted_class(run):
    """The gradient of log p(1) of a logistic regression is (1 - p) w, that of log p(0) is -p w."""
    weights = run.model.layers[-1].kernel.numpy()[:, 0]
    p = run.predictions("test").probabilities[:, 1]
    for index in (int(p.argmax()), int(p.argmin())):
        table = mlplab.show_saliency(run, index, data=DATA)
        expected = (1 - p[index]) * weights if p[index] > 0.5 else -p[index] * weights
        np.testing.assert_allclose(table["gradient"], expected, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sigmoid", "logit"])
def test_the_rest_of_the_library_takes_it(kind, tmp_path):
    model = network(kind, hidden=[4])
    history = mlplab.fit(model, *DATA[0], epochs=8, verbose=0)
    run = mlplab.save_run(model, DATA, history=history, out=tmp_path / "kept")
    judged = mlplab.find_label_errors(run, data=DATA, folds=3, verbose=0)
    flagged = judged["quality"].argmin()
    assert judged["given_probability"][flagged] < 0.5 < judged["suggested_probability"][flagged]
    assert "<html" in mlplab.report(run, data=DATA).read_text("utf-8")
    assert mlplab.learning_curve(run, data=DATA, sizes=[240], seeds=1, verbose=0)["val_accuracy"][0] > 0.8
    several = mlplab.train(DATA, model=network(kind), epochs=2, seeds=2, out=tmp_path / "seeds", verbose=0)
    test = several.predictions("test")
    assert several.result["ensemble"]["accuracy"] == metrics.accuracy_score(test.label, test.probabilities[:, 1] > 0.5)
    np.testing.assert_allclose(test.probabilities.sum(1), 1, atol=1e-6)


REFUSED = {
    "no sigmoid": (lambda: compiled(network(None), "binary_crossentropy"), "It ends in linear, .* takes probabilities"),
    "two sigmoids": (lambda: compiled(network("sigmoid"), LOGITS), "It ends in sigmoid, and its loss takes logits"),
    "softmax": (lambda: network("softmax"), "It ends in softmax, .*Dense\\(1, 'sigmoid'\\)"),
    "three outputs": (
        lambda: network("sigmoid", 3),
        r"shape \(3,\), and arrays has 2 classes: .* single sigmoid output",
    ),
    "not built": (lambda: compiled(network(None, built=False), "binary_crossentropy"), "It ends in linear"),
}


def compiled(model, loss):
    model.compile("sgd", loss)
    return model


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")
@pytest.mark.parametrize(("model", "message"), REFUSED.values(), ids=REFUSED)
def test_an_output_that_is_no_probability_is_refused_before_anything_is_written(model, message, tmp_path):
    with pytest.raises(ModelError, match=message):
        mlplab.train(DATA, model=model(), out=tmp_path / "run", verbose=0)
    with pytest.raises(ModelError, match=message):
        mlplab.save_run(model(), DATA, out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_one_output_is_too_few_for_three_classes(tmp_path):
    three = (X[:300], np.arange(300) % 3), (X[300:], np.arange(100) % 3)
    with pytest.raises(ModelError, match=r"shape \(1,\), and arrays has 3 classes: one output for each is needed\."):
        mlplab.train(three, model=network("sigmoid"), out=tmp_path / "run")
    with pytest.raises((ModelError, DataError), match="outputs"):
        mlplab.train(DATA, model=compiled(network("sigmoid"), "sparse_categorical_crossentropy"), out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("separate", [False, True])
def test_the_sigmoid_may_be_a_layer_or_within_a_model(separate, nested, tmp_path):
    inputs = keras.Input((5,))
    outputs = layers.Activation("sigmoid")(layers.Dense(1)(inputs)) if separate else layers.Dense(1, "sigmoid")(inputs)
    model = keras.Model(inputs, outputs)
    if nested:
        model = keras.Sequential([keras.Input((5,)), model])
    model.compile("sgd", [keras.losses.BinaryCrossentropy()])
    run = mlplab.save_run(model, DATA, out=tmp_path / "run")
    p = model.predict(X[300:], verbose=0)[:, 0]
    np.testing.assert_allclose(examples_of(run, inputs=False).probabilities[:, 1], p, atol=1e-6)
