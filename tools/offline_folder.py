"""Fill a folder with all that a class needs without a network: wheels, data sets, notebooks, and installers.

`mlplab course stick` runs this file. It leaves the wheels to pip: pip downloads those of the lock file for each system
and Python version, checks their hashes, and skips the ones that are in the folder already.
"""

import contextlib
import errno
import gzip
import hashlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import distribution, version
from pathlib import Path
from string import Template
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement
from packaging.tags import mac_platforms

from mlplab.datasets import find_entry
from mlplab.datasets.cache import cache_folder, locked, store
from mlplab.datasets.published.fetch import fetch_entry
from mlplab.errors import DataError, FetchError, MlplabError, UsageError, unknown_name

Targets = list[tuple[str, str]]  # names of systems with Python versions
Requirements = list[tuple[Requirement, str]]  # of a lock, with the hashes
DATASETS = ("fashion-mnist", "mnist")
INSTALLERS = sorted(Path(__file__).parent.glob("installers/*.*"))
CONTENTS = (
    *(path.name for path in INSTALLERS),
    "cache",
    "data",
    "notebooks",
    "requirements.txt",
    "stick.json",
    "wheels",
)
FORMAT = 1
PATCH_RELEASES = 40  # more than any Python version has had
BATCH = 12  # packages in one call of pip, which keeps none of them if one fails
AGAIN = "What was fetched so far is kept; run the same command again."
REASONS = (
    ("No module named pip", "this Python has no pip. Type 'python -m ensurepip' or 'uv pip install pip', and repeat."),
    ("No space left|File too large|quota exceeded|not enough space", f"a disk is full. Make room. {AGAIN}"),
    (
        r"Retrying \(|Max retries|Failed to establish|name resolution|getaddrinfo|ConnectTimeout|ReadTimeout|ProxyError"
        "|Network is unreachable|Connection (?:refused|reset|broken|aborted)",
        f"pip cannot reach its registry. Connect to the network. {AGAIN}",
    ),
    (
        r"DO NOT MATCH THE HASHES.*?^\s+(\S+==\S+)",
        "the registry's {} has another hash than the lock's. Use another one.",
    ),
    (
        r"No matching distribution found for (\S+)",
        "the registry has no wheel of {} for it. Choose another version with --python, or leave this system out.",
    ),
)
"""What to search for in pip's output, and the sentence for it."""


class System(NamedTuple):
    """A kind of machine: title, markers, platform tags. Wheels for older systems come first: more machines run them."""

    title: str
    os_name: str
    sys_platform: str
    platform_system: str
    platform_machine: str
    platforms: list[str]


_MANYLINUX = ["manylinux1", "manylinux2010", "manylinux2014", *(f"manylinux_2_{minor}" for minor in range(5, 29))]
_LINUX, _ARM = ([f"{tag}_{machine}" for tag in _MANYLINUX] for machine in ("x86_64", "aarch64"))
_MAC = list(mac_platforms((14, 0), "arm64"))[::-1]
SYSTEMS = {
    "windows": System("Windows (x86-64)", "nt", "win32", "Windows", "AMD64", ["win_amd64"]),
    "macos": System("macOS (Apple silicon)", "posix", "darwin", "Darwin", "arm64", _MAC),
    "linux": System("Linux (x86-64)", "posix", "linux", "Linux", "x86_64", _LINUX),
    "linux-arm": System("Linux (ARM, 64 bits)", "posix", "linux", "Linux", "aarch64", _ARM),
}


def fill(
    folder: Path, targets: Targets, datasets: Sequence[str], say: Callable[[str], None], lock: Path, notebooks: Path
) -> dict[str, Any]:
    """Fill the folder for the targets, and return what is in it. A later call with the same lock adds to it.

    Raises:
        UsageError: if a name is unknown, or the folder contains other files under the names of `CONTENTS`.
        FetchError: if something cannot be downloaded, or the folder cannot be written.
    """
    names = [find_entry(name).name for name in datasets or DATASETS]
    wheels, requirements = folder / "wheels", read_lock(lock)
    with _raising_fetch_errors(folder):
        _check_free(folder)
        with locked(folder, say) as scratch:
            facts = {"format": FORMAT, "lock": hashlib.sha256(lock.read_bytes()).hexdigest()}
            earlier_targets, earlier_names = _read_complete(folder, facts)
            facts["targets"] = targets = list(dict.fromkeys([*earlier_targets, *targets]))
            facts["datasets"] = names = list(dict.fromkeys([*earlier_names, *names]))
            for target in targets:
                download_wheels(requirements, target, wheels, scratch, say)
            say("The wheels of mlplab and pip.")
            facts |= {"mlplab": _add_mlplab(wheels, scratch), "pip": _add_pip(wheels, scratch)}
            facts["gzipped"] = put_data(names, folder / "data", scratch, say)
            _copy(sorted((cache_folder() / "course").glob("*.json")), folder / "cache" / "course", scratch)
            _copy(sorted(notebooks.glob("*.ipynb")), folder / "notebooks", scratch)
            store(lock.read_bytes(), folder / "requirements.txt", scratch)
            _put_installers(folder, targets, scratch)
            store(json.dumps(facts, indent=1).encode() + b"\n", folder / "stick.json", scratch)
    files = [path for name in CONTENTS for path in (folder / name, *(folder / name).rglob("*")) if path.is_file()]
    return {
        "folder": str(folder.resolve()),
        "targets": targets,
        "datasets": names,
        "wheels": sum(path.suffix == ".whl" for path in files),
        "notebooks": sum(path.suffix == ".ipynb" for path in files),
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
    }


