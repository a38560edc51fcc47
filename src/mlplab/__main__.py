"""`mlplab`, and `python -m mlplab`."""

import atexit
import os
import sys


def main() -> None:
    """Run the command line. Ctrl-C ends it with 130, also while it is still being imported."""
    code: object = 0
    atexit.register(lambda: _end(code))  # the first that is registered is the last that runs
    try:
        from mlplab.cli import main as run

        run()
    except KeyboardInterrupt:
        code = 130
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        code = None  # Python says which error it was
        raise
    sys.exit(code)


def _end(code: object) -> None:
    """End the process with an exit code, all that was to be done at its end being done.

    Python itself would now take apart all of JAX and Keras, object by object.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # closed: Python has an exit code for that
        return
    if isinstance(code, int):
        os._exit(code)


if __name__ == "__main__":
    main()
