"""What the test suite promises about itself: CI skips nothing, and workers make shared files once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = {
    "test_module.py": "import pytest\npytest.importorskip('no_such_package')\ndef test_it(): pass\n",
    "test_function.py": "import pytest\ndef test_it(): pytest.skip('no such program')\n",
    "test_mark.py": "import pytest\n@pytest.mark.skipif(True, reason='no such system')\ndef test_it(): pass\n",
    "test_expected.py": "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n",
}


@pytest.mark.parametrize(("ci", "says"), [("true", "1 failed, 1 xfailed, 2 errors"), ("", "3 skipped, 1 xfailed")])
def test_ci_skips_nothing(ci, says, tmp_path):
    for name in ("conftest.py", "compiled_programs.py"):
        shutil.copy(Path(__file__).parent / name, tmp_path)
    for name, text in SKIPPING.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "--continue-on-collection-errors", "."]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"CI": ci}, capture_output=True, text=True, check=False
    )
    assert says in done.stdout
    assert "no such program" in done.stdout
    assert "no_such_package" in done.stdout


def test_files_are_made_once_and_again_after_a_failure(once, request):
    name, calls = f"once-{request.node.name}", []

    def make(path):
        calls.append(path)
        path.mkdir()
        assert len(calls) > 1, "the first attempt fails"

    with pytest.raises(AssertionError, match="the first attempt fails"):
        once(name, make)
    assert once(name, make) == once(name, make) == calls[1]
    assert len(calls) == 2
