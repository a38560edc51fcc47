"""What an exported file says of its run: classes, hash, temperature, and how images are prepared."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from mlplab import __version__, files
from mlplab.exports.reading import finished_networks
from mlplab.inspection.calibration import is_vague, temperature_of
from mlplab.runs import Run
from mlplab.runs.preparation import preparation_of


@dataclass(frozen=True)
class Identity:
    """What a file that leaves its run says of it.

    Attributes:
        run: the name of its directory.
        sha256: of its weights: of the file model.safetensors; of a population that of the lines "SHA-256, name" of its
            members' files.
        class_names: in the order of the probabilities.
        labels: the label of each class in the data set.
        input: `shape` of one input, `dtype`, and `low` and `high` of the training inputs.
        images: how pictures become inputs: `white`, the number of a white pixel; `reading`, what was done to the images
            of a file or folder; `framing`, how what is drawn lies in its frame. None for inputs that are no images.
        temperature: that `mlplab.calibrate` finds on validation rows; None where there are none, or too few.
    """

    run: str
    sha256: str
    class_names: tuple[str, ...]
    labels: tuple[Any, ...]
    input: dict[str, Any]
    images: dict[str, Any] | None
    temperature: float | None

    @classmethod
    def of(cls, run: Run) -> "Identity":
        """Return what a finished run's exports say of it."""
        preparation = preparation_of(run)
        trained = run.config.input_range or {}
        framing = None if preparation.framing is None else preparation.framing.to_json()
        images = {"white": preparation.white, "reading": preparation.reading.changes(), "framing": framing}
        fitted = temperature_of(run, keep=False)
        return cls(
            run=run.path.name,
            sha256=weights_sha256(run),
            class_names=run.class_names,
            labels=tuple(run.config.classes.labels),
            input={
                "shape": list(run.config.input_shape),
                "dtype": str(trained.get("dtype", "float32")),
                "low": trained.get("low"),
                "high": trained.get("high"),
            },
            images=images if len(run.config.input_shape) > 1 else None,
            temperature=None if fitted is None or is_vague(fitted) else fitted["temperature"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return all of it, and mlplab's version, as plain values; without what is None."""
        values = {**dataclasses.asdict(self), "mlplab_version": __version__}
        return {name: value for name, value in values.items() if value is not None}

    def texts(self) -> dict[str, str]:
        """Return the same as texts by name: JSON but for what is text already."""
        values = self.to_json().items()
        return {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in values}


_MOST_NAMES = 20


def classes_in_words(run: Run) -> str:
    """Return a sentence that names the classes, for files that cannot hold their names."""
    names = ", ".join(run.class_names[:_MOST_NAMES])
    more = len(run.class_names) - _MOST_NAMES
    return f"Classes, in the order of the probabilities: {names}{f' and {more:,} more' if more > 0 else ''}."


def weights_sha256(run: Run) -> str:
    """Return the SHA-256 of a finished run's weights, see `Identity`."""
    networks = finished_networks(run)
    each = {network.path.name: files.sha256(network.directory.weights.read_bytes()) for network in networks}
    if not run.members:
        return each[run.path.name]
    return files.sha256("".join(f"{sha256}  {name}\n" for name, sha256 in each.items()).encode())
