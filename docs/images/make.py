"""Makes the pictures of the documents: what `mlplab train` prints for the notebook's network, figures, the report.

Needs the development environment and Chromium: .venv/bin/python docs/images/make.py [NAME …]
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console

import mlplab
from mlplab.table import Table

HERE = Path(__file__).parent
WIDTH = 1600
COMMAND = "mlplab train fashion-mnist --hidden 20 --epochs 10 --batch-size 32 --validation 0 --report"


def main(names: list[str]) -> None:
    """Make the pictures with these names, such as "report"; all without any."""
    if not names or "train" in names:
        _terminal()
    with tempfile.TemporaryDirectory() as folder:
        run = mlplab.train("fashion-mnist", hidden=[20], epochs=10, seed=0, out=Path(folder) / "notebook", verbose=0)
        shirts = mlplab.show_failures(run, trueclass="Shirt", predictedclass="T-shirt/top", order="loss", maxtoshow=20)
        pictures = {
            "failures": lambda path: shirts.save(path),
            "curves": lambda path: mlplab.show_curves(run).save(path),
            "figures-scores": lambda path: _scores(run).save(path, optimize=True),
            "figures-network": lambda path: _looks(run, int(shirts["index"][0])).save(path, optimize=True),
            "report": lambda path: _screenshot(mlplab.report(run)).save(path, optimize=True),
            "drawing": lambda path: _drawn(_digits_page(Path(folder))).save(path, optimize=True),
        }
        for name, make in pictures.items():
            if not names or name in names:
                make(HERE / f"{name}.png")


def _digits_page(folder: Path) -> Path:
    digits = mlplab.train("mnist", hidden=[128, 64], epochs=5, seed=0, out=folder / "digits", verbose=0)
    return mlplab.export(digits, out=folder / "digits.html").path


def _scores(run: mlplab.Run) -> Image.Image:
    return _beside([mlplab.show_confusion(run), mlplab.classification_report(run), mlplab.show_calibration(run)])


def _looks(run: mlplab.Run, index: int) -> Image.Image:
    """What the network looks at, in general and in one image."""
    looks = _below([mlplab.show_units(run), mlplab.show_saliency(run, index), mlplab.show_neighbours(run, index)])
    return _row([looks, _image(mlplab.show_projection(run))])


def _terminal() -> None:
    """The output of the README's first command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", *COMMAND.split()]
        environment = {**os.environ, "COLUMNS": "97"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    console = Console(record=True, width=97, file=io.StringIO())
    console.print(f"$ {COMMAND}", style="bold", markup=False, highlight=False)
    for line in done.stderr.rstrip().splitlines():
        bold = "bold" if line.startswith("Test accuracy") else ""
        console.print(line, style=bold, markup=False, highlight=False)
    svg = re.sub(r"@font-face \{.*?\}|<!--.*?-->", "", console.export_svg(title="mlplab"), flags=re.DOTALL)
    fonts = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'
    (HERE / "train.svg").write_text(svg.replace("Fira Code, monospace", fonts), encoding="utf-8")


def _image(table: Table) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder, Image.open(table.save(Path(folder) / "figure.png")) as image:
        return image.convert("RGB")


def _beside(tables: list[Table]) -> Image.Image:
    return _row([_image(table) for table in tables])


def _below(tables: list[Table]) -> Image.Image:
    images = [_image(table) for table in tables]
    width = max(image.width for image in images)
    scaled = [_scaled(image, width, round(image.height * width / image.width)) for image in images]
    return Image.fromarray(np.concatenate([np.asarray(image) for image in scaled]))


def _row(images: list[Image.Image]) -> Image.Image:
    """Images of one height beside each other, `WIDTH` pixels wide in all."""
    height = round(WIDTH / sum(image.width / image.height for image in images))
    scaled = [_scaled(image, round(image.width * height / image.height), height) for image in images]
    return Image.fromarray(np.concatenate([np.asarray(image) for image in scaled], axis=1))


def _scaled(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.LANCZOS)


_THREE = [
    (0.36, 0.27), (0.45, 0.2), (0.57, 0.2), (0.66, 0.27), (0.66, 0.36), (0.58, 0.44), (0.47, 0.47), (0.58, 0.49),
    (0.68, 0.56), (0.7, 0.66), (0.63, 0.76), (0.51, 0.8), (0.4, 0.78), (0.32, 0.71),
]  # fmt: skip
"""A stroke, on a pad whose sides are 1 long."""


def _drawn(page: Path) -> Image.Image:
    """The head of an exported page, with a drawn digit."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(viewport={"width": 1280, "height": 850}, color_scheme="light")
        opened.goto(page.as_uri())
        opened.wait_for_function("() => window.mlplab")
        box = opened.locator("#pad").bounding_box()
        assert box
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in _THREE]
        opened.mouse.move(*points[0])
        opened.mouse.down()
        for point in points[1:]:
            opened.mouse.move(*point, steps=5)
        opened.mouse.up()
        opened.wait_for_timeout(500)  # until the heat map is drawn
        opened.screenshot(path=f"{folder}/page.png")
        browser.close()
        return Image.open(f"{folder}/page.png").convert("RGB")


def _screenshot(page: Path) -> Image.Image:
    """The report's head, its confusion matrix with a cell pressed, and the images of that cell."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page(
            viewport={"width": 1280, "height": 1000}, color_scheme="light", reduced_motion="reduce"
        )
        opened.goto(page.as_uri())
        opened.screenshot(path=f"{folder}/head.png", clip={"x": 0, "y": 0, "width": 1280, "height": 520})
        opened.click('#matrix button[aria-label^="true Shirt, predicted T-shirt/top:"]')
        opened.wait_for_timeout(500)  # until the images are drawn
        opened.evaluate("window.scrollTo(0, 0)")
        parts = [f"{folder}/head.png"]
        for name, height in (("confusion", 800), ("images", 560)):
            box = opened.locator(f"#{name}").bounding_box()
            assert box
            y = box["y"] + opened.evaluate("window.scrollY")
            opened.screenshot(
                path=f"{folder}/{name}.png", full_page=True, clip={"x": 0, "y": y, "width": 1280, "height": height}
            )
            parts.append(f"{folder}/{name}.png")
        browser.close()
        return Image.fromarray(np.concatenate([np.asarray(Image.open(part).convert("RGB")) for part in parts]))


if __name__ == "__main__":
    main(sys.argv[1:])
