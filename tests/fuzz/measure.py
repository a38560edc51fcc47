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

from prepared import prepare
from targets import no_cache

from mlplab.datasets import load
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
        except Exception as error:  # anything but MlplabError is what the test looks for
            outcome = (type(error).__name__, repr(error))
        peak = int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) // 1024
        print(json.dumps([*outcome, time.monotonic() - start, peak]), flush=True)


if __name__ == "__main__":
    main()
