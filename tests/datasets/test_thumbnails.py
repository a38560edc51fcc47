"""Thumbnails beside features, in the files of NumPy, pyarrow and a spreadsheet, reach every page that shows rows."""

import io

import numpy as np
import pytest
from PIL import Image

import mlplab
from mlplab.datasets import decoded, load
from mlplab.errors import DataError, UsageError

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (40, 12, 9), dtype=np.uint8)
LABELS = np.tile([0, 1, 2, 3], 10)
FEATURES = (np.eye(4)[LABELS] + RNG.normal(0, 0.3, (40, 4))).astype(np.float32)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def shown(picture):
    """A picture of 12×9 pixels as it is shown: whole, in colour, on a square of 64 pixels."""
    image = Image.fromarray(picture).convert("RGB").resize((48, 64), Image.Resampling.BICUBIC)
    return np.asarray(image)


def same_rows(data, pictures=PICTURES):
    """Assert that each row has the picture that it had in the file."""
    for part in (data.train, data.test):
        for row, features in enumerate(part.features):
            before = int(np.flatnonzero((features == FEATURES).all(1))[0])
            np.testing.assert_array_equal(part.thumbnails[np.array([row])][0], pictures[before])


@pytest.mark.parametrize("name", ["thumbnails", "faces"])
def test_npz_of_one_part(name, tmp_path):
    np.savez(tmp_path / "a.npz", x=FEATURES, y=LABELS, **{name: PICTURES})
    told = {} if name == "thumbnails" else {"thumbnails": name}
    same_rows(load(tmp_path / "a.npz", **told))
    if told:
        assert load(tmp_path / "a.npz").train.thumbnails is None
        with pytest.raises(UsageError, match=r"no array 'voices'. Got .*y"):
            load(tmp_path / "a.npz", thumbnails="voices")


def test_npz_of_three_parts_and_with_named_labels(tmp_path):
    parts = {"train": slice(0, 20), "val": slice(20, 30), "test": slice(30, 40)}
    arrays = {f"x_{part}": FEATURES[rows] for part, rows in parts.items()}
    arrays |= {f"y_{part}": LABELS[rows] for part, rows in parts.items()}
    arrays |= {f"thumbnails_{part}": PICTURES[rows] for part, rows in parts.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    data = load(tmp_path / "a.npz")
    assert len(data.train) == len(data.train.thumbnails) == 30
    same_rows(data)
    np.savez(tmp_path / "b.npz", vectors=FEATURES, kind=LABELS, thumbnails=PICTURES)
    same_rows(load(tmp_path / "b.npz", label="kind"))
    del arrays["thumbnails_test"]
    np.savez(tmp_path / "c.npz", **arrays)
    with pytest.raises(DataError, match="must both have thumbnails, of one size, or none"):
        load(tmp_path / "c.npz")


@pytest.fixture
def parquet(tmp_path):
    pa = pytest.importorskip("pyarrow", reason='Parquet needs pyarrow: pip install "mlplab[data]"')
    pq = pytest.importorskip("pyarrow.parquet")

    def write(name="thumbnail", contents=None, **columns):
        kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        contents = contents or list(map(png, PICTURES))
        pictures = [{"bytes": content, "path": f"{row}.png"} for row, content in enumerate(contents)]
        table = {"label": LABELS, "vector": FEATURES.tolist()} | columns
        table = {key: pa.array(value) for key, value in table.items() if value is not None}
        pq.write_table(pa.table(table | {name: pa.array(pictures, kind)}), tmp_path / "a.parquet")
        return tmp_path / "a.parquet"

    return write


def test_parquet(parquet):
    data = load(parquet())
    tile = data.train.thumbnails[np.array([0])]
    assert tile.shape == (1, 64, 64, 3)
    row = int(data.train.files[0].removesuffix(".png"))
    np.testing.assert_array_equal(tile[0][:, 8:56], shown(PICTURES[row]))  # with margins to the left and the right
    with pytest.raises(DataError, match=r"one column of images or lists. Got .*thumbnails='picture'"):
        load(parquet("picture"))
    assert load(parquet("picture"), thumbnails="picture").train.thumbnails is not None
    with pytest.raises(UsageError, match="has thumbnail of that kind, not 'vector'"):
        load(parquet(), thumbnails="vector")
    numbers = {f"f{column}": FEATURES[:, column] for column in range(4)}
    path = parquet(vector=None, **numbers)
    assert load(path, size=8).train.images.shape[1:] == (8, 8)  # images among columns of numbers are the inputs …
    assert load(path, thumbnails="thumbnail").train.features.shape[1:] == (4,)  # … unless they are named
    with pytest.raises(UsageError, match=r"has images: leave thumbnails='thumbnail' out"):
        load(parquet(vector=None, image_like=[list(map(list, p)) for p in PICTURES]), thumbnails="thumbnail")


@pytest.fixture
def table(tmp_path):
    (tmp_path / "faces").mkdir()
    for row, picture in enumerate(PICTURES):
        Image.fromarray(picture).save(tmp_path / "faces" / f"{row}.png")
    rows = enumerate(zip(FEATURES, LABELS, strict=True))
    lines = [f"{','.join(map(str, features))},{row}.png,{label}" for row, (features, label) in rows]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,c,d,face,label", *lines]))
    return tmp_path / "a.csv"


def test_csv(table, tmp_path):
    data = load(tmp_path / "a.csv", thumbnails="face", split_seed=1)
    assert data.train.features.shape == (32, 4)
    row = int(data.test.files[0].removeprefix("faces/").removesuffix(".png"))
    np.testing.assert_array_equal(data.test.thumbnails[np.array([0])][0][:, 8:56], shown(PICTURES[row]))
    assert load(tmp_path / "a.csv", size=8).train.has_images  # without the word, the images are the inputs
    with pytest.raises(UsageError, match="has no column 'fase'"):
        load(tmp_path / "a.csv", thumbnails="fase")


@pytest.mark.parametrize(("kind", "name"), [("parquet", "thumbnail"), ("table", "face")])
def test_the_numbers_of_a_large_table_are_decoded_once(kind, name, tmp_path, monkeypatch, request):
    made = request.getfixturevalue(kind)
    path = made if kind == "table" else made()
    small = load(path, thumbnails=name)
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "10")
    load(path, thumbnails=name, quiet=True)
    before = {each.name: each.stat().st_ino for each in decoded.folder().iterdir()}
    data = load(path, thumbnails=name, quiet=True)
    assert {each.name: each.stat().st_ino for each in decoded.folder().iterdir()} == before
    np.testing.assert_array_equal(data.test.features, small.test.features)
    rows = np.arange(len(data.test))
    np.testing.assert_array_equal(data.test.thumbnails[rows], small.test.thumbnails[rows])
    assert data.test.files == small.test.files


