"""Every reader, given files that were changed at random: a data set, or one message that names the file.

`make fuzz` does the same for longer, guided by what the inputs reach.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import campaign
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from targets import TARGETS, Target, no_cache


@pytest.fixture(scope="module", autouse=True)
def cache():
    with pytest.MonkeyPatch.context() as patch:
        no_cache(patch.setenv)
        yield


@st.composite
def changed(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A real file with some bytes changed, left out, put in or doubled; or bytes alone."""
    content = draw(st.sampled_from(seeds) | st.binary(max_size=64))
    for _ in range(draw(st.integers(0, 3))):
        start, length = draw(st.integers(0, len(content))), draw(st.integers(0, 8))
        part = draw(st.binary(max_size=8) | st.sampled_from([b"\xff" * 8, bytes(8), content[start:], content]))
        content = content[:start] + part + content[start + length :]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_changed_files_are_read_or_refused_with_one_message(target: Target):
    if target in (TARGETS["parquet"], TARGETS["predict-parquet"]):
        pytest.importorskip("pyarrow", reason='Parquet needs pyarrow: pip install "mlplab[data]"')

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(changed(target.seeds()))
    def check(content: bytes) -> None:
        target.check(Path(folder), content)

    with tempfile.TemporaryDirectory() as folder:
        check()


FOUND = sorted((Path(__file__).parent / "found").iterdir())


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_files_that_fuzzing_found(path: Path):
    """In a process of its own, which such a file ended. The name of a file begins with its reader."""
    reader = max((name for name in TARGETS if path.name.startswith(f"{name}-")), key=len)
    if reader.endswith("parquet"):
        pytest.importorskip("pyarrow", reason='Parquet needs pyarrow: pip install "mlplab[data]"')
    command = [sys.executable, str(Path(__file__).with_name("campaign.py")), reader, "--input", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_input_is_read_again_by_the_reader_that_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["campaign.py", "--input", "a"])
    with pytest.raises(SystemExit):
        campaign.main()
    assert "--input reads one file with one reader: got 0" in capsys.readouterr().err
