"""Milliseconds from a stroke to new probabilities on the page that `mlplab export --format html` writes, in Chromium.

The notebook's network on Fashion-MNIST and one of two hidden layers on MNIST are trained and exported. A mouse then
draws rings and lines on each page in turn. The page measures each frame itself: preparing the drawing, the network, the
bars, the units and the gradient. The heat map, which may wait for a pause, is measured apart.

    .venv/bin/python benchmarks/drawing_page.py
"""

import argparse
import math
import shutil
import tempfile
from pathlib import Path

import report
from playwright.sync_api import Browser, Page, sync_playwright

import mlplab

_NETWORKS = {"784-20-10": ("fashion-mnist", [20]), "784-128-64-10": ("mnist", [128, 64])}
_FRAMES = 60
_PACE = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    on = report.machine()
    frames: dict[str, list[float]] = {name: [] for name in _NETWORKS}
    heat: dict[str, list[float]] = {name: [] for name in _NETWORKS}
    sizes = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        pages = {name: _open(browser, name, Path(folder)) for name in _NETWORKS}
        for name, (page, size) in pages.items():
            sizes[name] = size
            _draw(page)  # compiles the scripts
        for _, (name, (page, _)) in report.alternating(list(pages.items()), rounds):
            page.evaluate("() => { mlplab.page.took.length = 0; }")
            _draw(page)
            frames[name] += page.evaluate("mlplab.page.took")
            heat[name].append(page.evaluate("mlplab.page.cost"))
        browser.close()
    figures = {name: {**report.spread(each), "p95": _p95(each)} for name, each in frames.items()}
    heats = {name: report.spread(each) for name, each in heat.items()}
    rows = []
    for name, each in figures.items():
        times = [*(each[key] for key in ("median", "p95", "max")), heats[name]["median"]]
        rows.append((name, *(f"{time:.1f}" for time in times), f"{sizes[name] / 1000:.0f}"))
    report.print_table(("network", "frame, median ms", "p95", "max", "heat map, median ms", "KB"), rows)
    payload = {
        "n": {name: len(each) for name, each in frames.items()},
        "milliseconds": figures,
        "heat map, milliseconds": heats,
        "bytes": sizes,
    }
    report.save("drawing_page", payload, on, ("mlplab", "playwright", "keras"))


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def _open(browser: Browser, name: str, folder: Path) -> tuple[Page, int]:
    """Return the page of a newly trained network, and its size in bytes."""
    data, hidden = _NETWORKS[name]
    run = mlplab.train(data, hidden=hidden, epochs=2, seed=0, verbose=0, out=folder / name)
    exported = mlplab.export(run, out=folder / f"{name}.html")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(exported.path.as_uri())
    page.wait_for_function("() => window.mlplab")
    return page, exported.bytes


def _draw(page: Page) -> None:
    """Draw a ring and a line through it, at the pace of a screen."""
    page.click("#clear")
    box = page.locator("#pad").bounding_box()
    assert box is not None
    turns = [2 * math.pi * step / _FRAMES for step in range(_FRAMES + 1)]
    ring = [(0.5 + 0.25 * math.sin(turn), 0.5 - 0.35 * math.cos(turn)) for turn in turns]
    for stroke in (ring, [(0.2 + 0.01 * step, 0.5) for step in range(_FRAMES)]):
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
            page.wait_for_timeout(_PACE)
        page.mouse.up()
    page.wait_for_timeout(300)


if __name__ == "__main__":
    main()
