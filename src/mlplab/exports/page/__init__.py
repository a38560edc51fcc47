"""A run as one page that predicts what a person draws, drops, pastes or chooses, and shows why.

packing.py      a graph of operations as JSON and one array of weights
images.py       how images are prepared, and which test images are shown
content.py      the values of the template; wording.py: sentences; sketches.py: how the network reads silhouettes
templates/      layout and style, on top of pages/templates, and the script: functions.js, operations.js, network.js;
                resampling.js, ink.js, preparation.js: images → inputs; pad.js, pictures.js, strip.js: what is given;
                looks.js: what is seen of numbers; draw.js: all of it together
"""

from pathlib import Path

from mlplab.exports.checking import Checked, compare
from mlplab.exports.formats import Written
from mlplab.exports.page.content import page_of
from mlplab.exports.page.images import images_of
from mlplab.exports.page.packing import pack, unpacked
from mlplab.exports.page.wording import notes
from mlplab.exports.reading import graph_of
from mlplab.runs import Run

__all__ = ["write"]


def write(run: Run, path: Path, rows: Checked) -> Written:
    """Write the page of a run, after the numbers in it gave the run's predictions.

    Raises:
        ModelError: for a network that does not take images, or with a layer that has no form as an operation.
    """
    images = images_of(run, rows)
    packed = pack(graph_of(run))
    payload = packed.payload(images.raw(rows.inputs[images.shown]))
    numbers = unpacked(payload, packed.spec["numbers"])
    check = compare(rows, packed.probabilities(numbers, rows.inputs))
    path.write_text(page_of(run, rows, images, packed.spec, payload, check), encoding="utf-8")
    return Written(check, notes(images))
