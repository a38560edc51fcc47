"""Settings are declared once: what they take, who reads the declaration, and what one more of them needs."""

import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mlplab
from mlplab.errors import UsageError
from mlplab.runs import Settings, settings_types
from mlplab.runs.settings import SETTINGS
from mlplab.runs.settings_arguments import training_call, types_source

ROOT = Path(__file__).parents[2]
CHOSEN = st.builds(
    Settings,
    hidden=st.lists(st.integers(1, 4096), max_size=4),
    dropout=st.floats(0, 0.99),
    batch_norm=st.booleans(),
    weight_decay=st.none() | st.floats(0, 0.9),
    epochs=st.integers(1, 10**6),
    early_stopping=st.integers(0, 100),
    validation=st.floats(0.01, 0.9),
    seed=st.just(0),
)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of at least 1; got 0"),
        ({"epochs": 2.5}, "epochs must be a whole number of at least 1; got 2.5"),
        ({"epochs": True}, "epochs must be a whole number of at least 1; got True"),
        ({"dropout": 1.0}, "dropout must be a fraction from 0 to below 1; got 1.0"),
        ({"dropout": "0.5"}, "dropout must be a fraction from 0 to below 1; got '0.5'"),
        ({"hidden": (20, 0)}, r"hidden must be a list with the units .* got \(20, 0\)"),
        ({"hidden": "20"}, "hidden must be a list with the units .* got '20'"),
        ({"hidden": 0}, r"hidden must be a list with the units .* got \(0,\)"),
        ({"hidden": np.array([8.5])}, r"hidden must be a list with the units .* got \(8.5,\)"),
        ({"epochs": np.float64(2)}, "epochs must be a whole number of at least 1; got 2.0"),
        ({"batch_norm": np.int64(1)}, "batch_norm must be True or False; got 1"),
        ({"activation": 3}, "activation must be a name; got 3"),
        ({"batch_norm": 1}, "batch_norm must be True or False; got 1"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"schedule": "step"}, "schedule must be one of none, cosine, linear-end; got 'step'"),
        ({"learning_rate": 0.0}, "learning_rate must be a number above 0"),
        ({"augment": "turn"}, r"augment must be none, or flip, shift, .* and elastic with \+ between, .*; got 'turn'"),
        ({"augment": "flip+flip"}, "augment must be none, or flip"),
        ({"augment": "flip:2"}, "augment must be none, or flip"),
        ({"augment": "shift:nan+rotate"}, "augment must be none, or flip"),
        ({"augment": "rotate:"}, "augment must be none, or flip"),
        ({"augment": "scale:1"}, "augment must be none, or flip, .* below 1"),
        ({"augment": "shift:0.3"}, r"augment must be none, or flip, .* \(shift by whole pixels; rotate"),
        ({"augment": "rotate: 10 "}, "augment must be none, or flip"),
        ({"augment": "rotate:1_0"}, "augment must be none, or flip"),
        ({"mixup": 0.2, "class_weight": "balanced"}, "mixup makes rows of two classes"),
        ({"pixel_encoding": 1}, "pixel_encoding must be 0, or a whole number of at least 2; got 1"),
        ({"pixel_encoding": 4, "standardize": True}, "pixel_encoding takes pixels from 0 to 1, and standardize"),
        ({"noise": -0.1}, "noise must be a number of at least 0; got -0.1"),
        ({"weight_decay": -0.1}, "weight_decay must be a fraction"),
        ({"validation": 0, "early_stopping": 3}, "early_stopping=3 needs held-out rows .* Give validation"),
        ({"labelled": 0}, "labelled must be a number of rows"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_wrong_values_are_refused_with_the_name_of_the_python_argument(wrong, message):
    with pytest.raises(UsageError, match=message):
        Settings(**wrong)


def test_numbers_of_numpy_are_numbers():
    chosen = Settings(
        hidden=np.array([8, 4]),
        dropout=np.float32(0.25),
        batch_norm=np.True_,
        learning_rate=np.array(0.5),
        epochs=np.int64(2),
        seed=np.uint8(1),
    )
    plain = Settings(hidden=(8, 4), dropout=0.25, batch_norm=True, learning_rate=0.5, epochs=2, seed=1)
    assert chosen == plain
    assert repr(chosen) == repr(plain)
    assert Settings(hidden=20) == Settings(hidden=np.int64(20)) == Settings(hidden=[np.int32(20)])


def test_without_hidden_the_defaults_are_those_of_a_sensible_network():
    plain, sensible = Settings.with_defaults(hidden=[20]), Settings.with_defaults(learning_rate=None)
    assert (plain.dropout, plain.schedule, plain.epochs, plain.early_stopping) == (0, "none", 10, 0)
    assert (sensible.hidden, sensible.dropout, sensible.schedule) == ((256, 128), 0.2, "cosine")
    assert (sensible.epochs, sensible.batch_size, sensible.early_stopping) == (30, 128, 10)
    assert Settings.with_defaults(validation=0).early_stopping == 0
    with pytest.raises(UsageError, match="give model, or hidden and dropout, not both"):
        Settings.with_defaults(own_model=True, hidden=[4], dropout=0.1, epochs=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(CHOSEN)
def test_the_arguments_of_settings_give_the_same_settings(chosen):
    assert Settings.with_defaults(**chosen.arguments()) == chosen


def test_the_printed_call_is_a_command_or_python():
    arguments = Settings(hidden=(32, 16), batch_norm=True, weight_decay=0.05).arguments()
    flags = "--hidden 32,16 --batch-norm --learning-rate 0.001 --weight-decay 0.05 --epochs 10 --batch-size 32"
    assert training_call("my data.npz", arguments) == f"mlplab train 'my data.npz' {flags}"
    assert training_call(None, arguments).startswith("mlplab.train(data, hidden=[32, 16], batch_norm=True, learning_")


@pytest.mark.parametrize("name", ["train", "find_learning_rate", "learning_curve"])
def test_signatures_list_the_settings_and_misspelt_arguments_get_a_suggestion(name):
    function = getattr(mlplab, name)
    left_out = {
        "find_learning_rate": {"learning_rate", "early_stopping", "swa", "ladder"},
        "learning_curve": {"ladder"},
        "train": set(),
    }[name]
    assert SETTINGS.keys() - left_out <= inspect.signature(function).parameters.keys()
    with pytest.raises(UsageError, match=r"Unknown argument 'batchsize'\. Did you mean 'batch_size'"):
        function("digits", batchsize=3)
    for omitted in left_out:
        with pytest.raises(UsageError, match=f"Leave out {omitted}: "):
            function("digits", **{omitted: 1})


def test_the_types_for_editors_are_those_of_the_declaration():
    assert Path(settings_types.__file__).read_text("utf-8") == types_source(), "run: make settings"


NEW = '    momentum: float = setting(0.5, "A new setting.", _FRACTION, of_model=True)\n'
USES = """
import json, sys
from mlplab.runs.settings_arguments import training_call, write_types
write_types()
import mlplab
from mlplab.cli import app
from mlplab.runs.settings_types import SettingsArguments
from mlplab.tuning.parameters import Range
from mlplab.tuning.space import Space
from typer.testing import CliRunner

assert "momentum" in SettingsArguments.__annotations__
for verb in ("train", "lr", "learning-curve"):
    assert "--momentum" in CliRunner().invoke(app, [verb, "--help"]).output, verb
run = mlplab.train("digits", hidden=[2], epochs=1, momentum=0.25, out="run", verbose=0)
assert json.load(open("run/config.json"))["settings"]["momentum"] == 0.25
assert "--momentum 0.25" in training_call("digits", run.config.settings.arguments())
open("space.toml", "w").write("hidden = [8]\\nmomentum = {low = 0.1, high = 0.4}\\n")
assert Space.of("space.toml").varied == {"momentum": Range(0.1, 0.4)}
try:
    mlplab.train("digits", momentum=2)
except mlplab.errors.UsageError as error:
    assert str(error) == "momentum must be a fraction from 0 to below 1; got 2."
old = mlplab.Run(sys.argv[1])
assert (old.config.settings.momentum, old.result is not None) == (0.5, True)
"""


@pytest.mark.slow
def test_a_new_setting_is_one_entry(tmp_path):
    source = shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    declaration = source / "mlplab" / "runs" / "settings.py"
    declaration.write_text(declaration.read_text("utf-8").replace("    seed: int =", f"{NEW}    seed: int ="), "utf-8")
    old_run = ROOT / "tests" / "compatibility" / "0.1.0" / "run-finished"
    environment = os.environ | {"PYTHONPATH": str(source), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", USES, old_run],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
