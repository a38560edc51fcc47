"""Folders of images: read in a stated order, brought to one size, split, cached; bad ones refused with one message."""

import os
import socket
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mlplab.datasets import load
from mlplab.datasets.images.pictures import decode
from mlplab.datasets.readers.rows import Picture
from mlplab.datasets.reading import Reading, class_names_of
from mlplab.errors import DataError, UsageError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (24, 6, 5), dtype=np.uint8)
RGB = RNG.integers(0, 256, (24, 6, 5, 3), dtype=np.uint8)
LABELS = np.repeat([0, 1, 2], 8)
NAMES = ("bolt", "nut", "screw")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MLPLAB_CACHE", str(folder))
    return folder


def write(root, images, labels=LABELS, names=NAMES, suffix="png", **options):
    """Write a folder of class folders."""
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{row:03d}_p{row % 4}.{suffix}", **options)
    return root


def image_bytes(array, kind="PNG"):
    file = BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("bmp", {}), ("tiff", {}), ("webp", {"lossless": True})])
@pytest.mark.parametrize("images", [GREY, RGB], ids=["grey", "rgb"])
def test_lossless_images_are_those_that_pillow_wrote(images, suffix, options, tmp_path):
    write(tmp_path / "parts" / "train", images, suffix=suffix, **options)
    write(tmp_path / "parts" / "test", images[::-1], suffix=suffix, **options)
    data = load(tmp_path / "parts")
    np.testing.assert_array_equal(data.train.inputs, images)
    np.testing.assert_array_equal(data.train.labels, LABELS)
    np.testing.assert_array_equal(data.test.inputs, images[::-1])
    assert data.class_names == NAMES
    assert data.train.files is not None
    assert data.train.files[9] == f"train/nut/009_p1.{suffix}"
    assert data.train.select([9, 0]).files == (data.train.files[9], data.train.files[0])


def test_class_folders_of_numbers_are_numbers(tmp_path):
    write(tmp_path / "n", GREY, LABELS, ("2", "10", "0"))
    data = load(tmp_path / "n")
    assert data.class_names == ("0", "2", "10")
    assert data.labels == (0, 2, 10)


def test_without_a_test_part_some_of_each_class_are_tested_the_same_each_time(tmp_path):
    write(tmp_path / "mine", GREY)
    data, again = load(tmp_path / "mine", test=0.25), load(tmp_path / "mine", test=0.25)
    assert set(data.test.class_counts().values()) == {2}
    assert data.test.files == again.test.files
    assert len({*(data.train.files or ()), *(data.test.files or ())}) == 24
    assert load(tmp_path / "mine", test=0.25, split_seed=1).test.files != data.test.files
    np.testing.assert_array_equal(data.train.inputs[0], GREY[int((data.train.files or ())[0][5:8])])


def test_no_group_is_in_both_parts(tmp_path):
    write(tmp_path / "mine", GREY)
    data = load(tmp_path / "mine", group=r"_(p\d+)")
    train, test = ({name.split("_")[1] for name in part.files or ()} for part in (data.train, data.test))
    assert len(train) == 3
    assert len(test) == 1
    assert not train & test
    with pytest.raises(DataError, match=r"does not match the name 'bolt/000_p0\.png'"):
        load(tmp_path / "mine", group=r"(q\d+)")
    with pytest.raises(UsageError, match="must be a column, or a pattern with parentheses"):
        load(tmp_path / "mine", group="patient")


def test_sizes_are_made_equal_only_where_told(tmp_path):
    write(tmp_path / "mine", GREY)
    Image.new("L", (30, 60)).save(tmp_path / "mine" / "nut" / "odd.png")
    with pytest.raises(DataError, match=r"bolt/000_p0.png has 6×5 pixels, .*nut/odd.png 60×30. .*size=28"):
        load(tmp_path / "mine")
    assert load(tmp_path / "mine", size="12x8").train.inputs.shape[1:] == (12, 8)


