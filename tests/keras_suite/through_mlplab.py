"""A pytest plugin for Keras's own tests: models train, are evaluated and predict by mlplab.

    pytest -p through_mlplab --mlplab --outcomes FILE --only NAMES …/keras/src/trainers/trainer_test.py

Without `--mlplab`, Keras does it; without `--only`, all tests run. FILE gets a JSON line for each test: its name, its
outcome, how often it called `fit`, `evaluate` or `predict`, and how often for a model compiled with run_eagerly=True,
which Keras's own loop runs.
"""

import functools
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import keras
import pytest
from keras.src.backend.jax.trainer import JAXTrainer

from mlplab import engine
from mlplab.engine import checks

METHODS = ("fit", "evaluate", "predict")

_calls: Counter[str] = Counter()
_outcomes: dict[str, dict[str, Any]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mlplab", action="store_true", help="mlplab trains, evaluates and predicts")
    parser.addoption("--outcomes", help="the file for the outcomes, a JSON line for each test")
    parser.addoption("--only", help="a file with the names of the tests to run, a line each")


def skip_if_backend(backend: str, reason: str) -> pytest.MarkDecorator:
    """Mark a test that Keras skips on one of its backends."""
    return pytest.mark.skipif(keras.backend.backend() == backend, reason=reason)


def pytest_configure(config: pytest.Config) -> None:
    for method in METHODS:
        _replace(method, getattr(engine, method) if config.getoption("mlplab") else None)
    # Some of Keras's tests import this from the `conftest.py` of its repository, which the package does not have.
    sys.modules["conftest"] = sys.modules[__name__]
    # Keras's tests also train objects that are a `Trainer` and a `Layer`, but no `keras.Model`.
    checks.check_model = lambda model, verb: None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only: str | None = config.getoption("only")
    if only is not None:
        chosen = {*Path(only).read_text().splitlines()}
        items[:] = [item for item in items if _name(item.nodeid) in chosen]


def _name(test: str) -> str:
    """Return the name of a test without the addresses of objects that are its parameters."""
    return re.sub("0x[0-9a-f]+", "0x", test)


def _replace(method: str, ours: Any) -> None:
    """Count the calls of a method of Keras's trainer, and let `ours` do its work unless the model runs eagerly."""
    keras_method = getattr(JAXTrainer, method)

    @functools.wraps(keras_method)
    def call(model: Any, *arguments: Any, **named: Any) -> Any:
        _calls["calls"] += 1
        _calls["eager"] += bool(model.run_eagerly)
        chosen = keras_method if ours is None or model.run_eagerly else ours
        return chosen(model, *arguments, **named)

    setattr(JAXTrainer, method, call)


def pytest_runtest_setup() -> None:
    _calls.clear()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    outcome = _outcomes.setdefault(_name(report.nodeid), {"outcome": "passed"})
    if report.outcome != "passed":
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message if crash else str(report.longrepr)
        outcome |= {"outcome": report.outcome, "reason": reason.strip().splitlines()[0][:300]}
    if report.when == "call":
        outcome |= {"calls": _calls["calls"], "eager": _calls["eager"]}


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("outcomes")
    if path and _outcomes:
        with open(path, "a") as file:
            file.writelines(json.dumps({"test": test, **outcome}) + "\n" for test, outcome in _outcomes.items())
