"""Write NPZ files of any size with deformed digits: MNIST's training images, rotated, scaled and elastically deformed.

Each pass over MNIST deforms every image in another way. A file of n rows has the first n images, uncompressed, and
MNIST's own test set. Loosli, Canu and Bottou (2007), "Training invariant support vector machines using selective
sampling", made 8.1 million images of MNIST in a similar way.

    python benchmarks/deformed_digits.py FOLDER ROWS [ROWS …]
"""

import contextlib
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

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

    state, done = seeds.value, 0
    with contextlib.ExitStack() as stack:
        archives = {
            rows: stack.enter_context(zipfile.ZipFile(folder / f"digits-{rows}.npz", "w", zipfile.ZIP_STORED))
            for rows in sizes
        }
        members: dict[int, IO[bytes]] = {}
        for rows, archive in archives.items():
            members[rows] = archive.open("x_train.npy", "w", force_zip64=True)
            header = {"descr": "|u1", "fortran_order": False, "shape": (rows, 28, 28)}
            npy.write_array_header_1_0(members[rows], header)
        while done < max(sizes):
            start = done % len(x)
            images, state = deformed(x[start : start + BATCH], state)
            images = np.asarray(images)
            for rows, member in members.items():
                member.write(images[: max(0, rows - done)].data)
            done += len(images)
        for rows, archive in archives.items():
            members[rows].close()
            arrays = {"y_train": np.resize(y, rows), "x_test": x_test, "y_test": y_test}
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w") as member:
                    npy.write_array(member, array)


if __name__ == "__main__":
    write(Path(sys.argv[1]), [int(rows) for rows in sys.argv[2:]])
