"""Sentences about mistakes, in a learner's words."""

import math
from typing import Any

SOFTMAX_TWICE = "Your model has softmax twice: in the output layer and in a layer after it. Remove one of them."
TEST_SET = "Your validation loss is the loss on the test images. After choosing with it you have no test left."
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
    if name in _ARRAYS:
        return _ARRAYS[name]
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def shapes(shapes: list[tuple[int | None, ...]]) -> str:
    return " and ".join(map(str, shapes)) or "nothing"


def numbers(outputs: list[tuple[int | None, ...]]) -> str:
    """Describe outputs of these shapes: "20 numbers", "(28, 10) numbers"."""
    if len(outputs) == 1 and len(outputs[0]) == 1:
        return "1 number" if outputs[0] == (1,) else f"{outputs[0][0]} numbers"
    return f"{shapes(outputs)} numbers"


def epochs(number: float) -> str:
    return f"{number:.3g} {'epoch' if number == 1 else 'epochs'}"


def untrained(compiled_again: bool) -> str:
    if compiled_again:
        return (
            "Your model was compiled again after its training, and Keras forgot how it was trained. "
            "Build, compile and train it again, in this order."
        )
    return "Your model is not trained: its optimizer has not taken a step. mlplab.fit(model, …) is missing."


def other_steps(got: int, rows: int, batch_size: int) -> str:
    """Describe an epoch with a wrong number of steps."""
    sizes = (1, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1000, 1024, 2000, 2048)
    if likely := next((size for size in sizes if math.ceil(rows / size) == got), None):
        return f"Your batches have {likely:,} {'image' if likely == 1 else 'images'}; the task asks for {batch_size}."
    return (
        f"One of your epochs has {got:,} steps; {rows:,} images in batches of {batch_size} make "
        f"{math.ceil(rows / batch_size):,}. Was it trained on all images that the task names?"
    )


def other_epochs(got: float, asked: int, again: bool) -> str:
    """Describe a wrong number of epochs; `again`: fit was called more than once."""
    advice = " Running fit again continues the training: build the model again first." if again and got > asked else ""
    return f"Your model was trained for {epochs(got)}; the task asks for {asked}.{advice}"


def far_below(largest: float) -> str:
    """Advise on an accuracy that every trained network exceeds."""
    return (
        f"An accuracy so low has two usual reasons: the pixels were not divided by {largest:g} before training, or "
        "images and labels are in different orders."
    )
