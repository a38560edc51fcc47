"""Functions that build an uncompiled `keras.Model`, and what such models are made of.

mlp.py       the dense network
ladder.py    the ladder network with its authors' settings; ladder_network.py: the model; combinator.py: a layer of it
penalised.py a dense network with the penalty of scikit-learn
schedules.py learning rates
deformation.py   a layer that rotates, scales and deforms images at random
"""

from mlplab.models.deformation import RandomDeformation
from mlplab.models.ladder import ladder
from mlplab.models.ladder_network import LadderNetwork
from mlplab.models.mlp import mlp
from mlplab.models.schedules import constant_then_linear

__all__ = ["LadderNetwork", "RandomDeformation", "constant_then_linear", "ladder", "mlp"]
