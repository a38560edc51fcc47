"""`mlplab`, and `python -m mlplab`."""

import sys


def main() -> None:
    """Run the command line. Ctrl-C ends it with 130, also while it is still being imported."""
    try:
        from mlplab.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
