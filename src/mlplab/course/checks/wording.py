"""Sentences about mistakes, in a learner's words."""

import math
from typing import Any

SOFTMAX_TWICE = "Your model has softmax twice: in the output layer and in a layer after it. Remove one of them."
TEST_SET = "Your validation loss is the loss on the test images. After choosing with it you have no test left."
UNTRAINED = "Your model is not trained: its optimizer has not taken a step. mlplab.fit(model, …) is missing."
COMPILED_AGAIN = (
    "Your model was compiled again after its training, and Keras forgot how it was trained. "
    "Build, compile and train it again, in this order."
)
_ARRAYS = {"ndarray": "a NumPy array", "ArrayImpl": "a JAX array"}


def no_model(value: Any, name: str) -> str:
    if value is None:
        return f"`{name}` is None: there is no model yet. Build one, and give it that name."
    if isinstance(getattr(value, "history", None), dict):
        return f"`{name}` is the History that fit returns; the task asks for the trained model."
    return f"`{name}` is {kind(value)}; the task asks for a Keras model."


def kind(value: Any) -> str:
    """Describe a value: "a list", "a model", "None", "the class Model, not an object of it"."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}, not an object of it"
    if hasattr(value, "layers") and hasattr(value, "predict"):
        return "a model"
    name = type(value).__name__
    return _ARRAYS.get(name) or with_article(name)


def with_article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def numbers(outputs: list[tuple[int | None, ...]]) -> str:
    """Describe outputs of these shapes: "20 numbers", "(28, 10) numbers"."""
    sizes = [shape[0] if len(outputs) == len(shape) == 1 else shape for shape in outputs]
    return f"{' and '.join(map(str, sizes))} {'number' if sizes == [1] else 'numbers'}"


def epochs(number: float) -> str:
    return f"{number:.3g} {'epoch' if number == 1 else 'epochs'}"


def other_steps(got: int, rows: int, batch_size: int) -> str:
    """Describe an epoch with a wrong number of steps, with a usual batch size that makes this number."""
    sizes = (1, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000, 1024, 2000, 2048)
    likely = next((f"batches of {size}" for size in sizes if math.ceil(rows / size) == got), "other batches")
    return (
        f"An epoch of {rows:,} images in batches of {batch_size} has {math.ceil(rows / batch_size):,} steps; yours has "
        f"{got:,}. Did you train in {likely}, or on other images?"
    )
