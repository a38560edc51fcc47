"""`python -m mlplab`."""

from mlplab.cli import main

main()
