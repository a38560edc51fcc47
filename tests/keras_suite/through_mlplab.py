"""A pytest plugin for Keras's own tests: models train, are evaluated and predict by mlplab.

    pytest -p through_mlplab --mlplab --outcomes FILE …/keras/src/trainers/trainer_test.py

Without `--mlplab`, Keras does it. FILE gets a JSON line for each test: its name, its outcome, how often it called
`fit`, `evaluate` or `predict`, and how often for a model compiled with run_eagerly=True, which Keras's own loop runs.
"""

import functools
import json
from collections import Counter
from typing import Any

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


def pytest_configure(config: pytest.Config) -> None:
    for method in METHODS:
        _replace(method, getattr(engine, method) if config.getoption("mlplab") else None)
    # Keras's tests also train objects that are a `Trainer` and a `Layer`, but no `keras.Model`.
    checks.check_model = lambda model, verb: None


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
    outcome = _outcomes.setdefault(report.nodeid, {"outcome": "passed"})
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
