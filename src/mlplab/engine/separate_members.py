"""Whether the members of a population are networks of their own: none trains a part of another."""

from collections.abc import Sequence
from typing import Any

from mlplab.engine import keras_internals
from mlplab.engine.backend import keras
from mlplab.engine.member import Member
from mlplab.errors import UsageError


def check_separate(members: Sequence[Member]) -> None:
    """Raises `UsageError` if two members have one model, or share a layer that training changes.

    A frozen layer, such as a base that was trained before, may be shared.
    """
    owners: dict[int, int] = {}
    for number, member in enumerate(members):
        shared: dict[int, list[Any]] = {}
        for variable in [*member.model.trainable_variables, *member.model.non_trainable_variables]:
            owner = owners.setdefault(id(variable), number)
            if owner != number:
                shared.setdefault(owner, []).append(variable)
        for owner, variables in shared.items():
            _check_pair(members, owner, number, variables)


def _check_pair(members: Sequence[Member], first: int, second: int, shared: list[Any]) -> None:
    model = members[first].model
    if model is members[second].model:
        raise UsageError(
            f"build must make a new model for each member; it returned one and the same for members {first} and "
            f"{second}. Make the model inside build."
        )
    if changed := [v for member in (members[first], members[second]) for v in _changed(member, shared)]:
        names = ", ".join(dict.fromkeys(repr(_layer_name(model, variable)) for variable in changed))
        raise UsageError(
            f"build must make new layers for each member; members {first} and {second} share {names}, which training "
            "changes. Make them inside build; or, if every member is to use them as they are, freeze them "
            "(layer.trainable = False) and call them with training=False."
        )


def _changed(member: Member, variables: list[Any]) -> list[Any]:
    """Return those variables that the training of a member changes: trainable ones, seeds, moving averages."""
    trainable = set(map(id, member.model.trainable_variables))
    rest = [variable for variable in variables if id(variable) not in trainable]
    changed = [variable for variable in variables if id(variable) in trainable]
    return changed + keras_internals.assigned_in_call(member.model, member.shapes[0], rest, training=True)


def _layer_name(model: keras.Model, variable: Any) -> str:
    """Return the name of the model's layer that has a variable."""
    return next((p.name for p in model.layers if any(v is variable for v in p.variables)), variable.path)
