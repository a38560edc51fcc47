"""What a declaration of a setting says: its name, kind, default, help, and which values it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from mlplab.errors import plain_number, require


class Check(NamedTuple):
    """The values that a setting takes: in words, and whether a value of its kind is one of them."""

    expected: str
    valid: Callable[[Any], bool] = lambda _: True


_KINDS = {bool: Check("True or False"), int: Check("a whole number"), float: Check("a number"), str: Check("a name")}


@dataclass(frozen=True)
class Setting:
    """What is known of one setting.

    Attributes:
        name, kind, default: of the field; kind is bool (with the default False), int, float, str, tuple (of units) or
            dict (of numbers by name, or a word in place of it).
        help: what it is, for the command line and for editors.
        check: which values it takes; None: all of its kind.
        of_model: whether a compiled model of the user's own decides it.
        without_hidden: default where neither `hidden` nor a model is given, if that is another one.
        metavar: how the command line's help shows the value.
        compiled_in: whether a program is compiled for each value of a number, as it decides what a step computes. Other
            fractions and rates are arguments of one program.
        fixed_in_space: why a study's space takes one value of it; not_in_space: why it takes none.
    """

    name: str
    kind: type
    default: Any
    help: str
    check: Check | None = None
    of_model: bool = False
    without_hidden: Any = None
    metavar: str | None = None
    compiled_in: bool = False
    fixed_in_space: str | None = None
    not_in_space: str | None = None

    def plain(self, value: Any) -> Any:
        """Return a value with Python's own numbers in place of NumPy's. Of units a tuple, also of a single number."""
        value = plain_number(value)
        if isinstance(value, Mapping):
            return {str(name): plain_number(number) for name, number in value.items()}
        if self.kind is not tuple:
            return value
        if is_kind(value, int):
            return (value,)
        return tuple(map(plain_number, value)) if hasattr(value, "__iter__") and not isinstance(value, str) else value

    def require(self, value: Any) -> None:
        """Raise `UsageError` for a value that the setting cannot have."""
        check = self.check or _KINDS[self.kind]
        if value is not None or self.default is not None:
            require(is_kind(value, self.kind) and check.valid(value), self.name, value, check.expected)


def is_kind(value: Any, kind: type) -> bool:
    """Whether a value is of a setting's kind: True is no number, and a whole number is a number."""
    if kind is tuple:
        return isinstance(value, tuple) and all(is_kind(part, int) for part in value)
    if kind is dict:
        return isinstance(value, str | dict)
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int | float if kind is float else kind)


def setting(default: Any, help: str, check: Check | None = None, **more: Any) -> Any:
    """A field of `Settings`; see `Setting` for the arguments."""
    return field(default=default, metadata={"help": help, "check": check, **more})
