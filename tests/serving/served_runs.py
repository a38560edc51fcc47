"""Runs as a server keeps them."""

import shutil
from pathlib import Path

import mlplab
from mlplab import Run
from mlplab.exports.identity import weights_sha256
from mlplab.serving.run_files import ONNX, PAGE, mark


def with_network(run: Run, out: Path, with_page: bool = True) -> Path:
    """Copy a run, with the files that a server would have made by child processes."""
    shutil.copytree(run.path, out)
    copy = Run(out)
    copy.directory.keep_file(ONNX, mlplab.export(run, "onnx", out.with_suffix(".onnx")).path.read_bytes())
    if with_page and len(run.config.input_shape) > 1:
        html = mlplab.export(run, "html", out.with_suffix(".html")).path.read_text()
        copy.directory.keep_file(PAGE, (html + mark(weights_sha256(run))).encode())
    return out
