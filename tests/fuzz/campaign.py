"""Fuzz the readers: `make fuzz`, or `python tests/fuzz/campaign.py [READER …] [--seconds N]`.

Each reader runs in a process of its own, guided by what the inputs reach in Python code (Atheris, libFuzzer). One
exception but `MlplabError`, one broken promise of `targets.py`, 10 s for an input, or 1 GB of memory end it; the input
is kept. `python tests/fuzz/campaign.py READER --input FILE` reads such an input again, without Atheris.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE.parent.parent / ".fuzz"
LIMITS = ["-timeout=10", "-rss_limit_mb=1024", "-max_len=65536", "-print_final_stats=1", "-verbosity=1"]


def main() -> int:
    from targets import TARGETS

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("reader", nargs="*", help=f"any of {', '.join(TARGETS)}; by default all")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader (60)")
    parser.add_argument("--input", type=Path, help="read this file alone")
    options = parser.parse_args()
    readers = options.reader or list(TARGETS)
    if unknown := set(readers) - set(TARGETS):
        parser.error(f"unknown readers: {', '.join(sorted(unknown))}. Known: {', '.join(TARGETS)}.")
    if options.input and len(options.reader) != 1:
        parser.error(f"--input reads one file with one reader: got {len(options.reader)}. Name one before --input.")
    if options.input:
        return once(readers[0], options.input)
    return max([fuzz(reader, options.seconds) for reader in readers])


def once(reader: str, file: Path) -> int:
    """Read one input, as `fuzz` does. A traceback says what is wrong."""
    from targets import TARGETS, no_cache

    no_cache()
    with tempfile.TemporaryDirectory() as folder:
        TARGETS[reader].check(Path(folder), file.read_bytes())
    print(f"{reader}: {file} is read, or refused with one message.")
    return 0


def fuzz(reader: str, seconds: int) -> int:
    """Fuzz one reader in a process, and print what came of it. Returns 1 if something was found."""
    corpus, found = KEPT / reader / "corpus", KEPT / reader / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    command = [sys.executable, str(HERE / "fuzzer.py"), reader, str(corpus), f"-artifact_prefix={found}/"]
    done = subprocess.run([*command, f"-max_total_time={seconds}", *LIMITS], capture_output=True, text=True)
    stats = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
    inputs, peak = (int(stats.get(name, 0)) for name in ("number_of_executed_units", "peak_rss_mb"))
    print(f"{reader:12} {inputs:>10,} inputs, at most {peak:,} MB", flush=True)
    for path in sorted(set(found.iterdir()) - before):
        print(f"  found {path.name}. Again: {sys.executable} {__file__} {reader} --input {path}")
    if done.returncode:
        print(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
