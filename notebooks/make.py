"""Run the notebooks and keep their outputs.

A notebook is a pair of files. People edit and review the text form, `01-mlp.py`; this program runs it from top to
bottom and writes `01-mlp.ipynb` with the outputs. With the development tools installed:

    python notebooks/make.py           # all of them
    python notebooks/make.py 01-mlp    # this one

The kernel is the Python that runs this file. Its working folder is a temporary one, so that nobody's runs or progress
in the course change. The notebook has only what a reader sees: no times of execution, no random names of cells.
"""

import base64
import io
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

FOLDER = Path(__file__).resolve().parent
LONGEST_CELL = 300
"""Seconds."""


def names() -> list[str]:
    """List the notebooks in order: text forms whose names begin with a number."""
    return sorted(path.stem for path in FOLDER.glob("[0-9]*.py"))


def from_text(text: str) -> NotebookNode:
    """Convert a text form to a notebook without outputs, whose cells are named by their position."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(
        {
            "jupytext": {"formats": "ipynb,py:percent"},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = f"cell-{number:02}"
        cell.metadata = nbformat.from_dict({})
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in a new kernel, and fill in their outputs.

    Args:
        notebook: the notebook, changed in place.
        folder: the working folder, also for progress in the course.

    Returns:
        The notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails; the earlier cells have their outputs.
    """
    client = NotebookClient(
        notebook,
        timeout=LONGEST_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
    )
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    own = {"MLPLAB_COURSE": str(folder / "course"), "IPYTHONDIR": str(folder / "ipython")}
    client.execute(env={**environment, **own, "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
    return notebook


def with_small_pictures(notebook: NotebookNode) -> NotebookNode:
    """Give each picture 256 colours, enough for charts and grey images, and a third of the bytes. In place."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", ())):
        if picture := output.get("data", {}).get("image/png"):
            small = io.BytesIO()
            kept = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB").quantize(256)
            kept.save(small, "png", optimize=True)
            output.data["image/png"] = base64.b64encode(small.getvalue()).decode() + "\n"
    return notebook


def make(name: str) -> Path:
    """Run a text form and write the notebook with its outputs beside it."""
    notebook = from_text((FOLDER / f"{name}.py").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        with_small_pictures(execute(notebook, Path(folder)))
    path = FOLDER / f"{name}.ipynb"
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", "utf-8")
    return path


def main(wanted: Sequence[str]) -> None:
    """Run and write the named notebooks, or all."""
    unknown = set(wanted) - set(names())
    if unknown:
        sys.exit(f"There is no notebook {', '.join(sorted(unknown))}; there are {', '.join(names())}.")
    for name in wanted or names():
        started = time.perf_counter()
        path = make(name)
        print(f"{path.name}: {time.perf_counter() - started:.0f} s, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main([argument.removesuffix(".py") for argument in sys.argv[1:]])
