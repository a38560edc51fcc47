"""What a check can find: a correct property (a plain sentence), a value to compare, a target, or a mistake."""

from collections.abc import Callable
from dataclasses import dataclass


class WrongAnswer(Exception):
    """A mistake. Its message is the answer's first line: what came, what the task asks for."""


Wrong = WrongAnswer  # the name in exercises written before the release


@dataclass(frozen=True)
class Measured:
    """A value that must lie in the range that the solution reaches over seeds.

    Attributes:
        name: what was measured, "test accuracy".
        value: the learner's value.
        below, above: advice for a value outside the range, printed after the numbers; None: such a value passes.
    """

    name: str
    value: float
    below: str | None = "Was it trained as the task says? If it was, train once more with another seed."
    above: str | None = "The training images alone do not lead to so high an accuracy: were test images among them?"


@dataclass(frozen=True)
class Target:
    """A validation accuracy that must reach targets; see `targets`.

    Attributes:
        value: the learner's validation accuracy.
        rows: number of validation rows.
        targets: in ascending order. The first one passes the exercise.
        test: returns the test accuracy and its number of rows; called only when a target is claimed. If it raises
            `WrongAnswer`, nothing is claimed.
        settings: the model in a few words, for the board.
    """

    value: float
    rows: int
    targets: tuple[float, ...]
    test: Callable[[], tuple[float, int]]
    settings: str
