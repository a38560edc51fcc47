"""A run as a C header: compiled by gcc and clang it is NumPy's whole-number network to the bit, and nearly the run."""

import re
import subprocess

import numpy as np
import pytest
from c_compilers import PROGRAMS, SANITIZED, STRICT, compile_c, predict_in_c
from exported_models import compiled, drawn_data

import mlplab
from mlplab import Run, keras
from mlplab.errors import DataError, ModelError, RunError
from mlplab.exports.c import integer_network
from mlplab.exports.c.chain import Activation, Chain, Dense, chain_of
from mlplab.exports.c.header import Origin, header, prefix
from mlplab.exports.c.quantising import quantised
from mlplab.exports.checking import rows_to_check
from mlplab.exports.operations import Graph
from mlplab.exports.reading import graph_of, operations_of_model

layers = keras.layers
IN_C = ["digits", "encoded", "ladder", "colour"]


def softmax(logits):
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def logits_of(chain, images):
    values = chain.first_inputs(images.reshape(len(images), -1))
    for layer in chain.layers:
        values = layer.activation(values @ layer.kernel + layer.bias)
    return values


def write_header(folder, network, **origin):
    about = {"run": "run", "sha256": "0", "class_names": [f"c{i}" for i in range(network.classes)]}
    about |= {"input_shape": (network.pixels,), "value_range": (0, 255), **origin}
    (folder / "network.h").write_text(header(network, "network.h", Origin(**about)), "utf-8")


@pytest.mark.parametrize("kind", IN_C)
def test_c_and_numpy_give_the_same_bits_on_all_test_images(any_run, kind, tmp_path):
    run, data = any_run(kind)
    rows = rows_to_check(run, data)
    exported = mlplab.export(run, out=tmp_path / "network.h", data=data)
    network = integer_network(run, rows)
    classes, scores = network.predict(rows.inputs)
    in_c, scores_in_c = predict_in_c(tmp_path, rows.inputs, len(run.class_names))
    np.testing.assert_array_equal(in_c, classes)
    np.testing.assert_array_equal(scores_in_c, scores)
    exact = rows.probabilities.argmax(1)
    assert exported.check.other_classes <= (in_c != exact).sum() <= 0.02 * len(exact)
    assert exported.check.accuracy == (in_c == rows.labels).mean()
    np.testing.assert_allclose(network.probabilities(rows.inputs), rows.probabilities, atol=0.1)


@pytest.mark.parametrize(("compiler", "language"), [("clang", ("-std=c99",)), ("g++", ("-x", "c++", "-std=c++11"))])
def test_the_notebooks_network_keeps_its_accuracy(fashion_run, compiler, language, tmp_path):
    exported = mlplab.export(fashion_run, "c", tmp_path / "network.h")
    rows = rows_to_check(fashion_run)
    assert len(rows.inputs) == 10_000
    in_c, scores = predict_in_c(tmp_path, rows.inputs, 10, compiler, language)
    expected, expected_scores = integer_network(fashion_run, rows).predict(rows.inputs)
    np.testing.assert_array_equal(in_c, expected)
    np.testing.assert_array_equal(scores, expected_scores)
    before = (rows.probabilities.argmax(1) == rows.labels).mean()
    assert (in_c == rows.labels).mean() > before - 0.005
    assert exported.notes[0].startswith("Accuracy lost: ")
    assert f"{before:.4f} as trained, and {(in_c == rows.labels).mean():.4f}" in exported.notes[0]


@pytest.mark.parametrize("kind", IN_C)
def test_all_that_is_linear_folds_into_dense_layers(any_run, kind):
    run, data = any_run(kind)
    rows = rows_to_check(run, data)
    chain = chain_of(graph_of(run))
    np.testing.assert_allclose(softmax(logits_of(chain, rows.inputs)), rows.probabilities, atol=1e-5)


@pytest.mark.parametrize(
    ("last", "loss"),
    [
        (lambda: layers.Dense(1, "sigmoid"), "binary_crossentropy"),
        (lambda: layers.Dense(1), keras.losses.BinaryCrossentropy(from_logits=True)),
    ],
    ids=["probability", "logit"],
)
def test_one_output_for_two_classes(last, loss, once, request, tmp_path):
    data = drawn_data((3, 4), 2, True)
    own = [layers.Flatten(), layers.BatchNormalization(), layers.Dense(5, "relu"), layers.BatchNormalization(), last()]

    def train(out):
        model = compiled(keras.Sequential([keras.Input((3, 4)), *own]), loss)
        mlplab.train(data, model=model, epochs=2, batch_size=20, out=out, verbose=0)

    run = Run(once(f"c-{request.node.callspec.id}", train))
    rows = rows_to_check(run, data)
    mlplab.export(run, "c", tmp_path / "network.h", data=data)
    in_c, scores = predict_in_c(tmp_path, rows.inputs, 2)
    assert not scores[:, 0].any()
    clear = np.abs(rows.probabilities[:, 1] - 0.5) > 0.02
    np.testing.assert_array_equal(in_c[clear], rows.probabilities.argmax(1)[clear])


