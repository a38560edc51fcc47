"""Workers that carry out tasks: this process, or the nodes of a Ray cluster. Only this package imports Ray.

workers.py      `workers`: tasks → results, here or on a cluster
connection.py   the connection to Ray
"""

from mlplab.cluster.workers import Workers, workers

__all__ = ["Workers", "workers"]
