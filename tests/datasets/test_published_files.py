"""Data sets of which only the MD5 of the published files is known: KMNIST, and EMNIST in its archive.

The files here are small ones, whose sizes and sums take the place of the real ones in the real entries.
"""

import dataclasses
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from made_data import idx_bytes
from PIL import Image, ImageDraw

import mlplab
from mlplab.cli.options import complete_dataset
from mlplab.course import offline_folder
from mlplab.datasets import CATALOG, Entry
from mlplab.datasets.published.fetch import fetch_entry, is_on_disk
from mlplab.datasets.published.providers import Mirror, ZipMirror
from mlplab.errors import FetchError

EMNIST = ("emnist-balanced", "emnist-letters", "emnist-digits")


def drawn(character: str) -> np.ndarray:
    """An image of a character as a person sees it: uint8 (28, 28)."""
    image = Image.new("L", (28, 28))
    ImageDraw.Draw(image).text((6, 2), character, fill=255, font_size=20)
    return np.asarray(image)


def small_files(entry: Entry) -> dict[str, bytes]:
    """The files of an entry with one image of each class, as they are published but for their number of rows."""
    images = np.stack([drawn(name[0]) for name in entry.class_names])
    labels = np.arange(len(images), dtype=np.uint8) + np.uint8(entry.first_label)
    stored = np.ascontiguousarray(images.swapaxes(1, 2)) if entry.is_transposed else images
    contents = (idx_bytes(stored), idx_bytes(labels)) * 2
    return {p.file: gzip.compress(c, mtime=0) for p, c in zip(entry.payloads, contents, strict=True)}


def small(entry: Entry, files: dict[str, bytes], **changes: object) -> Entry:
    """The entry with the sums of small files."""

    def payloads(of):
        return tuple(
            dataclasses.replace(
                payload,
                size=len(gzip.decompress(files[payload.file])),
                md5=hashlib.md5(files[payload.file]).hexdigest(),
            )
            for payload in of
        )

    return dataclasses.replace(
        entry, payloads=payloads(entry.payloads), companions=payloads(entry.companions), **changes
    )


@pytest.fixture(scope="module")
def published() -> dict[str, bytes]:
    """All files of EMNIST that the catalog knows, gzipped."""
    return {file: content for name in EMNIST for file, content in small_files(CATALOG[name]).items()}


def archived(files: dict[str, bytes]) -> bytes:
    """An archive in which files are where the real one has them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("gzip/emnist-balanced-mapping.txt", "0 48\n")
        for file, content in files.items():
            archive.writestr(f"gzip/{file}.gz", content)
    return buffer.getvalue()


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and an empty folder of the user."""
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPLAB_DATA", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    return tmp_path


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch):
    """Put a small entry into the catalog."""

    def use(name: str, files: dict[str, bytes], *urls: str) -> Entry:
        of_kind = {"kmnist": Mirror}.get(name, ZipMirror)
        entry = small(CATALOG[name], files, providers=tuple(map(of_kind, urls)))
        monkeypatch.setitem(CATALOG, name, entry)
        return entry

    return use


def test_one_download_serves_all_of_emnist_the_right_way_up(folders, use, serve, published) -> None:
    server = serve({"gzip.zip": archived(published)})
    for name in EMNIST:
        entry = use(name, published, f"{server.url}/gzip.zip")
        data = mlplab.load(name, quiet=True)
        classes = len(data.class_names)
        assert np.array_equal(data.train.images, [drawn(character) for character in data.class_names])
        assert data.test.labels.tolist() == list(range(classes))
        assert is_on_disk(entry)
        sums = {p.file: hashlib.sha256(gzip.decompress(published[p.file])).hexdigest() for p in entry.payloads[:2]}
        assert data.train.provenance.sha256 == sums
        assert data.train.provenance.source == f"{server.url}/gzip.zip"
        (images, labels), _ = mlplab.load_data(name, quiet=True)
        images[0], labels[0] = 1, 1  # as with keras.datasets, they are writable
    assert server.requests == ["gzip.zip"]
    assert {path.name for path in (folders / "cache" / "emnist").glob("*.gz")} == {f"{file}.gz" for file in published}


def test_classes_of_emnist() -> None:
    balanced, letters, digits = (CATALOG[name] for name in EMNIST)
    assert [len(entry.class_names) for entry in (balanced, letters, digits)] == [47, 26, 10]
    merged = set("abcdefghijklmnopqrstuvwxyz") - set(balanced.class_names)
    assert merged == set("cijklmopsuvwxyz")  # as emnist-balanced-mapping.txt of the archive has it
    assert letters.class_names[0] == "A"
    assert letters.first_label == 1


@pytest.mark.parametrize("sub_folder", ["", "emnist", "emnist-letters"])
def test_an_archive_put_there_by_hand_is_read_in_place(sub_folder, folders, use, published) -> None:
    entry = use("emnist-letters", published)
    folder = folders / "own" / sub_folder
    folder.mkdir(exist_ok=True)
    (folder / "gzip.zip").write_bytes(archived(published))
    assert is_on_disk(entry)
    assert mlplab.load("emnist-letters", quiet=True).class_names[:2] == ("A", "B")
    assert {file.path for file in fetch_entry(entry).values()} == {folder / "gzip.zip"}
    assert not (folders / "cache").exists()