def test_no_numbers_overflow(rng, tmp_path):
    """Units without weights, with huge and tiny ones, and images at which sums are as large as they can be."""
    kernel = rng.normal(size=(300, 9)) * np.array([0, 0, 1e-12, 1e-6, 1e-3, 1, 1, 1e3, 1e6])
    bias = np.array([0, 5, 1, -1, 1e6, 1e5, -1e5, -1e9, 1e3])
    hidden = Dense(kernel, bias, Activation("relu"))
    second = Dense(rng.normal(size=(9, 7)), rng.normal(size=7), Activation("tanh"))
    last = Dense(rng.normal(size=(7, 4)) * [0, 1e-9, 1, 1e5], np.array([-1e9, 0, 0, 1e9]))
    fitting = [255 * (kernel.T > 0), 255 * (kernel.T < 0), np.zeros((1, 300)), np.full((1, 300), 255)]
    images = np.concatenate([*fitting, rng.integers(0, 256, (50, 300))]).astype(np.uint8)
    alike = Dense(np.ones((300, 3)), np.zeros(3))  # the first of equal scores counts
    for number, parts in enumerate([(hidden, second, last), (Dense(kernel, bias),), (alike,)]):
        network = quantised(Chain(None, parts), images[-20:])
        assert all((np.abs(layer.weights) <= 127).all() for layer in network.layers)
        (folder := tmp_path / str(number)).mkdir()
        write_header(folder, network)
        classes, scores = network.predict(images)
        in_c, scores_in_c = predict_in_c(folder, images, network.classes)
        np.testing.assert_array_equal(scores_in_c, scores)
        np.testing.assert_array_equal(in_c, classes)


def test_a_pixel_that_each_layer_sees_alone(rng, tmp_path):
    """Softmax regression on encoded pixels, more than 65,535 inputs in all."""
    code = np.sin(np.arange(256)[:, None] * [0.01, 0.1, 1.0])
    chain = Chain(code, (Dense(rng.normal(size=(66_000, 2)) / 250, np.zeros(2)),))
    images = rng.integers(0, 256, (30, 22_000)).astype(np.uint8)
    network = quantised(chain, images)
    write_header(tmp_path, network)
    _, scores = predict_in_c(tmp_path, images, 2)
    np.testing.assert_array_equal(scores, network.predict(images)[1])
    np.testing.assert_allclose(np.ldexp(scores.astype(float), -network.score_bits), logits_of(chain, images), atol=0.1)


def test_it_needs_no_library_and_no_floating_point(digits_run, tmp_path):
    mlplab.export(digits_run, "c", tmp_path / "network.h")
    alone = ("-std=c99", *STRICT, "-O2", "-ffreestanding", "-nostdlib", "-static", f"-I{tmp_path}")
    text = re.sub(r"/\*.*?\*/", "", (tmp_path / "network.h").read_text("ascii"), flags=re.DOTALL)
    assert re.findall(r"#\s*include.*", text) == ["#include <stdint.h>"]
    assert not re.search(r"\b(float|double|malloc)\b|\d\.\d", text)
    compile_c("gcc", *alone, PROGRAMS / "bare.c", "-o", tmp_path / "bare")


def test_sizes_are_those_of_its_arrays(any_run, tmp_path):
    run, data = any_run("encoded")
    mlplab.export(run, "c", tmp_path / "network.h", data=data)
    compile_c("gcc", "-std=c99", "-O0", f"-I{tmp_path}", "-c", PROGRAMS / "bare.c", "-o", tmp_path / "bare.o")
    symbols = subprocess.run(["nm", "-S", tmp_path / "bare.o"], capture_output=True, text=True, check=True).stdout
    constants = [line.split() for line in symbols.splitlines() if re.search(r" [rR] network_", line)]
    flash = re.search(r"#define NETWORK_FLASH_BYTES (\d+)", (tmp_path / "network.h").read_text("ascii"))
    assert sum(int(size, 16) for _, size, *_ in constants) == int(flash[1])


