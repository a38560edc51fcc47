"""Call a server with others' clients: `make clients`.

Triton's and KServe's clients, unmodified, get predictions of a run from a real server; schemathesis then sends it
thousands of requests, right and wrong ones, and holds the answers against the server's OpenAPI. They live in
.peers/clients.

    python tests/clients/run.py [--cases 10000]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PROGRAMS = ROOT / ".peers" / "clients" / "bin"
sys.path.insert(0, str(ROOT / "tests" / "serving"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000, help="of schemathesis, at least (default 10000)")
    arguments = parser.parse_args()
    from server_process import Server

    import mlplab

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        run = mlplab.train("digits", hidden=[16], epochs=3, seed=0, out=path / "digits", verbose=0)
        rows = mlplab.load("digits").test.images
        np.savez(path / "rows.npz", rows=rows, probabilities=run.predict(rows))
        with Server(run.path) as server:
            clients = [PROGRAMS / "python", HERE / "call.py", server.url, path / "rows.npz"]
            return subprocess.run(clients, check=False).returncode or schemathesis(server.url, path, arguments.cases)


def schemathesis(url: str, folder: Path, cases: int) -> int:
    """Run schemathesis in rounds with seeds of their own until it has sent enough requests."""
    sent, seed = 0, 0
    while sent < cases:
        report = folder / f"report-{seed}.json"
        words = ["--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json", "--seed", seed]
        words += ["--report", "json", "--report-json-path", report, "--max-examples", 300, "--no-color"]
        done = subprocess.run([PROGRAMS / "schemathesis", *map(str, words)], check=False, cwd=folder)
        if done.returncode:
            return done.returncode
        counted = json.loads(report.read_text())["test_cases"]
        sent += counted["generated"] if isinstance(counted, dict) else int(counted)
        seed += 1
    print(f"schemathesis: {sent:,} requests, no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
