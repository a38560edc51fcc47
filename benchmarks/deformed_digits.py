"""Write NPZ files of any size with deformed digits: MNIST's training images, rotated, scaled and elastically deformed.

Each pass over MNIST deforms every image in another way. A file of n rows has the first n images, uncompressed, and
MNIST's own test set. Loosli, Canu and Bottou (2007), "Training invariant support vector machines using selective
sampling", made 8.1 million images of MNIST in a similar way.

    python benchmarks/deformed_digits.py FOLDER ROWS [ROWS …]
"""

import contextlib
import itertools
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

import mlplab
from mlplab import keras
from mlplab.models import RandomDeformation

BATCH = 10_000


def write(folder: Path, sizes: list[int]) -> None:
    """Write FOLDER/digits-ROWS.npz for each number of rows."""
    import jax

    (x, y), (x_test, y_test) = mlplab.load_data("mnist")
    layer = RandomDeformation(rotate=15, scale=0.15, elastic=0.04, seed=0)
    layer.build((None, 28, 28, 1))
    seeds = layer.seed_generator.state

    @jax.jit
    def deformed(images: Any, state: Any) -> tuple[Any, Any]:
        with keras.StatelessScope(state_mapping=[(seeds, state)]) as scope:
            out = layer(images[..., None].astype("float32"), training=True)[..., 0]
            return jax.numpy.clip(jax.numpy.rint(out), 0, 255).astype("uint8"), scope.get_current_value(seeds)

    def blocks() -> Iterator[np.ndarray]:
        state = seeds.value
        for start in itertools.cycle(range(0, len(x), BATCH)):
            images, state = deformed(x[start : start + BATCH], state)
            yield np.asarray(images)

    with contextlib.ExitStack() as stack:
        files = [_File(folder, rows, stack) for rows in sizes]
        for images in blocks():
            for file in files:
                file.add(images)
            for file in [file for file in files if file.is_full]:
                file.finish(y_train=np.resize(y, file.rows), x_test=x_test, y_test=y_test)
                files.remove(file)
            if not files:
                return


class _File:
    """An NPZ file of a number of rows, written block by block."""

    def __init__(self, folder: Path, rows: int, stack: contextlib.ExitStack):
        self.rows, self._done = rows, 0
        self._archive = stack.enter_context(zipfile.ZipFile(folder / f"digits-{rows}.npz", "w", zipfile.ZIP_STORED))
        self._member = self._archive.open("x_train.npy", "w", force_zip64=True)
        npy.write_array_header_1_0(self._member, {"descr": "|u1", "fortran_order": False, "shape": (rows, 28, 28)})

    @property
    def is_full(self) -> bool:
        return self._done == self.rows

    def add(self, images: np.ndarray) -> None:
        images = images[: self.rows - self._done]
        self._member.write(images.data)
        self._done += len(images)

    def finish(self, **arrays: np.ndarray) -> None:
        self._member.close()
        for name, array in arrays.items():
            with self._archive.open(f"{name}.npy", "w") as member:
                npy.write_array(member, array)
        self._archive.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]), [int(rows) for rows in sys.argv[2:]])
