"""Functions that build an uncompiled `keras.Model`.

mlp.py       the dense network
ladder.py    the ladder network with its authors' settings; ladder_network.py: the model; combinator.py: a layer of it
schedules.py learning rates
"""

from mlplab.models.ladder import ladder
from mlplab.models.ladder_network import LadderNetwork
from mlplab.models.mlp import mlp
from mlplab.models.schedules import constant_then_linear

__all__ = ["LadderNetwork", "constant_then_linear", "ladder", "mlp"]
