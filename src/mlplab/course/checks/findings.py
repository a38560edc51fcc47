"""What a check can find: a sentence that holds (a plain string), a value to judge, a target, or something wrong."""

from collections.abc import Callable
from dataclasses import dataclass


class Wrong(Exception):
    """Something that does not hold. The message is the answer's first line: what came, what the task asks for."""


@dataclass(frozen=True)
class Measured:
    """A value that is to lie in the range that the solution reaches over seeds.

    Attributes:
        name: what it is, "test accuracy".
        value: the learner's.
        below, above: a sentence for a value outside the range, to come after the numbers; None: such a value passes.
    """

    name: str
    value: float
    below: str | None = "Was it trained as the task says? If it was, train once more with another seed."
    above: str | None = "So much is not learnt from the training images alone: were test images among them?"


@dataclass(frozen=True)
class Target:
    """A validation accuracy that is to reach targets; see `targets`.

    Attributes:
        value, rows: the learner's, and of how many rows it is the mean.
        targets: in ascending order. The exercise is passed with the first.
        test: gives the test accuracy and its number of rows; called only where a target is
            claimed. It may raise `Wrong`, and nothing is claimed then.
        settings: what was handed in, in a few words, for the board.
    """

    value: float
    rows: int
    targets: tuple[float, ...]
    test: Callable[[], tuple[float, int]]
    settings: str
