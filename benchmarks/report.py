"""Describe the machine and its load, alternate rounds, compute medians, print a table, and save results as JSON.

Imports the standard library only. A program that starts others to measure their memory has to stay small
itself: on Linux a child's peak memory counts that of the process it was forked from.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
LOAD = "load beyond our own"
"""Cores that programs other than the benchmark and its child processes keep busy, on average, of those it may use."""
MOST_LOAD = 0.5
"""What was measured beside a load above this is measured again."""

T = TypeVar("T")


def machine() -> dict[str, Any]:
    """Processor, GPUs, usable cores, bytes of memory, operating system, the load of the last minute, that of others.

    The load of others is measured for a second; it is None on systems other than Linux. Warns if it is above 0.5.
    """
    others = _load_of_a_second()
    if (others or 0) > MOST_LOAD:
        print(f"Other programs keep {others} cores busy: measure again when they are done.", file=sys.stderr)
    gpus = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return {
        "cpu": _cpu_model(),
        **({"gpu": gpus.splitlines()} if gpus else {}),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "os": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
        LOAD: others,
    }


class _Counters(NamedTuple):
    """Seconds that have passed, that usable cores have worked, and that this process and its ended children have."""

    clock: float
    busy: float
    own: float


def _counters() -> _Counters | None:
    """Return the counters as they are now; None on systems without /proc/stat (proc(5))."""
    path = Path("/proc/stat")
    if not path.exists():
        return None
    cores = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    ticks = 0
    for line in path.read_text().splitlines():
        name, *fields = line.split()
        if name in cores:
            user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])  # without idle and iowait
            ticks += user + nice + system + irq + softirq + steal
    own = os.times()
    return _Counters(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), sum(own[:4]))


_BEGIN = _counters()
"""When the benchmark started."""


def _load_since(begin: _Counters | None) -> float | None:
    now = _counters()
    if begin is None or now is None:
        return None
    others = (now.busy - begin.busy) - (now.own - begin.own)
    return round(max(0.0, others) / (now.clock - begin.clock), 2)


def _load_of_a_second() -> float | None:
    begin = _counters()
    time.sleep(1)
    return _load_since(begin)


def load_until_now(on: Mapping[str, Any]) -> dict[str, float | None]:
    """Return, and print, the load of others before the benchmark, while it ran, and now that it has ended.

    Args:
        on: the result of `machine()` before the benchmark.
    """
    load = {"at the start": on[LOAD], "meanwhile": _load_since(_BEGIN), "at the end": _load_of_a_second()}
    if None not in load.values():
        busy = ", ".join(f"{cores} {when}" for when, cores in load.items())
        again = max(cores or 0 for cores in load.values()) > MOST_LOAD
        print(f"\nCores busy with other programs: {busy}." + " Above 0.5: measure again." * again)
    return load


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of the code, with "+changes" if src or benchmarks differ from it; None outside git."""
    head = _output("git", "rev-parse", "HEAD")
    changes = _output("git", "status", "--porcelain", "--", "src", "benchmarks", ":!benchmarks/results")
    return f"{head}+changes" if head and changes else head


def _output(*command: str) -> str | None:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def versions(*packages: str) -> dict[str, str]:
    """This interpreter's version and those of the packages that it has."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def alternating(items: Sequence[T], rounds: int) -> Iterator[tuple[int, T]]:
    """(round, item) for every item in every round; each round goes the other way than the one before."""
    for number in range(rounds):
        for item in items if number % 2 == 0 else reversed(items):
            yield number, item


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, smallest and largest, and the quartiles, between which lie half of the values."""
    values = list(values)
    lower, median, upper = statistics.quantiles(values, method="inclusive") if len(values) > 1 else values * 3
    return {"median": median, "min": min(values), "max": max(values), "lower quartile": lower, "upper quartile": upper}


def compared(ours: float, theirs: float, name: str, unit: str = "fast") -> str:
    """Say whether mlplab (`ours`) or a peer is better and by how much, where less is better."""
    if ours <= theirs:
        return f"mlplab is {theirs / ours:.2f} times as {unit} as {name}"
    return f"{name} is {ours / theirs:.2f} times as {unit} as mlplab"


def add_results_option(parser: argparse.ArgumentParser) -> None:
    """Add --results FOLDER, which `save` takes as `folder`."""
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", help="where the result is written (default benchmarks/results)"
    )


def save(
    name: str,
    payload: Mapping[str, Any],
    on: Mapping[str, Any] | None = None,
    packages: Sequence[str] = (),
    folder: Path | None = None,
) -> None:
    """Write NAME.json: date, commit, machine, load and versions, then the payload. Print the load and the path.

    Args:
        name: name of the benchmark.
        payload: number of rounds and figures.
        on: the result of `machine()` before the benchmark started; by default it is read now.
        packages: whose versions are written; none where the payload has those of each contestant.
        folder: where the file is written, benchmarks/results by default.
    """
    on = on or machine()
    head = {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "machine": on,
        LOAD: load_until_now(on),
    }
    if packages:
        head["versions"] = versions(*packages)
    folder = folder or RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**head, **payload}, indent=1) + "\n")
    print(f"Saved: {os.path.relpath(path)}")


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns, the first aligned to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        name, *figures = zip(row, widths, strict=True)
        print("  ".join([name[0].ljust(name[1]), *(cell.rjust(width) for cell, width in figures)]))


def against_keras(kind: str, unit: str, seen: Mapping[tuple[str, str], Sequence[float]]) -> dict[str, Any]:
    """Print, and return for a result file, what was measured by "mlplab" and "keras", and the ratio of the two.

    Args:
        kind: what was compared, the head of the first column.
        unit: of the values.
        seen: the values of each round, by (name, "mlplab" or "keras").
    """
    results, rows = {}, []
    for name in dict.fromkeys(name for name, _ in seen):
        values = {who: spread(seen[name, who]) for who in ("mlplab", "keras")}
        ratio = spread(a / b for a, b in zip(seen[name, "mlplab"], seen[name, "keras"], strict=True))
        results[name] = {unit: values, "ratio": ratio}
        medians = (f"{each['median']:,.0f}" for each in values.values())
        rows.append([name, *medians, f"{ratio['median']:.2f}"])
    print()
    print_table([kind, f"mlplab, {unit}", f"keras, {unit}", "ratio"], rows)
    return results
