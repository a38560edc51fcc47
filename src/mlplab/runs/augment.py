"""The setting `augment`: which random changes of images there are, and how much each may change."""

import re
from collections.abc import Callable

_AMOUNTS: dict[str, Callable[[float], bool]] = {
    "flip": lambda _: False,  # it has none
    "shift": lambda pixels: pixels >= 1 and pixels.is_integer(),
    "rotate": lambda degrees: 0 < degrees <= 180,
    "scale": lambda fraction: 0 < fraction < 1,
    "elastic": lambda fraction: 0 < fraction < 1,
}
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?")
CHANGES = tuple(_AMOUNTS)


def changes(augment: str) -> dict[str, float | None]:
    """Return the amount of each change that a setting such as "shift+rotate:10" names, None for its usual amount.

    Raises:
        ValueError: for a text that is no such setting.
    """
    found: dict[str, float | None] = {}
    for part in () if augment == "none" else augment.split("+"):
        name, colon, text = part.partition(":")
        if colon and not _NUMBER.fullmatch(text):
            raise ValueError(f"no amount: {text!r}")
        amount = float(text) if colon else None
        if name not in _AMOUNTS or name in found or (amount is not None and not _AMOUNTS[name](amount)):
            raise ValueError(f"no change of images: {part!r}")
        found[name] = amount
    return found


def is_valid(augment: str) -> bool:
    """Whether a text is a setting `augment`."""
    try:
        changes(augment)
    except ValueError:
        return False
    return True
