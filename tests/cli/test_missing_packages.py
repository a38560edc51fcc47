"""What a person sees where an optional package is not installed: one message, its command, and one exit code."""

import importlib.metadata
import sys

import pytest
from command_line import mlplab, refused

CALLS = {
    "labels": ("cleanlab", ["labels", "RUN"], "Finding wrong labels needs cleanlab"),
    "data": ("pyarrow", ["data", "check", "rows.parquet"], "Reading Parquet needs pyarrow"),
    "export": ("onnx", ["export", "RUN", "--out", "network.onnx"], "Writing ONNX needs onnx"),
    "serve": ("starlette", ["serve", "RUN"], "A server needs starlette"),
    "tune": ("optuna", ["tune", "digits"], "Tuning needs optuna"),
    "cluster": ("ray", ["train", "digits", "--seeds", "2", "--ray", "local"], "A cluster needs ray"),
}
"""For each extra that verbs need: the package, a call, and the beginning of the message."""


def test_every_extra_is_here():
    extras = set(importlib.metadata.metadata("mlplab").get_all("Provides-Extra") or ())
    assert extras == {*CALLS, "notebook"}  # what notebooks are run in, which no verb needs


@pytest.mark.parametrize("extra", CALLS)
def test_a_missing_package_is_a_failure_that_says_what_to_type(extra, trained, tmp_path, monkeypatch):
    package, words, message = CALLS[extra]
    for name in list(sys.modules):
        if name.partition(".")[0] == package or name.startswith("mlplab.exports."):  # which import it as they begin
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # as Python has a package that is not there
    (tmp_path / "rows.parquet").touch()
    done = mlplab(*(trained[1] if word == "RUN" else word for word in words), cwd=tmp_path)
    assert refused(done, 1, f"{message}, which is not installed")
    assert done.stderr.strip().endswith(f': pip install "mlplab[{extra}]"')
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
