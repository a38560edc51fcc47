"""Read sources with at most 1 GB of memory: `python measure.py < SOURCES`, a JSON list of a path and arguments a line,
or of a path and the shape of one input of the network that is to predict what is there.

Prints a JSON object for each: the kind of error and its message (or null), seconds, and the most memory so far in MB.
"""

import importlib
import json
import re
import resource
import sys
import time
import warnings
from pathlib import Path

from targets import no_cache

from mlplab.datasets import load
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.readers.to_predict import read_rows_to_predict
from mlplab.datasets.reading import Reading
from mlplab.errors import MlplabError

LIMIT = 2**30


def main() -> None:
    no_cache()
    importlib.import_module("pyarrow.parquet")
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + LIMIT, resource.RLIM_INFINITY))
    warnings.simplefilter("ignore", UserWarning)
    for line in sys.stdin:
        path, how = json.loads(line)
        start, outcome = time.monotonic(), (None, None)
        try:
            load(path, quiet=True, **how) if isinstance(how, dict) else prepare(Path(path), tuple(how))
        except MlplabError as error:
            outcome = (type(error).__name__, str(error))
        except Exception as error:
            outcome = (type(error).__name__, repr(error))
        peak = int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) // 1024
        print(json.dumps([*outcome, time.monotonic() - start, peak]), flush=True)


def prepare(path: Path, shape: tuple[int, ...]) -> None:
    """Read and prepare what a network is to predict."""
    rows = read_rows_to_predict(path, Reading(), shape)
    preparation = Preparation.of(shape, Reading(), None, None, as_is=False)
    if not isinstance(rows.inputs, list):
        preparation.rows(rows.inputs, path.name, rows.content)
        return
    for result in preparation.pictures(rows.inputs):
        if isinstance(result, MlplabError):
            raise result


if __name__ == "__main__":
    main()
