"""Files that a server needs of a run: its network as ONNX, its page. Each is made once, by a child process, and kept.

A child process, because making them takes Keras and JAX, which would stay in the server's memory.
"""

import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from mlplab import __version__
from mlplab.errors import ModelError, flag
from mlplab.runs import Run
from mlplab.serving.predictor import Predictor

ONNX, PAGE = "network.onnx", "page.html"
"""Files in a run directory: the network, and the page on which a person draws."""

_END_SECONDS = 2.0

_log = logging.getLogger("mlplab.serving")


def onnx_file(run: Run, sha256: str, elsewhere: Path, say: Callable[[str], object]) -> Path:
    """Return a run's network as an ONNX file, which is made if there is none, or one of other weights.

    Args:
        run: a finished run.
        sha256: of its weights, as the file has it.
        elsewhere: a folder for the file of a run that cannot be written into.
        say: is told what takes long.

    Raises:
        ModelError: for a network that has no form in ONNX, with the layer's name.
    """
    kept = run.directory.kept_file(ONNX)
    if kept is not None and _is_of(kept, sha256):
        return kept
    say(f"Making {ONNX} of {run.path.name}, once: it takes a few seconds …")
    content = _exported(run, "onnx")
    run.directory.keep_file(ONNX, content)
    kept = run.directory.kept_file(ONNX)
    if kept is not None and kept.read_bytes() == content:
        return kept
    elsewhere.mkdir(parents=True)
    (elsewhere / ONNX).write_bytes(content)
    return elsewhere / ONNX


def _is_of(path: Path, sha256: str) -> bool:
    """Return whether a file is the ONNX file of weights, made by this version."""
    try:
        metadata = Predictor(path).metadata
    except (ModelError, OSError):
        return False
    return metadata.get("sha256") == sha256 and metadata.get("mlplab_version") == __version__


def kept_page(run: Run, sha256: str) -> str | None:
    """Return the page of a run with these weights on which a person draws; None if it is not made yet."""
    kept = run.directory.kept_file(PAGE)
    html = None if kept is None else kept.read_text("utf-8")
    return html if html is not None and html.endswith(mark(sha256)) else None


def mark(sha256: str) -> str:
    """Return the end of a kept page, which says whose it is."""
    return f"<!-- {__version__} {sha256} -->\n"


class PageMaker(threading.Thread):
    """Makes pages while the server answers already.

    Args:
        runs: by the names of their models, with the SHA-256 of their weights.
        done: is called with a name and its page.
    """

    def __init__(self, runs: Mapping[str, tuple[Run, str]], done: Callable[[str, str], object]):
        super().__init__(name="pages", daemon=True)
        self._runs, self._done = runs, done
        self._child: subprocess.Popen[str] | None = None
        self._is_ended = False

    def run(self) -> None:
        for name, (run, sha256) in self._runs.items():
            try:
                html = _exported(run, "html", self._begin).decode() + mark(sha256)
            except (ModelError, OSError) as error:
                if self._is_ended:
                    return
                _log.warning(f"The page of {name} could not be made: {error}")
                continue
            run.directory.keep_file(PAGE, html.encode())
            self._done(name, html)

    def _begin(self, child: "subprocess.Popen[str]") -> None:
        self._child = child
        if self._is_ended:
            child.terminate()

    def end(self) -> None:
        """End the child process, if there is one, and what it leaves behind."""
        self._is_ended = True
        if self._child is not None:
            self._child.terminate()
        self.join(_END_SECONDS)


def _exported(run: Run, format: str, begin: "Callable[[subprocess.Popen[str]], object]" = lambda _: None) -> bytes:
    """Return a run in a format, exported by a child process. `begin`: gets that process."""
    with tempfile.TemporaryDirectory(prefix="mlplab-") as folder:
        out = Path(folder) / "exported"
        words = ["export", str(run.path), flag("format"), format, flag("out"), str(out), flag("quiet")]
        pipe = subprocess.PIPE
        with subprocess.Popen([sys.executable, "-m", "mlplab", *words], stdout=pipe, stderr=pipe, text=True) as child:
            begin(child)
            stderr = child.communicate()[1]
        if child.returncode:
            reason = stderr.strip().removeprefix("Error: ") or f"the export ended with {child.returncode}"
            raise ModelError(f"{run.path.name} cannot be served: {reason}")
        return out.read_bytes()
