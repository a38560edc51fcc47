"""Describe the machine, alternate rounds, compute medians, print a table, and save results as JSON.

Imports the standard library only. A program that starts others to measure their memory has to stay small
itself: on Linux a child's peak memory counts that of the process it was forked from.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

T = TypeVar("T")


def machine() -> dict[str, Any]:
    """Processor, usable cores, memory in bytes, operating system, and the load of the last minute."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "os": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
    }


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


def save(
    name: str, payload: Mapping[str, Any], on: Mapping[str, Any] | None = None, packages: Sequence[str] = ()
) -> None:
    """Write benchmarks/results/NAME.json: date, commit, machine, load and versions, then the payload. Print its path.

    Args:
        name: name of the benchmark.
        payload: number of rounds and figures.
        on: the result of `machine()` before the benchmark started; by default it is read now.
        packages: whose versions are written; none where the payload has those of each contestant.
    """
    now = machine()
    head = {
        "benchmark": name,
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "machine": on or now,
        "load at the end": now["load"],
    }
    if packages:
        head["versions"] = versions(*packages)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({**head, **payload}, indent=1) + "\n")
    print(f"\nSaved: {path.relative_to(ROOT)}")


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