def test_files_put_there_by_hand_are_read_in_place(folders, use, published) -> None:
    entry = use("emnist-digits", published)
    for payload in entry.payloads:
        (folders / "own" / f"{payload.file}.gz").write_bytes(published[payload.file])
    assert len(mlplab.load("emnist-digits", quiet=True).train) == 10


def test_archives_with_something_else_are_refused(folders, use, serve, published) -> None:
    images = "emnist-digits-test-images-idx3-ubyte"
    bomb = gzip.compress(bytes(50_000_000))
    archives = {
        "cut.zip": archived(published)[:-50],
        "empty.zip": archived({}),
        "changed.zip": archived({**published, images: gzip.compress(b"!" + gzip.decompress(published[images]))}),
        "bomb.zip": archived({**published, images: bomb}),
        "page.zip": b"<html>The data set has moved.</html>",
    }
    server = serve(archives)
    urls = [f"{server.url}/{name}" for name in (*archives, "missing.zip")]
    entry = use("emnist-digits", published, *urls)
    with pytest.raises(FetchError) as caught:
        fetch_entry(entry, quiet=True)
    lines = str(caught.value).splitlines()
    reasons = {url: next(line for line in lines if line.startswith(f"  - {url}: ")) for url in urls}
    for name, reason in (
        ("cut.zip", "is a damaged ZIP archive"),
        ("empty.zip", "has no emnist-digits-train-images-idx3-ubyte.gz"),
        ("changed.zip", f"{images}.gz in "),
        ("page.zip", "has the MD5"),
        ("missing.zip", "HTTP 404 Not Found"),
    ):
        assert reason in reasons[f"{server.url}/{name}"]
    by_hand = next(line for line in lines if line.startswith("To do it by hand"))
    assert f"put gzip.zip (as it is published; or, from it, {images}.gz)" in by_hand  # the others are there now
    assert str(folders / "cache" / "emnist") in by_hand


def test_kmnist_stays_as_it_is_published(folders, use, serve, capsys) -> None:
    files = small_files(CATALOG["kmnist"])
    server = serve({f"{file}.gz": content for file, content in files.items()})
    entry = use("kmnist", files, server.url)
    data = mlplab.load("kmnist", quiet=True)
    assert data.class_names == ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    assert np.array_equal(data.test.images, [drawn(name[0]) for name in data.class_names])
    kept = folders / "cache" / "kmnist" / "train-images-idx3-ubyte.gz"
    assert kept.read_bytes() == files["train-images-idx3-ubyte"]
    kept.write_bytes(kept.read_bytes()[:-1])
    assert len(fetch_entry(entry)) == 4
    assert f"{kept} is damaged: getting it again." in capsys.readouterr().err
    assert server.requests == [*(f"{file}.gz" for file in files), kept.name]


def test_without_a_network_the_message_says_what_to_lay_where(folders, use, closed_port) -> None:
    files = small_files(CATALOG["kmnist"])
    entry = use("kmnist", files, f"http://127.0.0.1:{closed_port}")
    for file, content in files.items():  # unpacked, they cannot be verified
        (folders / "own" / file).write_bytes(gzip.decompress(content))
    with pytest.raises(FetchError) as caught:
        fetch_entry(entry, quiet=True)
    message = str(caught.value)
    assert f"{folders / 'own'}: it has no train-images-idx3-ubyte.gz (and 3 more)" in message
    names = ", ".join(f"{file}.gz" for file in files)
    assert f"put {names} (as they are published, gzipped) into {folders / 'cache' / 'kmnist'}" in message
    assert "MLPLAB_DATA" in message
    for file, content in files.items():
        (folders / "own" / f"{file}.gz").write_bytes(content)
    assert len(fetch_entry(entry, quiet=True)) == 4


def test_completion_knows_the_names(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert complete_dataset("e") == list(EMNIST)
    assert complete_dataset("k") == ["kmnist"]


def test_a_stick_keeps_them_gzipped(folders, use, published, monkeypatch) -> None:
    _, script = offline_folder.find_materials()
    names = ["kmnist", "emnist-letters"]
    files = published | small_files(CATALOG["kmnist"])
    for name in names:
        entry = use(name, files)
        for payload in entry.payloads:
            (folders / "own" / f"{payload.file}.gz").write_bytes(files[payload.file])
    stick = folders / "stick" / "data"
    assert script.put_data(names, stick, folders, lambda _: None) == ["kmnist", "emnist"]
    assert {path.name for path in stick.iterdir()} == {"emnist", "kmnist"}
    used = fetch_entry(CATALOG["emnist-letters"], cache=folders / "none", own=stick, quiet=True)
    assert {file.path.parent for file in used.values()} == {stick / "emnist"}
