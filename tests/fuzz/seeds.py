"""Small real files of each format, written by its own ecosystem's tool: what fuzzing starts from."""

import gzip
import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parent.parent))  # campaign.py, fuzzer.py and measure.py start without it
from made_data import idx_bytes

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8)
RGB = RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)
LABELS = np.tile([0, 1], 3)
FEATURES = RNG.normal(size=(6, 3)).astype(np.float32)


def images() -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = Image.fromarray(RGB).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    pictures = {
        "L": Image.fromarray(GREY[0]),
        "RGB": Image.fromarray(RGB),
        "RGBA": Image.fromarray(RGB).convert("RGBA"),
        "LA": Image.fromarray(GREY[0]).convert("LA"),
        "1": Image.fromarray(GREY[0]).convert("1"),
        "P": palette,
        "I;16": Image.fromarray(GREY[0].astype(np.uint16) << 8),
        "CMYK": Image.fromarray(RGB).convert("CMYK"),
    }
    kinds: list[tuple[str, str, dict]] = [
        *((mode, "PNG", {}) for mode in ("L", "RGB", "RGBA", "LA", "1", "I;16")),
        ("P", "PNG", {"transparency": 0}),
        *((mode, "JPEG", {"exif": exif}) for mode in ("L", "RGB", "CMYK")),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
        ("RGB", "WEBP", {"exif": exif}),
        ("RGBA", "WEBP", {"lossless": True}),
        *((mode, "BMP", {}) for mode in ("L", "RGB", "1")),
        *((mode, "TIFF", {}) for mode in ("L", "RGBA", "I;16")),
        *(("RGB", "TIFF", {"compression": name}) for name in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits")),
        ("1", "TIFF", {"compression": "group4"}),
    ]
    return [_saved(pictures[mode], kind, options) for mode, kind, options in kinds]


def _saved(image: Image.Image, kind: str, options: dict) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def arrays() -> list[bytes]:
    """NPY files of inputs, labels and class names."""
    kept = [GREY, FEATURES, FEATURES.astype(">f8"), LABELS, LABELS[:, None] == [0, 1], GREY[..., None].astype(np.int64)]
    kept += [np.array(["a", "b"] * 3), np.array([b"a", b"b"] * 3), np.array(["cat", "dog"]), np.asfortranarray(GREY)]
    return [npy(array) for array in kept]


def npz() -> list[bytes]:
    parts = {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:2], "y_test": LABELS[:2]}
    medmnist = {"train_images": GREY, "train_labels": LABELS[:, None], "val_images": GREY, "val_labels": LABELS}
    contents = []
    for save in (np.savez, np.savez_compressed):
        for kept in (parts, medmnist, {"x": FEATURES, "y": LABELS, "class_names": np.array(["a", "b"])}):
            file = io.BytesIO()
            save(file, **kept)
            contents.append(file.getvalue())
    return contents


def zipped(**members: bytes) -> bytes:
    """Return an NPZ file of members that may be no arrays."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def csv() -> list[bytes]:
    return [
        b"label,pixel0,pixel1,pixel2,pixel3\n0,1,2,3,4\n0,5,6,7,8\n1,9,10,11,12\n1,13,14,15,255\n",
        b"\xef\xbb\xbfa;b;kind\n1,5;2;x\n1,25;-2;y\n0,5;3;x\n7;8;y\n",
        b'"a","label"\r\n"1","x y"\r\n"2","x y"\r\n"3","z"\r\n"4","z"\r\n',
        b"file,label\na.png,0\na.png,0\na.png,1\nsub/b.png,1\n",
        b"who\tsplit\tlabel\tx\np1\ttrain\t0\t1e-3\np2\ttest\t1\tnan\np3\tval\t1\t2\n",
        b"1x1,1x2,2x1,2x2,label\n0,0,0,1,a\n0,0,0,2,a\n0,0,0,3,b\n0,0,0,4,b\n",
        b"3,0.5,1\n3,0.5,1\n4,0.5,1\n4,0.5,1\n",
    ]


def idx() -> list[bytes]:
    return [idx_bytes(GREY), idx_bytes(LABELS), idx_bytes(GREY[:0])]


def gzipped() -> list[bytes]:
    halves = [gzip.compress(part) for part in (idx_bytes(GREY)[:20], idx_bytes(GREY)[20:])]
    return [gzip.compress(content) for content in idx()] + [b"".join(halves)]


def parquet() -> list[bytes]:
    import pyarrow as pa

    hub = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pictures = [{"bytes": content, "path": f"{row}.png"} for row, content in enumerate(images()[:4] + images()[:2])]
    names = {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["cat", "dog"]}}}})}
    labels = pa.array(LABELS)
    tables = [
        pa.table({"image": pa.array(pictures, hub), "label": labels}).replace_schema_metadata(names),
        pa.table({"image": pa.array([images()[0]] * 6), "label": pa.array(["a", "b"] * 3)}),
        pa.table({"x": pa.array(GREY.tolist(), pa.list_(pa.list_(pa.uint8()))), "label": labels}),
        pa.table({"x": pa.array(FEATURES.tolist(), pa.list_(pa.float32(), 3)), "y": labels.dictionary_encode()}),
        pa.table({"a": FEATURES[:, 0], "b": FEATURES[:, 1].astype("f8"), "split": ["train", "test"] * 3, "y": labels}),
        pa.table({"a": pa.array([1, 2, 3, 4, 5, None]), "y": pa.array([True, False] * 3)}),
    ]
    return [written(table, compression) for table in tables for compression in ("none", "zstd")]


def written(table: object, compression: str) -> bytes:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(table, file, compression=compression)
    return file.getvalue()