def find_targets(systems: Sequence[str], pythons: Sequence[str]) -> Targets:
    """Return each system (by default this machine's) with each Python version (by default this Python's)."""
    for name in systems:
        if name not in SYSTEMS:
            raise UsageError(unknown_name("system", name, SYSTEMS))
    for python in pythons:
        if not re.fullmatch(r"\d+\.\d+", python):
            raise UsageError(f"A Python version is two numbers, such as 3.12; got {python!r}.")
        if not re.fullmatch(r"3\.(1[1-9]|[2-9]\d)", python):
            raise UsageError(f"mlplab needs Python 3.11 or a newer 3.x; got {python}.")
    here = (sys.platform, platform.machine().lower())
    systems = systems or [
        name for name, it in SYSTEMS.items() if (it.sys_platform, it.platform_machine.lower()) == here
    ]
    if not systems:
        raise UsageError(f"JAX has no wheels for this machine. Choose systems with --system: {', '.join(SYSTEMS)}.")
    pythons = pythons or [f"{sys.version_info.major}.{sys.version_info.minor}"]
    return [(name, python) for name in systems for python in pythons]


def _check_free(folder: Path) -> None:
    """Refuse to overwrite files of somebody else. An earlier call has left one of two files."""
    present = [name for name in (".lock", "stick.json", *CONTENTS) if (folder / name).exists()]
    if present and present[0] not in (".lock", "stick.json"):
        raise UsageError(f"{folder} has a {present[0]} already. Choose an empty folder, such as {folder / 'mlplab'}.")


def _read_complete(folder: Path, facts: Mapping[str, Any]) -> tuple[Targets, list[str]]:
    """Return the targets and data sets of a complete folder; one with other facts starts again."""
    with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        known = json.loads((folder / "stick.json").read_bytes())
        if known | facts == known:
            targets = [target for system, python in known["targets"] for target in find_targets([system], [python])]
            return targets, [find_entry(name).name for name in known["datasets"]]
    (folder / "stick.json").unlink(missing_ok=True)
    return [], []


def read_lock(path: Path) -> Requirements:
    """Return each requirement of a lock file with the options (hashes) that follow it."""
    lines = path.read_text("utf-8").replace("\\\n", " ").splitlines()
    parts = [line.partition(" --hash=") for line in lines if line.strip() and not line.startswith("#")]
    return [(Requirement(text), f"--hash={hashes}") for text, _, hashes in parts]


def select(requirements: Requirements, system: System, python: str) -> list[list[str]]:
    """Return the lines for pip that a target needs, without markers: pip evaluates those for the Python that runs it.

    The patch release of a learner's Python is unknown, so all lines that any of them needs are there. They come in
    groups, in which each package stands once, as pip demands.
    """
    groups: list[list[str]] = []
    for patch in range(PATCH_RELEASES):
        markers = {name: value for name, value in system._asdict().items() if isinstance(value, str)}
        markers |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
        markers |= {"python_version": python, "python_full_version": f"{python}.{patch}"}
        needed = [
            f"{requirement.name}{requirement.specifier} {hashes}"
            for requirement, hashes in requirements
            if requirement.marker is None or requirement.marker.evaluate(markers)
        ]
        groups.append([line for line in needed if not any(line in group for group in groups)])
    return [group for group in groups if group]


def download_wheels(
    requirements: Requirements, target: tuple[str, str], wheels: Path, scratch: Path, say: Callable[[str], None]
) -> None:
    """Let pip download what a target needs. Wheels in the folder are kept if their hash is right."""
    system, python = SYSTEMS[target[0]], target[1]
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--implementation=cp", "--progress-bar=off"]
    options += [f"--python-version={python}.{PATCH_RELEASES - 1}", f"--abi=cp{python.replace('.', '')}"]
    options += [f"--platform={tag}" for tag in system.platforms]
    groups = select(requirements, system, python)
    batches = [group[start : start + BATCH] for group in groups for start in range(0, len(group), BATCH)]
    purpose, file = f"Wheels for {system.title}, Python {python}", scratch / "batch.txt"
    for number, batch in enumerate(batches, 1):
        file.write_text("\n".join(batch), "utf-8")
        run_pip(["download", *options, f"--dest={wheels}", f"--requirement={file}"], purpose)
        say(f"{purpose}: part {number} of {len(batches)}.")


