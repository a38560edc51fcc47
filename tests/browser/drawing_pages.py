"""Exported pages in a browser: strokes on them, what they show, and what their script computes."""

import base64
import io
from types import SimpleNamespace
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from mlplab.datasets.readers.rows import Picture
from mlplab.exports import export


def exported(run, folder, data=None) -> Any:
    """The page of a run, with what is written of its numbers."""
    path = folder / f"{run.path.name}.html"
    return SimpleNamespace(run=run, path=path, written=export(run, out=path, data=data))


def ready(visit, path, **options):
    opened = visit(path, **options)
    opened.page.wait_for_function("() => window.mlplab")
    return opened


def draw(page, strokes) -> None:
    page.click("#clear")
    box = page.locator("#pad").bounding_box()
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=3)
        page.mouse.up()
    answered(page, "Your drawing")


def painted(page) -> None:
    """Wait until the page has shown what happened before."""
    page.evaluate(
        "() => { window.painted = 0; requestAnimationFrame(() => requestAnimationFrame(() => painted = 2)); }"
    )
    page.wait_for_function("() => window.painted === 2")  # an awaited promise would have no time limit


def answered(page, start) -> str:
    """Wait until the text for screen readers begins with some words, and return it."""
    page.wait_for_function("(start) => document.querySelector('#said').textContent.startsWith(start)", arg=start)
    return page.text_content("#said")


def drawn_image(page) -> np.ndarray:
    """The pad as a scan of it, uint8 (h, w)."""
    image = page.evaluate("(() => { const { width, data } = mlplab.page.pad.image(); return [width, [...data]]; })()")
    return np.array(image[1], np.uint8).reshape(-1, image[0])


def received(page) -> np.ndarray:
    """The inputs of the network that are shown, uint8."""
    return np.array(
        page.evaluate("""() => { const shown = document.querySelector("canvas.received");
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [shown.width, shown.height];
            canvas.getContext("2d").drawImage(shown, 0, 0);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [...data].filter((_, at) => at % 4 !== 3); }""")
    ).astype(np.uint8)


def shares(page) -> np.ndarray:
    """The lengths of the bars."""
    return np.array(
        page.eval_on_selector_all("#bars b", "all => all.map((bar) => Number(bar.style.transform.slice(7, -1)))")
    )


def as_file(image) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def as_text(array) -> str:
    """The bytes of an array in base64."""
    return base64.b64encode(np.ascontiguousarray(array)).decode()


def as_picture(image) -> Picture:
    content = as_file(image)
    return Picture("picture", lambda: content)


def in_page(page, inputs) -> np.ndarray:
    """The probabilities that the page's network gives for many raw inputs."""
    text = page.evaluate(
        """([text, size, isBytes]) => { const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        const all = isBytes ? bytes : new Float32Array(bytes.buffer);
        const found = Array.from({ length: all.length / size },
            (_, k) => mlplab.predict(all.subarray(k * size, (k + 1) * size)));
        const numbers = new Uint8Array(Float64Array.from(found.flat()).buffer);
        let text64 = "";
        numbers.forEach((one) => { text64 += String.fromCharCode(one); });
        return btoa(text64); }""",
        [as_text(inputs), int(np.prod(inputs.shape[1:])), inputs.dtype == "uint8"],
    )
    return np.frombuffer(base64.b64decode(text)).reshape(len(inputs), -1)


def agree(probabilities, expected) -> None:
    """Assert that probabilities are the run's, and classes too, ties aside."""
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    answers = probabilities.argmax(1)
    rows = np.arange(len(answers))
    assert ((answers == expected.argmax(1)) | (expected.max(1) - expected[rows, answers] < 2e-5)).all()


def serious(page) -> list[str]:
    return [
        f"{violation['id']}: {node['target']}"
        for violation in Axe().run(page).response["violations"]
        for node in violation["nodes"]
    ]
