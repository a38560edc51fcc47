"""A population: one network in many variations, trained at once, each as it would be alone."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.engine import backend, checks, inputs, keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.driver import fit_members, run
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.engine.keras_internals import print_msg
from mlplab.engine.member import CLIPPING, Member, choose_traced
from mlplab.engine.passes import prediction
from mlplab.engine.population_progress import progress_printer
from mlplab.engine.predict import evaluate
from mlplab.engine.separate_members import check_separate
from mlplab.engine.signature import signature
from mlplab.engine.source import ArraySource, Source
from mlplab.engine.streams import StreamSource
from mlplab.engine.variations import build_model, named_variations
from mlplab.errors import DataError, ModelError, TrainingError, UsageError, require_whole


@dataclass(frozen=True)
class TrainedMember:
    """A member of a trained population.

    Attributes:
        variation: the arguments that it was built and trained with.
        model: trained.
        history: values by name, one an epoch.
        diverged: why its training stopped, its model as after its last good epoch; None if it was trained to the end.
    """

    variation: dict[str, Any]
    model: keras.Model
    history: dict[str, list[float]]
    diverged: str | None = None


class Population(Sequence[TrainedMember]):
    """The members that `fit_population` trained, in the order of the variations.

    Attributes:
        programs: the number of compiled programs that trained them.
    """

    def __init__(self, members: Sequence[TrainedMember], programs: int):
        self._members = tuple(members)
        self.programs = programs

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, position: Any) -> Any:
        return self._members[position]

    def __repr__(self) -> str:
        diverged = sum(member.diverged is not None for member in self)
        return f"Population({len(self)} members{f', {diverged} of them diverged' if diverged else ''})"

    def predict(self, x: Any, batch_size: int = 1000) -> np.ndarray:
        """Return the outputs of all members for rows x (n, …): (members, n, …). Their mean is the ensemble's.

        Raises:
            DataError, ModelError: data that the members cannot take, or networks with several outputs.
        """
        if keras_internals.is_stream(x):
            raise DataError("x must be arrays or a Source, since each member reads it; got a stream.")
        source = inputs.source_given(x, batch_size=batch_size)
        results = run([prediction(m.model, source, signature(m.model, training=False)) for m in self])
        if not all(isinstance(outputs, np.ndarray) for outputs, _ in results):
            raise ModelError("predict is for networks with one output: take mlplab.predict for each member.")
        for member, (_, after) in zip(self, results, strict=True):
            state.write_non_trainable(member.model, after)
        return np.stack([outputs for outputs, _ in results])

    def evaluate(self, x: Any, y: Any, batch_size: int = 1000) -> list[dict[str, float]]:
        """Return loss and metrics of each member by name, over rows x (n, …) with targets y."""
        return [evaluate(m.model, x, y, batch_size=batch_size, verbose=0, return_dict=True) for m in self]


@deferred_interrupt()
def fit_population(
    build: Callable[..., keras.Model],
    variations: int | Sequence[Mapping[str, Any]],
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 32,
    epochs: int = 1,
    verbose: int | str = "auto",
    callbacks: Callable[[dict[str, Any]], Sequence[keras.callbacks.Callback]] | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool | str = True,
    sample_weight: Any = None,
    seed: int = 0,
    packed: bool = True,
) -> Population:
    """Train one network in many variations at once, as one compiled program, over all cores or GPUs.

    Members whose models differ in seed, learning rate, weight decay, dropout rate, Gaussian noise, label smoothing, or
    L1 or L2 penalty are trained together. Any other difference makes another program: these are trained one after the
    other, epoch by epoch, and the difference is printed. Models with code of their own have a program each. A member
    is what it would be alone, its shuffling included: `keras.utils.set_random_seed(seed)`, `build(**variation)`, and
    `mlplab.fit` with that seed.

    A member whose loss or weights are no longer finite stops, with the reason in `diverged`; the others continue.

    Args:
        build: makes a new compiled model from the arguments in a variation. Members can share frozen layers only.
        variations: a dict for each member, of arguments of `build`, and `seed`, `batch_size` and `epochs`, which go to
            `build` only if it takes them. A number n means n seeds, from `seed` on.
        x, y, sample_weight, batch_size, epochs, validation_split, validation_data, shuffle, packed: as in `mlplab.fit`.
        verbose: 0 silent, 1 a bar with the best, the median and the worst member, 2 a line an epoch.
        callbacks: makes the Keras callbacks of a member from its variation; members cannot share callbacks.
        seed: of members whose variation has none.

    Returns:
        The trained members.

    Raises:
        UsageError, DataError, ModelError: before anything is trained.
        TrainingError: if every member diverged.

    Example:
        import mlplab
        from mlplab import keras

        (x, y), (x_test, y_test) = mlplab.load_data("digits")

        def build(learning_rate=0.001):
            model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
            model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
            return model

        variations = [{"seed": seed, "learning_rate": rate} for seed in (0, 1) for rate in (0.001, 0.01)]
        population = mlplab.fit_population(build, variations, x / 16, y, epochs=2, verbose=0)
        ensemble = population.predict(x_test / 16).mean(axis=0)
    """
    named = named_variations(build, variations, seed)
    epochs = checks.epochs(epochs)
    if callbacks is not None and not callable(callbacks):
        raise UsageError(
            "callbacks must be a function of a variation, since each member needs callbacks of its own: "
            f"callbacks=lambda variation: [keras.callbacks.EarlyStopping()]; got {type(callbacks).__name__}."
        )
    data, held_out = inputs.arrays_of((x, y, sample_weight)), validation_data
    if held_out is None and validation_split:
        data, held_out = inputs.split(data, validation_split)
    source = inputs.from_arrays(data, require_whole("batch_size", batch_size))
    validation = inputs.validation_source(held_out, batch_size)
    if isinstance(validation, StreamSource):
        raise DataError("validation_data must be arrays or a Source, since each member reads it; got a stream.")
    members: list[Member] = []
    for variation in named:
        rows = variation.get("batch_size", batch_size)
        member = Member(
            build_model(build, variation),
            source.reordered(batch_size=rows, shuffle=shuffle, seed=variation["seed"]),
            _in_batches(validation, held_out, rows),
            epochs=variation.get("epochs", epochs),
            callbacks=None if callbacks is None else _new_callbacks(callbacks(variation), members),
        )
        members.append(member)
    check_separate(members)
    choose_traced(members)
    programs = _programs(members, named)
    if verbose != 0:
        _print_what_slows_down(programs)
    fit_members(members, packed=packed, progress=progress_printer(members, verbose))
    if all(member.failure for member in members):
        raise TrainingError(f"All {len(members)} members diverged. The first: {members[0].failure} {CLIPPING}")
    trained = [
        TrainedMember(variation, member.model, member.model.history.history, member.failure)
        for variation, member in zip(named, members, strict=True)
    ]
    return Population(trained, len(programs))


def _new_callbacks(callbacks: Any, members: Sequence[Member]) -> list[keras.callbacks.Callback]:
    """Return callbacks as a list. Raises `UsageError` for no list, and if a member has one of them."""
    given = [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else callbacks or ()
    if not isinstance(given, Iterable):
        raise UsageError(f"callbacks must return a list of Keras callbacks for each member; got {callbacks!r}.")
    listed: list[keras.callbacks.Callback] = list(given)
    if any(callback in member.callbacks.callbacks for callback in listed for member in members):
        raise UsageError("callbacks must make new callbacks for each member: one that two have would follow one only.")
    return listed


def _in_batches(source: Source | None, data: Any, rows: int) -> Source | None:
    """Return the validation data in batches as large as the member's training batches, as `fit` makes them."""
    if not isinstance(source, ArraySource) or source is data:
        return source
    return source.reordered(batch_size=rows)


def _programs(members: Sequence[Member], variations: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Group the variations by the program that trains them."""
    programs: dict[Hashable, list[dict[str, Any]]] = {}
    for member, variation in zip(members, variations, strict=True):
        programs.setdefault((member.signature, member.source.steps), []).append(variation)
    return list(programs.values())


def _print_what_slows_down(programs: list[list[dict[str, Any]]]) -> None:
    """Print why members do not train all at once, or not on all cores."""
    if len(programs) > 1:
        print_msg(_difference(programs))
    if backend.started_before and backend.on_cpu():
        print_msg("On one core only: JAX had started before mlplab was imported. Import mlplab first to use all.")


def _difference(programs: list[list[dict[str, Any]]]) -> str:
    """Return a message that names the arguments which made more than one program necessary."""
    names = dict.fromkeys(name for program in programs for variation in program for name in variation)
    values = {name: [{repr(variation.get(name)) for variation in program} for program in programs] for name in names}
    differing = [name for name in names if max(map(len, values[name])) == 1 and len(set.union(*values[name])) > 1]
    because = f": members that differ in {' or '.join(differing)} cannot share one" if differing else ""
    return f"{len(programs)} programs, trained in turn{because}."