def test_they_are_refused_where_there_are_none(tmp_path):
    np.savez(tmp_path / "images.npz", x=PICTURES, y=LABELS, thumbnails=PICTURES)
    assert load(tmp_path / "images.npz").train.thumbnails is None  # the images themselves are shown
    np.savez(tmp_path / "short.npz", x=FEATURES, y=LABELS, thumbnails=PICTURES[:-1])
    with pytest.raises(DataError, match="40 rows, and 39 thumbnails"):
        load(tmp_path / "short.npz")
    np.savez(tmp_path / "flat.npz", x=FEATURES, y=LABELS, thumbnails=FEATURES)
    with pytest.raises(DataError, match=r"Thumbnails must be numbers of shape \(n, h, w\)"):
        load(tmp_path / "flat.npz")
    for row, picture in enumerate(PICTURES):
        folder = tmp_path / "folder" / "ab"[row % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{row}.png")
    with pytest.raises(UsageError, match="has images: leave thumbnails='x' out"):
        load(tmp_path / "folder", thumbnails="x")


def test_a_damaged_one_is_grey(parquet):
    contents = list(map(png, PICTURES))
    data = load(parquet(contents=[contents[0][:50], *contents[1:]]), split_seed=2)
    part, row = next((part, part.files.index("0.png")) for part in (data.train, data.test) if "0.png" in part.files)
    with pytest.warns(UserWarning, match="Thumbnails that are not shown: 1. .*row 0 is a damaged"):
        tiles = part.thumbnails[np.array([row, (row + 1) % len(part)])]
    assert (tiles[0] == 128).all()
    assert np.ptp(tiles[1]) > 100


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on embeddings with thumbnails, of which some labels are wrong; row 7 is there twice."""
    folder = tmp_path_factory.mktemp("thumbnails")
    x, y, pictures = (np.concatenate([values, values]) for values in (FEATURES, LABELS, PICTURES))
    x[40:] += 0.01
    x[47] = x[7]
    y[::9] = (y[::9] + 1) % 4
    parts = {"train": slice(0, 60), "test": slice(60, 80)}
    names = (("x", x), ("y", y), ("thumbnails", pictures))
    np.savez(folder / "a.npz", **{f"{n}_{part}": values[rows] for n, values in names for part, rows in parts.items()})
    return mlplab.train(folder / "a.npz", hidden=[8], epochs=3, seed=0, out=folder / "run", verbose=0)


def test_they_are_not_part_of_what_is_trained_on(run, tmp_path):
    """Runs with other thumbnails, or none, compare: the hash of a reading leaves them out."""
    source = load(run.config.data["source"])
    assert source.train.content_hash() == load(((source.train.features, source.train.labels),) * 2).train.content_hash()
    np.savez(tmp_path / "a.npz", x=FEATURES, y=LABELS, faces=PICTURES)
    hashes = [load(tmp_path / "a.npz", **how).train.provenance.sha256 for how in ({}, {"thumbnails": "faces"})]
    assert hashes[0] == hashes[1]


def test_pages_show_them(run, tmp_path):
    page = mlplab.report(run, out=tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg") >= 2  # test rows, and their nearest training rows
    assert "no images" not in page
    assert mlplab.show_failures(run).draw is not None
    check = mlplab.check_data(run.config.data["source"])
    assert any(finding.rows for finding in check)
    check.save(tmp_path / "check.html")
    assert "data:image/jpeg" in (tmp_path / "check.html").read_text()


def test_labels_show_them(run):
    pytest.importorskip("cleanlab", reason='Wrong labels need cleanlab: pip install "mlplab[labels]"')
    assert mlplab.find_label_errors(run, folds=2, verbose=0).draw is not None
