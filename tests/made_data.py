"""Data that scripts make, as people bring it: a folder of colour photos, embeddings in a Parquet file, IDX files."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

PARTS = {"bolt": 120, "nut": 60, "washer": 24}
"""Classes of the folder of colour images, and their numbers of images."""

SPECIES = {"Adélie": 150, "Gentoo": 80, "ヒゲペンギン": 40}
"""Classes of the embeddings, and their numbers of rows."""


def colour_folder(path: Path, parts: dict[str, int] = PARTS, height: int = 48, width: int = 32) -> Path:
    """Draw images of hardware on backgrounds of changing colour: PATH/bolt/000.png, …"""
    rng = np.random.default_rng(0)
    for name, count in parts.items():
        (path / name).mkdir(parents=True)
        for number in range(count):
            _photo(name, rng, height, width).save(path / name / f"{number:03d}.png")
    return path


def _photo(name: str, rng: np.random.Generator, height: int, width: int) -> Image.Image:
    ground = rng.integers(40, 130, 3)
    image = Image.new("RGB", (width, height), tuple(ground.tolist()))
    pen = ImageDraw.Draw(image)
    x, y = np.array([width, height]) / 2 + rng.normal(0, 1.5, 2)
    size = width * rng.uniform(0.25, 0.38)
    metal = tuple((rng.integers(150, 220) + rng.integers(-15, 15, 3)).tolist())
    if name == "bolt":
        pen.rectangle((x - size / 3, y - size, x + size / 3, y + 1.5 * size), metal)
        pen.rectangle((x - size, y - 1.5 * size, x + size, y - size * 0.8), metal)
    elif name == "nut":
        pen.regular_polygon((x, y, size), 6, fill=metal)
    else:
        pen.ellipse((x - size, y - size, x + size, y + size), metal)
    if name != "bolt":
        pen.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), tuple(ground.tolist()))
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.7)), np.float64)
    return Image.fromarray((pixels + rng.normal(0, 12, pixels.shape)).clip(0, 255).astype(np.uint8))


def embeddings(path: Path, rows: dict[str, int] = SPECIES, features: int = 24) -> Path:
    """Write embeddings of penguins: a column of float32 lists, a column of names, and a number of each row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    names = np.repeat(list(rows), list(rows.values()))
    centres = rng.normal(0, 1, (len(rows), features))
    vectors = centres[np.repeat(np.arange(len(rows)), list(rows.values()))] + rng.normal(0, 2.2, (len(names), features))
    order = rng.permutation(len(names))
    columns = {
        "embedding": pa.array(list(vectors[order].astype(np.float32)), pa.list_(pa.float32())),
        "species": pa.array(names[order].tolist()),
    }
    pq.write_table(pa.table(columns), path)
    return path


def idx_bytes(array: np.ndarray) -> bytes:
    """Return an array of whole numbers from 0 to 255 as an IDX file of 8-bit numbers."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
