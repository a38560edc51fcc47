"""The wheels of a stick: those of the lock, for each target, mlplab's own, and pip's."""

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import distribution, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlplab.course.stick.lock import Pin
from mlplab.course.stick.pip import run_pip
from mlplab.course.stick.shelf import Shelf
from mlplab.course.stick.systems import Target
from mlplab.errors import FetchError

_BATCH = 12


def fetch_wheels(
    pins: Sequence[Pin], target: Target, shelf: Shelf, scratch: Path, say: Callable[[str], None]
) -> set[Path]:
    """Brings what `target` needs onto the shelf, and gives where it lies.

    What arrives is taken over a dozen at a time, so that a later call goes on where this one was stopped.

    Raises:
        FetchError: if a wheel cannot be had; the message says why.
        OSError: if the shelf cannot be written.
    """
    tags = target.tags()
    missing = shelf.missing(pins, tags)
    say(f"{target}: {len(pins)} wheels, {len(pins) - len(missing)} of them here.")
    fetched = size = 0
    for batch in _batches(missing):
        for wheel in _download(batch, target, scratch):
            size += shelf.put(wheel, scratch).stat().st_size
            wheel.unlink()
        fetched += len(batch)
        say(f"  fetched {fetched} of {len(missing)}, {size / 1e6:.0f} MB")
    still = shelf.missing(pins, tags)
    if still:
        names = ", ".join(f"{pin.name} {pin.version}" for pin in still)
        raise FetchError(f"pip did not deliver what was asked for: {names}, for {target}.")
    return {path for pin in pins if (path := shelf.find(pin, tags))}


def _batches(pins: Sequence[Pin]) -> Iterator[list[Pin]]:
    """No package is in one of them twice: pip refuses two versions at once."""
    batch: list[Pin] = []
    for pin in pins:
        if len(batch) == _BATCH or pin.name in [other.name for other in batch]:
            yield batch
            batch = []
        batch.append(pin)
    if batch:
        yield batch


def _download(pins: Sequence[Pin], target: Target, scratch: Path) -> list[Path]:
    arriving = scratch / "arriving"
    arriving.mkdir(exist_ok=True)
    wanted = scratch / "wanted.txt"
    wanted.write_text("".join(f"{pin.line}\n" for pin in pins), "utf-8")
    arguments = ["download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--progress-bar=off"]
    run_pip(
        [*arguments, *target.pip_arguments(), "--dest", str(arriving), "--requirement", str(wanted)],
        f"Wheels for {target}",
    )
    return sorted(arriving.glob("*.whl"))


def own_wheel(shelf: Shelf, scratch: Path) -> Path:
    """mlplab's own wheel, made from where this mlplab was installed from.

    Raises:
        FetchError: if it cannot be made, with what to do.
        OSError: if the shelf cannot be written.
    """
    made = scratch / "own"
    made.mkdir()
    arguments = ["wheel", "--no-deps", "--wheel-dir", str(made), *_where_from()]
    run_pip(arguments, "mlplab's own wheel")
    return shelf.put(next(made.glob("mlplab-*.whl")), scratch)


def _where_from() -> list[str]:
    """As pip takes it. PEP 610 says what `direct_url.json` holds; without one, mlplab came from the registry."""
    text = distribution("mlplab").read_text("direct_url.json")
    if text is None:
        return [f"mlplab=={version('mlplab')}"]
    origin = json.loads(text)
    url = origin["url"]
    if "vcs_info" in origin:
        subdirectory = f"#subdirectory={origin['subdirectory']}" if "subdirectory" in origin else ""
        return [f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}{subdirectory}"]
    if urlsplit(url).scheme != "file":
        return [url]
    path = Path(url2pathname(urlsplit(url).path))
    if not path.exists():
        raise FetchError(
            f"mlplab was installed from {path}, which is no longer there, so its wheel cannot be made. "
            "Install mlplab again, and run the same command again."
        )
    build_here = path.is_dir() and find_spec("hatchling") is not None and find_spec("editables") is not None
    return ["--no-build-isolation", str(path)] if build_here else [str(path)]


def pip_wheel(shelf: Shelf, scratch: Path) -> Path:
    """pip as a wheel: with it, a Python without ensurepip (Debian's, Ubuntu's) is set up as well."""
    if here := shelf.wheels("pip"):
        return here[-1]
    arriving = scratch / "pip"
    run_pip(["download", "--no-deps", "--only-binary=:all:", "--dest", str(arriving), "pip"], "pip's own wheel")
    return shelf.put(next(arriving.glob("pip-*.whl")), scratch)