def test_an_image_keeps_its_aspect_with_margins_of_its_border_or_is_cropped():
    image = np.full((40, 20), 200, np.uint8)
    image[10:30, 5:15] = 10
    picture = [Picture("it", lambda: image_bytes(image))]
    padded = decode(picture, Reading.of(size=20))[0]
    assert padded.shape == (20, 20)
    assert (padded[:, :5] == 200).all()
    assert padded[10, 10] < 60
    cropped = decode(picture, Reading.of(size=20, crop=True))[0]
    np.testing.assert_array_equal(cropped, image[10:30])
    np.testing.assert_array_equal(decode(picture, Reading(invert=True))[0], 255 - image)


def test_colours():
    grey_as_rgb = np.repeat(GREY[..., None], 3, axis=-1)
    pictures = [Picture("it", lambda array=array: image_bytes(array)) for array in grey_as_rgb]
    np.testing.assert_array_equal(decode(pictures, Reading()), GREY)
    np.testing.assert_array_equal(decode(pictures, Reading(colour="rgb")), grey_as_rgb)
    mixed = [*pictures, Picture("colour", lambda: image_bytes(RGB[0]))]
    np.testing.assert_array_equal(decode(mixed, Reading())[-1], RGB[0])
    expected = np.asarray(Image.fromarray(RGB[0]).convert("L"))
    np.testing.assert_array_equal(decode(mixed, Reading(colour="grey"))[-1], expected)
    deep = Picture("16 bits", lambda: image_bytes(GREY[0].astype(np.uint16) * 257))
    np.testing.assert_array_equal(decode([deep], Reading())[0], GREY[0])
    clear = np.dstack([RGB[0], np.zeros((6, 5), np.uint8)])
    assert (decode([Picture("clear", lambda: image_bytes(clear))], Reading()) == 255).all()


def test_the_second_load_decodes_nothing_and_a_damaged_cache_is_made_again(tmp_path, cache, monkeypatch):
    write(tmp_path / "mine", GREY)
    first = load(tmp_path / "mine")
    (kept,) = (cache / "decoded").glob("*.npy")
    with monkeypatch.context() as patch:
        patch.setattr("mlplab.datasets.images.pictures._decode", None)  # would raise
        np.testing.assert_array_equal(load(tmp_path / "mine").train.inputs, first.train.inputs)
    content = bytearray(kept.read_bytes())
    content[-400] ^= 1
    kept.write_bytes(content)
    np.testing.assert_array_equal(load(tmp_path / "mine").train.inputs, first.train.inputs)


def test_the_hash_is_over_names_and_contents(tmp_path):
    root = write(tmp_path / "mine", GREY)
    before = load(root).train.provenance.sha256
    (root / ".DS_Store").write_bytes(b"x")
    (root / "nut" / "Thumbs.db").write_bytes(b"x")
    (root / "README.txt").write_bytes(b"x")
    assert load(root).train.provenance.sha256 == before
    assert load(root, test=0.3).train.provenance.sha256 != before
    (root / "nut" / "008_p0.png").rename(root / "nut" / "008_p00.png")
    assert load(root).train.provenance.sha256 != before


def test_class_names(tmp_path):
    root = write(tmp_path / "mine", GREY, names=("0", "1", "2"))
    (tmp_path / "names.txt").write_text("bolt\nnut, large\nscrew\n")
    names = class_names_of(str(tmp_path / "names.txt"))
    data = load(root, class_names=names)
    assert data.class_names == names == ("bolt", "nut, large", "screw")
    assert data.origin is not None
    assert class_names_of(data.origin.reading.arguments()["class_names"]) == names
    assert class_names_of("a, b") == ("a", "b")
    with pytest.raises(UsageError, match="a file with a name a line"):
        class_names_of("nothing.txt")