def run_pip(arguments: Sequence[str], purpose: str) -> None:
    """Run pip, with the registry of the user's configuration. `FetchError` says what went wrong and what to do."""
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        for pattern, sentence in REASONS:
            if match := re.search(pattern, done.stderr, re.IGNORECASE | re.DOTALL | re.MULTILINE):
                raise FetchError(f"{purpose} could not be fetched: {sentence.format(*match.groups())}")
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()][-3:]
        raise FetchError(f"{purpose} could not be fetched. pip says: {' '.join(last)}")


def _add_mlplab(wheels: Path, scratch: Path) -> str:
    """Build the wheel of this mlplab from where it was installed from (`direct_url.json`, PEP 610)."""
    origin = json.loads(distribution("mlplab").read_text("direct_url.json") or "{}")
    url, options = origin.get("url", f"mlplab=={version('mlplab')}"), []
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    elif url.startswith("file:"):
        url = url2pathname(urlsplit(url).path)
        if os.path.isdir(url) and importlib.util.find_spec("hatchling") and importlib.util.find_spec("editables"):
            options = ["--no-build-isolation"]
    run_pip(["wheel", "--no-deps", *options, f"--wheel-dir={scratch}", url], "mlplab's own wheel")
    return _move_wheel("mlplab", scratch, wheels)


def _add_pip(wheels: Path, scratch: Path) -> str:
    """Add pip's wheel: with it, install.py sets up a Python without ensurepip (Debian's, Ubuntu's) as well."""
    if present := sorted(wheels.glob("pip-*.whl")):
        return present[-1].name
    run_pip(["download", "--no-deps", "--only-binary=:all:", f"--dest={scratch}", "pip"], "pip's own wheel")
    return _move_wheel("pip", scratch, wheels)


def _move_wheel(name: str, scratch: Path, wheels: Path) -> str:
    (wheel,) = scratch.glob(f"{name}-*.whl")
    store(wheel.read_bytes(), wheels / wheel.name, scratch)
    return wheel.name


def put_data(names: Sequence[str], folder: Path, scratch: Path, say: Callable[[str], None]) -> list[str]:
    """Write the files of data sets, gzipped, where `MLPLAB_DATA` expects them. Files with the right hash stay.

    Returns:
        Names of the folders whose files must stay gzipped, because only the gzipped file can be verified.
    """
    gzipped = {}
    for entry in map(find_entry, names):
        (folder / entry.folder).mkdir(parents=True, exist_ok=True)
        for payload in entry.payloads:
            path = folder / entry.folder / f"{payload.file}.gz"
            gzipped |= {entry.folder: None} if payload.md5 else {}
            with contextlib.suppress(OSError, DataError):
                payload.read(path)
                continue
            say(f"{entry.name}: {payload.file}.")
            fetched = fetch_entry(entry)[payload.file]
            kept = payload.read(fetched.path).kept if payload.md5 else gzip.compress(fetched.content, 6, mtime=0)
            store(kept, path, scratch)
    return list(gzipped)


def _copy(paths: Sequence[Path], folder: Path, scratch: Path) -> None:
    for path in paths:
        folder.mkdir(parents=True, exist_ok=True)
        store(path.read_bytes(), folder / path.name, scratch)


def _put_installers(folder: Path, targets: Targets, scratch: Path) -> None:
    """Write what a learner starts, and the page that says how; Windows wants its own line ends in two of them."""
    titles = "\n".join(f"  {SYSTEMS[system].title}, Python {python}" for system, python in targets)
    pythons = sorted({python for _, python in targets}, key=lambda python: int(python.removeprefix("3.")))
    for path in INSTALLERS:
        text = path.read_text("utf-8")
        if path.suffix == ".txt":
            text = Template(text).substitute(systems=titles, pythons=" or ".join(pythons))
        if path.suffix in (".bat", ".txt"):
            text = text.replace("\n", "\r\n")
        store(text.encode(), folder / path.name, scratch)
    with contextlib.suppress(OSError):  # some file systems have no such bit, and 'sh install.sh' needs none
        (folder / "install.sh").chmod(0o755)


@contextlib.contextmanager
def _raising_fetch_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the operating system about the folder into a `FetchError`."""
    try:
        yield
    except MlplabError:
        raise
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        room = f"Make room: a system with a Python version needs some 300 MB. {AGAIN}"
        remedy = room if full else "Choose a folder that you may write to. Is the stick locked?"
        raise FetchError(f"{folder} cannot be written ({error.strerror or error}). {remedy}") from error
