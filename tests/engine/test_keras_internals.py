"""Keras's private names are used in one file, so that a new Keras version is one file's work."""

import re
from pathlib import Path

import mlplab

SOURCE = Path(mlplab.__file__).parent
INTERNALS = SOURCE / "engine/keras_internals.py"
LISTED = SOURCE / "late_imports.py"
"""Lists modules, without which Keras works too; its own test says which are no more."""
MORE = ("_exclude_from_weight_decay", "_trainable_variables", "_flat_losses")


def test_no_other_file_uses_private_names_of_keras():
    text = INTERNALS.read_text()
    names = {*re.findall(r"\b(?!fresh)\w+\.(_[a-z]\w+)", text), *re.findall(r"\"(_[a-z]\w+)\"", text)} - {"_symbolic"}
    assert names >= set(MORE)
    private = re.compile(rf"keras\.src\.|keras\.src import|\b(?:{'|'.join(sorted(names))})\b")
    found = {
        str(path): private.findall(path.read_text()) for path in SOURCE.rglob("*.py") if path not in (INTERNALS, LISTED)
    }
    assert {path: names for path, names in found.items() if names} == {}
