"""What is wrong with a data set: every planted fault is found, and nothing else."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from scipy.sparse.csgraph import connected_components
from sklearn.datasets import load_digits, load_sample_images

from mlplab.datasets import Data, Dataset, Provenance, load
from mlplab.datasets.checks import KINDS, brief_findings, findings
from mlplab.datasets.checks.equal_rows import equal_rows
from mlplab.datasets.checks.near_duplicates import LEAST, _groups
from mlplab.datasets.checks.survey import Survey
from mlplab.inspection.data_check import check_data

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
TEST = 300


@pytest.fixture(scope="module")
def clean() -> Arrays:
    """Handwritten digits of 28×28 pixels: x_train, y_train, x_test, y_test."""
    small, labels = map(np.asarray, load_digits(return_X_y=True))
    rng = np.random.default_rng(0)
    order = rng.permutation(len(labels))[:1200]
    images = np.zeros((len(order), 28, 28), np.uint8)
    for at, row in enumerate(order):
        picture = Image.fromarray((small[row].reshape(8, 8) * 255 / 16).astype(np.uint8))
        turned = np.asarray(picture.resize((22, 22), Image.Resampling.BICUBIC).rotate(rng.uniform(-8, 8)))
        images[at, 3:25, 3:25] = turned
    labels = labels[order]
    return images[TEST:], labels[TEST:], images[:TEST], labels[:TEST]


def data_of(arrays: Arrays, names: int = 10) -> Data:
    x_train, y_train, x_test, y_test = arrays
    classes = tuple(map(str, range(names)))
    train = Dataset(x_train, y_train, classes, Provenance("own", "train"))
    return Data("own", train, Dataset(x_test, y_test, classes, Provenance("own", "test")))


def codes(data: Data) -> list[str]:
    return sorted(finding.kind.code for finding in findings(data))


def jpeg(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90)
    return np.asarray(Image.open(file))


def test_clean_digits_have_no_finding(clean: Arrays) -> None:
    assert findings(data_of(clean)) == []


def planted(clean: Arrays) -> tuple[Data, dict[str, dict[str, tuple[int, ...]]]]:
    """Digits with twenty faults, and the rows of each code. The test set has 0 to 8, the training set lacks 7."""
    x, y, tx, ty = (array.copy() for array in clean)
    x, tx = x + np.float32(0.25), tx[ty != 9] + np.float32(0.25)  # 1: no test rows of 9. Fractions have any scale
    ty = ty[ty != 9]
    y[y == 7] = 1  # 2: no training rows of 7
    a, b = (np.flatnonzero(labels == 2).tolist() for labels in (y, ty))
    c, d = (np.flatnonzero(labels == 3).tolist() for labels in (y, ty))
    ones = np.flatnonzero(y == 1)[:4]
    y[ones] = 10  # 3, 4, 5: a class with four training rows and no test row, far smaller than others
    x[a[1]] = x[a[0]]  # 6: a copy in the training set
    x[a[3]] = x[a[4]] = x[a[2]]  # 7: two copies of another
    tx[b[1]] = tx[b[0]]  # 8: a copy in the test set
    tx[b[2]], tx[b[3]] = x[a[5]], x[a[6]]  # 9, 10: training images in the test set
    x[a[7]] = x[c[0]]  # 11: another label
    tx[b[4]] = x[c[1]]  # 12: another label in the test set
    x[a[8]] = 0.8 * x[a[9]] + 10  # 13: darker, with less contrast
    tx[b[5]] = x[a[10]] + np.random.default_rng(1).normal(0, 3, (28, 28))  # 14: a little noise
    tx[b[6]] = jpeg(tx[b[7]].astype(np.uint8))  # 15: saved as JPEG
    x[a[11]], tx[b[8]] = 0, 128  # 16: blank, in black and in grey
    x[a[12]] = 7 + np.random.default_rng(2).uniform(0, 2, (28, 28))  # 17: blank, but for noise
    x[a[13]], tx[d[0]] = 255 - x[a[13]], 255 - tx[d[0]]  # 18, 19: inverted
    x[a[14]], tx[d[1]] = x[a[14]] / 255.25, tx[d[1]] / 255.25  # 20: from 0 to 1
    expected = {
        "MLP-D01": {"train": (a[0], a[1], a[2], a[3], a[4])},
        "MLP-D02": {"test": (b[0], b[1])},
        "MLP-D03": {"train": (a[5], a[6]), "test": (b[2], b[3])},
        "MLP-D04": {"train": tuple(sorted((a[7], c[0], c[1]))), "test": (b[4],)},
        "MLP-D05": {"train": (a[10],), "test": (b[5],)},
        "MLP-D06": {"train": (a[8], a[9]), "test": (b[6], b[7])},
        "MLP-D07": {"train": (a[11], a[12]), "test": (b[8],)},
        "MLP-D10": {"train": (a[14],), "test": (d[1],)},
        "MLP-D13": {"train": (a[13],), "test": (d[0],)},
        **{code: {} for code in ("MLP-D14", "MLP-D15", "MLP-D16", "MLP-D17")},
    }
    return data_of((x, y, tx, ty), 11), expected


def test_twenty_planted_faults_are_found_and_nothing_else(clean: Arrays) -> None:
    data, expected = planted(clean)
    found = {finding.kind.code: finding for finding in findings(data)}
    assert {code: finding.rows for code, finding in found.items()} == expected
    assert {len(group) for group in found["MLP-D01"].groups} == {2, 3}
    assert all(len(found[code].groups) == 2 for code in ("MLP-D01", "MLP-D03", "MLP-D04", "MLP-D06"))
    assert [found[code].classes for code in ("MLP-D15", "MLP-D16", "MLP-D17")] == [("7",), ("9", "10"), ("10",)]
    assert found["MLP-D14"].classes[1] == "10"
    assert found["MLP-D03"].severity == "warning"  # two of some hundred test rows are below one point
    assert all(finding.title in str(finding) for finding in found.values())
    brief = {finding.kind.code for finding in brief_findings(data)}
    assert brief == set(expected) - {"MLP-D05", "MLP-D06"}


def scaled_test_set(x: np.ndarray, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x.astype(np.float32), tx / np.float32(255)


def standardized_test_set(x: np.ndarray, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x / np.float32(255), (tx / np.float32(255) - 0.13) / 0.31


def two_values(x: np.ndarray, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (x > 127) * np.uint8(255), (tx > 127) * np.uint8(255)


def all_inverted(x: np.ndarray, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 255 - x, 255 - tx


def inverted_test_set(x: np.ndarray, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x, 255 - tx


def stamped(x: np.ndarray, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    for images in (x, tx):
        images[:, 1:3, 1:3] = 200
    return x, tx


def wide_margin(x: np.ndarray, tx: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.pad(x, ((0, 0), (9, 9), (9, 9))), np.pad(tx, ((0, 0), (9, 9), (9, 9)))


@pytest.mark.parametrize(
    ("plant", "expected"),
    [
        (scaled_test_set, ["MLP-D09"]),
        (standardized_test_set, ["MLP-D09"]),
        (two_values, ["MLP-D11"]),
        (all_inverted, ["MLP-D12"]),
        (inverted_test_set, ["MLP-D13"]),
        (stamped, ["MLP-D08"]),
        (wide_margin, ["MLP-D08"]),
    ],
)
def test_faults_of_a_whole_set(
    plant: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]], expected: list[str], clean: Arrays
) -> None:
    x, y, tx, ty = clean
    x, tx = plant(x.copy(), tx.copy())
    assert codes(data_of((x, y, tx, ty))) == expected


@pytest.mark.parametrize("colours", [True, False])
def test_photographs_are_recognised(colours: bool) -> None:
    """Patches of the two photographs that come with scikit-learn."""
    patches = np.concatenate(
        [
            photograph[row : row + 32, column : column + 32][None]
            for photograph in load_sample_images().images
            for row in range(0, 384, 32)
            for column in range(0, 608, 32)
        ]
    )
    patches = np.random.default_rng(0).permutation(patches)
    if not colours:
        patches = patches.mean(-1).astype(np.uint8)
    labels = np.zeros(len(patches) // 2, int)
    data = data_of((patches[::2], labels, patches[1::2], labels), 1)
    found = {finding.kind.code: finding for finding in brief_findings(data)}
    assert "MLP-D18" in found
    assert ("in colour" in found["MLP-D18"].title) == colours
    assert "MLP-D13" not in found


def test_noise_is_no_photograph_and_its_rows_are_not_alike() -> None:
    rng = np.random.default_rng(0)
    x, tx = rng.integers(0, 256, (200, 20, 20), np.uint8), rng.integers(0, 256, (100, 20, 20), np.uint8)
    assert codes(data_of((x, np.arange(200) % 2, tx, np.arange(100) % 2), 2)) == []


def test_features_are_checked_without_what_needs_images() -> None:
    rng = np.random.default_rng(0)
    x, tx = (rng.normal(size=(n, 5)).astype(np.float32) for n in (200, 100))
    x[:, 3] = tx[:, 3] = 1
    x[7] = x[5]
    tx[0] = x[5]
    found = {f.kind.code: f for f in findings(data_of((x, np.arange(200) % 2, tx, np.arange(100) % 2 * 0 + 1), 2))}
    assert sorted(found) == ["MLP-D01", "MLP-D03", "MLP-D08", "MLP-D16"]
    assert found["MLP-D01"].severity == "information"
    assert found["MLP-D03"].rows == {"train": (5, 7), "test": (0,)}
    assert found["MLP-D03"].severity == "error"
    assert "1 column never change" in found["MLP-D08"].title


def test_nearly_equal_images_are_those_whose_pixels_correlate(clean: Arrays) -> None:
    """All pairs of noisy copies, compared by NumPy; the search is complete on both sides of the limit."""
    rng = np.random.default_rng(3)
    copies = np.concatenate([clean[0][:60] + rng.normal(0, size, (60, 28, 28)) for size in (2, 4, 6, 8, 10)])
    x = copies.astype(np.float32)
    labels = np.zeros(len(x), int)
    survey = Survey(data_of((x, labels, rng.normal(size=(1, 28, 28)).astype(np.float32), labels[:1]), 1))
    near = np.corrcoef(x.reshape(len(x), -1)) >= LEAST
    assert 0 < np.triu(near, 1).sum() < 600
    count, group_of = connected_components(near)
    expected = [rows for group in range(count) if len(rows := np.flatnonzero(group_of == group)) > 1]
    groups = _groups(survey, np.arange(len(x)), lambda _: None)
    assert [rows.tolist() for rows in groups] == sorted(rows.tolist() for rows in expected)


@pytest.mark.parametrize("size", [1e-38, 1e-20, 1e30, 3e38])
def test_values_of_any_size_are_compared(size: float, clean: Arrays) -> None:
    x, y, tx, ty = clean
    x, tx = (np.float32(size) * (images / np.float32(255)) for images in (x[:200], tx[:100]))
    tx[3] = x[7] * np.float32(0.9)
    found = {finding.kind.code: finding for finding in findings(data_of((x, y[:200], tx, ty[:100])))}
    assert found["MLP-D05"].rows == {"train": (7,), "test": (3,)}


@pytest.mark.slow
def test_images_that_are_all_nearly_equal_are_one_group(clean: Arrays) -> None:
    """Frames of a film are alike. 6,000 of them have too many pairs for one search, so it is done in parts."""
    shades = np.linspace(0.3, 1, 6000, dtype=np.float32)[:, None, None]
    x = clean[0][0, ::2, ::2] * shades
    data = data_of((x[::2], np.zeros(3000, int), x[1::2], np.zeros(3000, int)), 1)
    found = {finding.kind.code: finding for finding in findings(data)}
    assert [len(group) for group in found["MLP-D05"].groups] == [6000]


def test_which_rows_are_equal_agrees_with_numpy(clean: Arrays) -> None:
    rng = np.random.default_rng(2)
    for values in (
        rng.integers(0, 3, (300, 2, 2), np.uint8),
        rng.integers(0, 2, (300, 5), np.uint8),
        rng.integers(0, 2, (200, 2, 4)) / 3 - 1 / 3,
    ):
        labels = np.zeros(len(values) // 2, int)
        survey = Survey(data_of((values[::2], labels, values[1::2], labels), 1))
        values = np.concatenate([values[::2], values[1::2]])
        flat = values.reshape(len(values), -1)
        inverse, counts = np.unique(flat, axis=0, return_inverse=True, return_counts=True)[1:]
        expected = [np.flatnonzero(inverse == group) for group in np.flatnonzero(counts > 1)]
        blank = survey.is_blank
        expected = sorted(rows.tolist() for rows in expected if not blank[rows[0]])
        assert [rows.tolist() for rows in equal_rows(survey)] == expected


def test_codes_are_complete() -> None:
    assert list(KINDS) == [f"MLP-D{number:02}" for number in range(1, len(KINDS) + 1)]


@pytest.mark.slow
def test_what_is_known_of_mnist_and_fashion_mnist(mnist: Data, fashion_mnist: Data) -> None:
    """NumPy finds no equal images in either. The nearly equal ones of Fashion-MNIST correlate as they should."""
    for data in (mnist, fashion_mnist):
        images = np.concatenate([part.images.reshape(len(part), -1) for part in (data.train, data.test)])
        assert len(np.unique(images.view("V784"))) == 70_000
    assert findings(mnist) == []
    found = {finding.kind.code: finding for finding in findings(fashion_mnist)}
    assert sorted(found) == ["MLP-D05", "MLP-D06"]
    images = {"train": fashion_mnist.train.images, "test": fashion_mnist.test.images}
    for finding in found.values():
        for group in finding.groups:
            alike = np.corrcoef([images[split][row].ravel() for split, row in group])
            assert (np.sort(alike, axis=1)[:, -2] >= LEAST).all()


@pytest.mark.slow
def test_planted_copies_in_fashion_mnist_are_found(fashion_mnist: Data) -> None:
    x, tx = fashion_mnist.train.images.copy(), fashion_mnist.test.images.copy()
    y, ty = fashion_mnist.train.labels.copy(), fashion_mnist.test.labels.copy()
    tx[100], ty[100] = x[200], y[200]
    x[300], y[300] = 255 - x[400], y[400]
    x[500], y[500] = x[600], (y[600] + 1) % 10
    found = {finding.kind.code: finding.rows for finding in findings(data_of((x, y, tx, ty)))}
    assert sorted(found) == ["MLP-D03", "MLP-D04", "MLP-D05", "MLP-D06", "MLP-D13"]
    assert found["MLP-D03"] == {"train": (200,), "test": (100,)}
    assert found["MLP-D04"] == {"train": (500, 600)}
    assert found["MLP-D13"] == {"train": (300,)}


def test_what_the_quick_checks_find_is_remembered_with_the_data():
    rng = np.random.default_rng(0)
    arrays = rng.random((40, 5)), np.tile([0, 1], 20)
    first, second = load((arrays, arrays)), load((arrays, arrays))
    assert brief_findings(first)
    assert brief_findings(first) is brief_findings(first)
    assert brief_findings(first) is not brief_findings(second)


def test_checks_say_what_loading_warns_about_and_nothing_is_said_twice():
    rng = np.random.default_rng(0)
    train, test = (rng.random((40, 6, 6)) * 200, np.tile([0, 1], 20)), (rng.random((40, 6, 6)), np.tile([1, 2], 20))
    with pytest.warns(UserWarning, match="scale both|No training row") as warned:
        load((train, test))
    assert [str(each.message)[:15] for each in warned] == ["The training in", "No training row"]
    codes = [finding.kind.code for finding in check_data((train, test))]  # without a warning
    assert {"MLP-D09", "MLP-D15"} <= set(codes)
