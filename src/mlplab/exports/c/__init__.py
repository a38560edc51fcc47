"""Runs as one C99 header of whole numbers, for a microcontroller.

- `chain.py`: graphs of operations → chains of dense layers
- `quantising.py`: chains → whole numbers of 8 bits
- `integers.py`: networks in whole numbers, and their arithmetic in NumPy
- `header.py`: networks in whole numbers → C
- `writing.py`: the header of a run, what it predicts, and what it costs
"""

from mlplab.exports.c.integers import IntegerNetwork
from mlplab.exports.c.writing import integer_network, write

__all__ = ["IntegerNetwork", "integer_network", "write"]
