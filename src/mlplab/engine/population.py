"""A population: one network in many variations, trained at once, each as it would be alone."""

import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras.src.utils.io_utils import print_msg

from mlplab.engine import backend, checks, compile_cache, inputs, state
from mlplab.engine.backend import isolated_random_state, keras
from mlplab.engine.member import Member
from mlplab.engine.parallel import fit_members, predict_models
from mlplab.engine.population_progress import printed
from mlplab.engine.predict import evaluate
from mlplab.engine.signature import constants, is_told
from mlplab.engine.source import ArraySource, Source, batch_shapes
from mlplab.errors import ModelError, TrainingError, UsageError, unknown_name

_OF_TRAINING = ("seed", "batch_size", "epochs")


@dataclass(frozen=True)
class TrainedMember:
    """A member of a trained population.

    Attributes:
        variation: what it was built and trained with.
        model: trained.
        history: a value an epoch, by name.
        diverged: why it was set aside, its model as after its last good epoch; None for one trained to its end.
    """

    variation: dict[str, Any]
    model: keras.Model
    history: dict[str, list[float]]
    diverged: str | None = None


class Population(Sequence[TrainedMember]):
    """The members that `fit_population` trained, in the order of the variations.

    Attributes:
        programs: how many programs they took: those that one program can train at once share it.
    """

    def __init__(self, members: Sequence[TrainedMember], programs: int):
        self._members = tuple(members)
        self.programs = programs

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, position: Any) -> Any:
        return self._members[position]

    def __iter__(self) -> Iterator[TrainedMember]:
        return iter(self._members)

    def __repr__(self) -> str:
        aside = sum(member.diverged is not None for member in self)
        return f"Population({len(self)} members{f', {aside} of them diverged' if aside else ''})"

    def predict(self, x: Any, batch_size: int = 1000) -> np.ndarray:
        """The outputs of all members for rows x (n, …): (members, n, …). The ensemble's are their mean over axis 0.

        Raises:
            DataError, ModelError: data that the members cannot take, or networks with several outputs.
        """
        rows = checks.check_count("batch_size", batch_size)
        x = inputs.as_arrays(x, "x")
        inputs.check_rows(x=x)
        source = inputs.from_arrays((x, None, None), rows)
        alike: dict[Hashable, list[int]] = {}
        for position, member in enumerate(self):
            alike.setdefault(compile_cache.member_signature(member.model, training=False), []).append(position)
        shapes = batch_shapes(source)[0]
        for first, *_ in alike.values():
            with checks.told_by_keras(shapes):
                outputs = state.outputs(self[first].model, shapes)
            if not hasattr(outputs, "shape"):
                raise ModelError("predict is for networks with one output: take mlplab.predict for each member.")
        found: dict[int, np.ndarray] = {}
        for positions in alike.values():
            found |= zip(positions, predict_models([self[p].model for p in positions], source), strict=True)
        return np.stack([found[position] for position in range(len(self))])

    def evaluate(self, x: Any, y: Any, batch_size: int = 1000) -> list[dict[str, float]]:
        """Loss and metrics of each member, by name, over rows x (n, …) with targets y."""
        return [evaluate(m.model, x, y, batch_size=batch_size, verbose=0, return_dict=True) for m in self]


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
    other, epoch by epoch, and it is printed what the difference is. Each member is what it would be alone, its own
    shuffling included: `keras.utils.set_random_seed(seed)`, `build(**variation)`, and `mlplab.fit` with that seed.

    A member whose loss or weights are no longer finite is set aside, with its reason in `diverged`.

    Args:
        build: makes a compiled model of what a variation says.
        variations: a dict for each member, of arguments of `build`, and `seed`, `batch_size` and `epochs`, which go to
            `build` only if it takes them. A number n stands for n seeds, from `seed` on.
        x, y, sample_weight, batch_size, epochs, validation_split, validation_data, shuffle, packed: as in `mlplab.fit`.
        verbose: 0 silent, 1 a bar with the best, the median and the worst member, 2 a line an epoch.
        callbacks: makes the Keras callbacks of a member of its variation; each needs its own.
        seed: of members whose variation names none.

    Returns:
        The trained members.

    Raises:
        UsageError, DataError, ModelError: before anything is trained.
        TrainingError: if every member diverged.
    """
    if isinstance(build, keras.Model) or not callable(build):
        raise UsageError(
            "build must be a function that makes a compiled keras.Model, since each member is a model of its own; got "
            f"{'a model' if isinstance(build, keras.Model) else type(build).__name__}."
        )
    told = _variations(build, variations, seed)
    checks.check_count("epochs", epochs)
    if callbacks is not None and not callable(callbacks):
        raise UsageError(
            "callbacks must be a function of a variation, since each member needs callbacks of its own: "
            f"callbacks=lambda variation: [keras.callbacks.EarlyStopping()]; got {type(callbacks).__name__}."
        )
    data, held_out = inputs.arrays_of((x, y, sample_weight)), validation_data
    if held_out is None and validation_split:
        data, held_out = inputs.split(data, validation_split)
    source = inputs.from_arrays(data, checks.check_count("batch_size", batch_size))
    validation = None if held_out is None else inputs.source_of(held_out, batch_size, "validation_data's ")
    members: list[Member] = []
    first: dict[Hashable, keras.Model] = {}
    for variation in told:
        model = _built(build, variation)
        rows = variation.get("batch_size", batch_size)
        member = Member(
            model,
            ArraySource(*source.arrays, batch_size=rows, shuffle=shuffle, seed=variation["seed"], batch=source.batch),
            _in_batches(validation, held_out, rows),
            epochs=variation.get("epochs", epochs),
            callbacks=None if callbacks is None else _own_callbacks(callbacks(variation), members),
        )
        if not is_told(model):  # code of one's own is taken to differ with the variation and what the model holds
            own = {name: value for name, value in variation.items() if name != "seed"}
            member.template = first.setdefault((repr(own), constants(model, own)), model)
        members.append(member)
    programs = _programs(members, told)
    if verbose != 0 and len(programs) > 1:
        print_msg(_differing(programs))
    if verbose != 0 and backend.started_before and backend.on_cpu():
        print_msg("On one core only: JAX had started before mlplab was imported. Import mlplab first to use all.")
    fit_members(members, packed=packed, progress=printed(members, verbose))
    if all(member.failure for member in members):
        raise TrainingError(f"All {len(members)} members diverged. The first: {members[0].failure}")
    trained = [
        TrainedMember(variation, member.model, member.model.history.history, member.failure)
        for variation, member in zip(told, members, strict=True)
    ]
    return Population(trained, len(programs))


def _variations(
    build: Callable[..., keras.Model], variations: int | Sequence[Mapping[str, Any]], seed: int
) -> list[dict[str, Any]]:
    """A dict for each member, its seed in it; refused if `build` cannot take them."""
    if isinstance(variations, int | np.integer):
        count = checks.check_count("variations", variations)
        variations = [{"seed": seed + number} for number in range(count)]
    if not isinstance(variations, Sequence) or not all(isinstance(each, Mapping) for each in variations):
        raise UsageError(
            "variations must be a number of seeds, or a list with a dict for each member, such as "
            f"[{{'seed': 0}}, {{'seed': 1}}]; got {variations!r}."
        )
    told = [{"seed": seed, **variation} for variation in variations]
    if not told:
        raise UsageError("variations must name at least one member; got none.")
    taken = inspect.signature(build).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        known = {*taken, *_OF_TRAINING}
        for name in dict.fromkeys(name for variation in told for name in variation):
            if name not in known:
                more = " A variation holds arguments of build, and seed, batch_size and epochs."
                raise UsageError(unknown_name("variation", name, known) + more)
    for variation in told:
        checks.check_count("seed", variation["seed"], least=0)
        for name in ("batch_size", "epochs"):
            if name in variation:
                checks.check_count(name, variation[name])
    return told


def _built(build: Callable[..., keras.Model], variation: dict[str, Any]) -> keras.Model:
    """The model of a variation, as in a session that begins with its seed."""
    taken = inspect.signature(build).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    arguments = {n: value for n, value in variation.items() if n in taken or (open_ended and n not in _OF_TRAINING)}
    with isolated_random_state():
        keras.utils.set_random_seed(variation["seed"])
        model = build(**arguments)
    if not isinstance(model, keras.Model):
        raise UsageError(f"build must return a compiled keras.Model; got {type(model).__name__}.")
    checks.check_compiled(model, "fit_population")
    return model


def _own_callbacks(made: Any, members: Sequence[Member]) -> list[keras.callbacks.Callback]:
    """The callbacks of a member that follows these."""
    own: list[keras.callbacks.Callback] = [made] if isinstance(made, keras.callbacks.Callback) else list(made or ())
    if any(callback in member.callbacks.callbacks for callback in own for member in members):
        raise UsageError("callbacks must make new callbacks for each member: one that two have would follow one only.")
    return own


def _in_batches(source: Source | None, data: Any, rows: int) -> Source | None:
    """The validation data in batches as large as those that a member is trained on, as it has them alone."""
    if not isinstance(source, ArraySource) or source is data:
        return source
    return ArraySource(*source.arrays, batch_size=rows, batch=source.batch)


def _programs(members: Sequence[Member], variations: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The variations in groups, each of which one program trains."""
    groups: dict[Hashable, list[dict[str, Any]]] = {}
    for member, variation in zip(members, variations, strict=True):
        groups.setdefault((member.kind, member.source.steps), []).append(variation)
    return list(groups.values())


def _differing(programs: list[list[dict[str, Any]]]) -> str:
    """Says which arguments made more than one program necessary."""
    names = dict.fromkeys(name for group in programs for variation in group for name in variation)
    within = {name: max(len({repr(each.get(name)) for each in group}) for group in programs) for name in names}
    told = [name for name in names if within[name] == 1 and len({repr(group[0].get(name)) for group in programs}) > 1]
    because = f": members that differ in {' or '.join(told)} cannot share one" if told else ""
    return f"{len(programs)} programs, trained in turn{because}."
