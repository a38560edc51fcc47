"""Files and directories that are always whole: each appears, or takes the place of an old one, in one moment.

writing.py        JSON, NPZ, safetensors and text, written beside the old file and renamed
reading.py        the same formats; a file that is missing or damaged is a `RunError`
directories.py    directories of runs, studies and sweeps: made, locked, removed; how each is resumed
"""

from mlplab.files.directories import DIVERGED, KINDS, create_directory, free_path, locked, remove_directory, resuming
from mlplab.files.reading import check_sha256, read_arrays, read_json, read_lines, read_tensors, sha256
from mlplab.files.writing import (
    append_line,
    check_output,
    json_bytes,
    optional,
    tensor_bytes,
    write_arrays,
    write_bytes,
    write_json,
    write_lines,
    write_output,
    write_tensors,
    write_text,
)

__all__ = [
    "DIVERGED", "KINDS", "append_line", "check_output", "check_sha256", "create_directory", "free_path", "json_bytes",
    "locked", "optional", "read_arrays", "read_json", "read_lines", "read_tensors", "remove_directory", "resuming",
    "sha256", "tensor_bytes", "write_arrays", "write_bytes", "write_json", "write_lines", "write_output",
    "write_tensors", "write_text",
]  # fmt: skip