def test_names_of_any_kind(rng, tmp_path):
    """Texts of strangers stay texts: names of classes in C, of files and runs in comments."""
    names = ('a"b', "what??/", "\\", "*/ int", "9", "größer\n", "%s", "\0x")
    network = quantised(
        Chain(None, (Dense(rng.normal(size=(4, 8)), np.zeros(8)),)), rng.integers(0, 256, (9, 4)).astype(np.uint8)
    )
    write_header(tmp_path, network, class_names=names, run="*/ #error\n??/")
    program = '#include <stdio.h>\n#include "network.h"\nint main(void) { fwrite(network_class_names, 1, sizeof '
    (tmp_path / "names.c").write_text(program + "network_class_names, stdout); return 0; }\n")
    compile_c("gcc", "-std=c99", *STRICT, *SANITIZED, tmp_path / "names.c", "-o", tmp_path / "names")
    written = subprocess.run([tmp_path / "names"], capture_output=True, check=True).stdout
    width = len("größer\n".encode()) + 1
    assert written == b"".join(name.encode().ljust(width, b"\0") for name in names)
    assert [prefix(file) for file in ("network.h", "9 lives-é.h", "_.h", "my-run.2.h")] == [
        "network",
        "network_9_lives",
        "network",
        "my_run_2",
    ]


def test_what_has_no_form_in_c_is_named():
    def one(*parts, shape=(4,)):
        inputs = keras.Input(shape)
        x = inputs
        for part in parts:
            x = part(x)
        operations, output = operations_of_model(keras.Model(inputs, layers.Dense(3, "softmax")(x)), "input")
        return chain_of(Graph(shape, 3, tuple(operations), output))

    def skip(x):
        return layers.Add(name="sum")([x, layers.Dense(4)(x)])

    def fork(x):
        return layers.Add()([layers.Dense(3)(x), layers.Dense(3, name="fork")(x)])

    for what, parts, shape in (
        (r"norm \(normalisation of each row\)", [layers.LayerNormalization(name="norm")], (4,)),
        (r"sum \(merging by add\)", [skip], (4,)),
        (r"fork \(on a branch\)", [fork], (4,)),
        (r"slopes \(activation prelu\)", [layers.Dense(4), layers.PReLU(name="slopes")], (4,)),
        (r"inner \(activation softmax\)", [layers.Dense(4, "softmax", name="inner")], (4,)),
        (r"rows \(dense along the last axis\)", [layers.Dense(2, name="rows"), layers.Flatten()], (3, 4)),
        (r"again \(activation tanh\)", [layers.Dense(4, "relu"), layers.Activation("tanh", name="again")], (4,)),
    ):
        with pytest.raises(ModelError, match=f"The layer {what} has no form in C here"):
            one(*parts, shape=shape)
    assert one(layers.Dense(5, "relu"), layers.Dropout(0.5)).widths == (4, 5, 3)


@pytest.mark.parametrize("shape", [(2, 3), (6, 1)])
def test_units_in_another_shape_before_their_activation(shape, rng):
    parts = [layers.Dense(6), layers.Reshape(shape), layers.Rescaling(2.0), layers.ReLU(), layers.Flatten()]
    model = keras.Sequential([keras.Input((6,)), *parts, layers.Dense(3, "softmax")])
    operations, _ = operations_of_model(model, "input")
    pixels = rng.integers(0, 256, (20, 6)).astype(np.uint8)
    logits = logits_of(chain_of(Graph((6,), 3, tuple(operations), "")), pixels)
    np.testing.assert_allclose(softmax(logits), np.asarray(model(pixels / 255 * 255)), atol=1e-4)


def test_runs_that_do_not_fit_are_refused(any_run, tmp_path):
    run, data = any_run("binary")
    with pytest.raises(ModelError, match=r"takes 8-bit pixels .* trained on float32 inputs"):
        mlplab.export(run, "c", tmp_path / "binary.h", data=data)
    run, _ = any_run("population")
    with pytest.raises(RunError, match=r"population of \d networks, .* Export a member: mlplab\.export\("):
        mlplab.export(run, "c", tmp_path / "population.h")
    assert not list(tmp_path.iterdir())
    assert mlplab.export(run.members[0], "c", tmp_path / "member.h").check.real


def test_a_run_whose_data_is_not_at_hand(unbalanced_run, tmp_path):
    exported = mlplab.export(unbalanced_run, "c", tmp_path / "network.h")
    assert not exported.check.real
    assert any(note.startswith("Random inputs chose the ranges of its numbers") for note in exported.notes)


def test_images_of_another_kind_are_refused(digits_run):
    network = integer_network(digits_run)
    for images in (np.zeros((2, 8, 8)), np.zeros((2, 9, 8), np.uint8)):
        with pytest.raises(DataError, match=r"Expected 8-bit images \(uint8\) of 64 numbers"):
            network.predict(images)
    assert network.predict(np.zeros((0, 8, 8), np.uint8))[1].shape == (0, 10)