@pytest.mark.parametrize(
    "reading",
    [{"size": 28}, {"size": (48, 32), "crop": True, "colour": "grey"}, {"test": 0.5, "group": r"(p\d+)_", "label": 3}],
)
def test_a_reading_is_kept_and_typed(reading):
    made = Reading.of(**reading)
    assert Reading.from_json(made.changes()) == made
    assert Reading.of(**made.arguments()) == made


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        ({"size": "28x"}, "size must be a number of pixels"),
        ({"size": 0}, "size must be"),
        ({"size": 10**9}, "size must be"),
        ({"crop": True}, "given with a size"),
        ({"colour": "red"}, "colour must be grey or rgb; got 'red'"),
        ({"test": 1}, "test must be a fraction"),
        ({"sise": 3}, "Did you mean 'size'"),
    ],
)
def test_wrong_readings_are_refused(reading, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        load(tmp_path, **reading)
    with pytest.raises(UsageError, match="only for files and folders"):
        load("digits", **reading)


def test_a_column_of_class_folders_is_refused(tmp_path):
    write(tmp_path, GREY)
    with pytest.raises(UsageError, match=r"has no columns: the label of an image is the folder .* Leave label='kind'"):
        load(tmp_path, label="kind")


def no_image(root):
    (root / "nut" / "notes.txt").write_text("hello")


def truncated(root):
    file = root / "nut" / "008_p0.png"
    file.write_bytes(file.read_bytes()[:60])


def concatenated(root):
    file = root / "nut" / "008_p0.png"
    file.write_bytes(file.read_bytes() * 2)


def bomb(root):
    content = bytearray(image_bytes(GREY[0]))
    content[16:24] = struct.pack(">II", 60000, 60000)  # width and height, in the header, which has a checksum
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (root / "nut" / "bomb.png").write_bytes(content)


def leaving(root):
    (root.parent / "secret.png").write_bytes(image_bytes(GREY[0]))
    (root / "nut" / "link.png").symlink_to(root.parent / "secret.png")


def pipe(root):
    os.mkfifo(root / "nut" / "pipe.png")


def loop(root):
    (root / "nut" / "loop").symlink_to(root)


def empty_class(root):
    (root / "washer").mkdir()


def loose(root):
    (root / "loose.png").write_bytes(image_bytes(GREY[0]))


def single(root):
    (root / "washer").mkdir()
    (root / "washer" / "a.png").write_bytes(image_bytes(GREY[0]))


def empty_file(root):
    (root / "nut" / "a.png").touch()


def other_kind(root):
    (root / "nut" / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 6\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (no_image, r"nut/notes.txt is no image \(begins with b'hello'\). Expected PNG, JPEG"),
        (truncated, "nut/008_p0.png is a damaged image"),
        (concatenated, "nut/008_p0.png holds several PNG images"),
        (bomb, "nut/bomb.png claims to be too large"),
        (leaving, "nut/link.png is a link that leads out of the folder"),
        (pipe, "nut/pipe.png is neither a file nor a folder"),
        (loop, "nut/loop is a link"),
        (empty_class, "class folder .*washer holds no image"),
        (loose, "loose.png lies outside of a class folder"),
        (single, "has a single one of 'washer'"),
        (empty_file, r"nut/a.png is no image \(is empty\)"),
        (other_kind, "nut/a.eps is no image"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_bad_folders_are_refused(spoil, message, tmp_path):
    root = write(tmp_path / "mine", GREY)
    spoil(root)
    with pytest.raises(DataError, match=message):
        load(root)


def test_folders_without_classes_sockets_and_runs_are_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="has no class folders"):
        load(tmp_path)
    root = write(tmp_path / "mine", GREY)
    monkeypatch.chdir(root / "nut")  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        with pytest.raises(DataError, match="nut/s is neither"):
            load(root)
    (tmp_path / "config.json").touch()
    with pytest.raises(UsageError, match="is a run, and data is expected"):
        load(tmp_path)


def test_names_in_any_encoding(tmp_path):
    root = write(tmp_path / "mine", GREY)
    os.rename(os.fsencode(root / "nut"), os.fsencode(root) + b"/caf\xe9")
    data = load(root)
    assert data.class_names == ("bolt", "caf\\xe9", "screw")
    np.testing.assert_array_equal(np.bincount(data.train.labels), [6, 6, 6])
