"""Runs with their ONNX file, and servers that the tests of a module share."""

import made_data
import pytest
from served_runs import with_network
from server_process import Server

import mlplab
from mlplab import Run


@pytest.fixture(scope="session")
def digits_served(digits_run, once):
    """A small network on digits, with its ONNX file: no test writes into it."""
    return Run(once("digits-served", lambda out: with_network(digits_run, out)))


@pytest.fixture(scope="session")
def fashion_served(fashion_run, once):
    """The notebook's network on Fashion-MNIST, with its ONNX file: no test writes into it."""
    return Run(once("fashion-served", lambda out: with_network(fashion_run, out)))


@pytest.fixture(scope="session")
def colour_served(once):
    """A network on colour images 48×32 in 3 classes."""
    folder = once("colour-served-images", made_data.colour_folder)

    def make(out):
        run = mlplab.train(folder, hidden=[8], epochs=2, seed=0, out=out.with_name("colour-trained"), verbose=0)
        with_network(run, out)

    return Run(once("colour-served", make)), folder


@pytest.fixture(scope="session")
def embeddings_served(once):
    """A network on embeddings: rows of 24 numbers."""
    table = once("embeddings-served.parquet", made_data.embeddings)

    def make(out):
        run = mlplab.train(
            table, hidden=[8], epochs=2, seed=0, standardize=True, out=out.with_name("embeddings-trained"), verbose=0
        )
        with_network(run, out)

    return Run(once("embeddings-served", make))


@pytest.fixture(scope="module")
def server(digits_served, fashion_served):
    """A server with two models, digits and fashion."""
    with Server(f"digits={digits_served.path}", f"fashion={fashion_served.path}") as running:
        yield running
