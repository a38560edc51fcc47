"""Pictures that an exported page is given, against `mlplab.predict_files` and the preparation of files."""

import base64

import numpy as np
import pytest
from drawing_pages import agree, answered, as_file, as_picture, as_text, exported, in_page, ready, serious, shares

import mlplab
from mlplab.datasets.images.framing import Framing
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.reading import Reading
from mlplab.exports.page.images import Images

pytestmark = pytest.mark.slow


PREPARATIONS = {
    "mnist": ((28, 28), {}, None, {"background": "dark", "box": 20, "centre": (14.0, 13.99)}),
    "on light": ((24, 20), {}, None, {"background": "light", "box": 18, "centre": None}),
    "no box": ((28, 28), {}, None, {"background": "dark", "box": None, "centre": None}),
    "fractions": ((28, 28, 1), {}, {"dtype": "float32", "low": 0, "high": 1.0}, None),
    "sixteen": ((8, 8), {}, {"dtype": "uint8", "low": 0, "high": 16}, {"background": "dark", "box": 8, "centre": None}),
    "resized": ((30, 20), {"size": "30x20", "invert": True}, None, None),
    "cropped": ((48, 32, 3), {"size": "48x32", "crop": True}, None, None),
    "margins": ((20, 24, 3), {"size": "20x24"}, None, None),
}


def pictures(rng) -> dict[str, np.ndarray]:
    """Pictures such as people give: a photo of a drawing, a negative, dirt, a small one, another shape, noise."""
    y, x = np.mgrid[:300, :400]
    stroke = np.abs(np.hypot(x - 180, y - 140) - 70) < 9
    paper = 200 + 20 * x / 400 - 15 * y / 300 + rng.normal(0, 2, x.shape)
    photo = np.where(stroke, 60, paper).clip(0, 255).astype(np.uint8)
    dirty = photo.copy()
    dirty[20:23, 30:33] = 40
    return {
        "photo": photo,
        "negative": 255 - photo[40:260, 60:300],
        "dirty": dirty,
        "small": photo[60:220, 100:260][::5, ::5],
        "wide": np.repeat(photo[:60], 2, axis=1),
        "noise": rng.integers(0, 256, (90, 130), np.uint8),
        "of the size": photo[100:128, 150:178],
        "blank": np.full((50, 60), 250, np.uint8),
    }


@pytest.mark.parametrize("name", PREPARATIONS)
def test_pictures_are_prepared_as_for_files(visit, mnist_page, rng, name):
    shape, reading, trained, framing = PREPARATIONS[name]
    how = Preparation.of(shape, Reading.of(**reading), trained, framing and Framing(**framing), as_is=False)
    images = Images(how, how.white or 255, (0.0,), np.zeros(0, int), True, False)
    page = ready(visit, mnist_page.path).page
    for what, picture in pictures(rng).items():
        colour = np.stack([picture, picture[::-1], 255 - picture], -1) if shape[2:] == (3,) else picture
        [(expected, _)] = how.pictures([as_picture(colour)])
        found = page.evaluate(
            """([size, text, how]) => mlplab.prepare(
                { ...size, data: Uint8Array.from(atob(text), (one) => one.charCodeAt(0)) }, how)""",
            [
                {"height": colour.shape[0], "width": colour.shape[1], "channels": 3 if colour.ndim == 3 else 1},
                as_text(colour),
                images.for_script(),
            ],
        )
        differences = np.abs(np.array(found) - expected.reshape(-1).astype(float)) * 255 / images.white
        assert differences.max() <= (16 if images.white == 16 else 3), what
        assert differences.mean() < 0.6, what


def test_files_are_chosen_dropped_and_pasted(visit, mnist_page, rng, tmp_path):
    page = ready(visit, mnist_page.path).page
    photo = pictures(rng)["photo"]
    path = tmp_path / "zero.png"
    path.write_bytes(as_file(photo))
    expected = mlplab.predict_files(mnist_page.run, path, verbose=0).probabilities[0]
    page.set_input_files("#file", path)
    assert answered(page, "The image zero.png").startswith(f"The image zero.png: {expected.argmax()}, ")
    np.testing.assert_allclose(shares(page), expected, atol=0.02)
    give = """([name, text, kind]) => { const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], name, { type: "image/png" }));
        const Kind = kind === "drop" ? DragEvent : ClipboardEvent;
        const data = kind === "drop" ? { dataTransfer: transfer } : { clipboardData: transfer };
        document.body.dispatchEvent(new Kind(kind, { bubbles: true, cancelable: true, ...data })); }"""
    text = base64.b64encode(as_file(255 - photo)).decode()
    for name, kind in (("dropped.png", "drop"), ("pasted.png", "paste")):
        page.click("#clear")
        page.evaluate(give, [name, text, kind])
        answered(page, f"The image {name}")
        np.testing.assert_allclose(shares(page), expected, atol=0.02)
    page.evaluate(give, ["<b>broken</b>.png", base64.b64encode(b"no image").decode(), "drop"])
    page.wait_for_function("() => document.querySelector('#problem').textContent")
    assert page.inner_text("#problem").startswith("<b>broken</b>.png is no image that the browser can read.")


def test_colour_images_are_chosen_but_not_drawn(visit, rng, tmp_path):
    images = rng.integers(0, 256, (90, 48, 32, 3), np.uint8)
    labels = np.arange(90) % 3
    images[np.arange(90), :, :, labels] //= 3
    data = mlplab.load(
        ((images[:60], labels[:60]), (images[60:], labels[60:])), class_names=("<i>reddish</i>", "greenish", "bluish")
    )
    run = mlplab.train(data, hidden=[6], epochs=3, validation=0, verbose=0, out=tmp_path / "colour")
    made = exported(run, tmp_path, data)
    assert "no drawing" in " ".join(made.written.notes)
    opened = ready(visit, made.path)
    page = opened.page
    assert page.locator("#pad").count() == 0
    agree(in_page(page, images[60:]), run.predict(images[60:]))
    assert "<i>reddish</i>" in page.inner_text("#bars")
    path = tmp_path / "photo.png"
    path.write_bytes(as_file(images[70].repeat(3, 0).repeat(3, 1)))
    page.set_input_files("#file", path)
    answered(page, "The image photo.png")
    np.testing.assert_allclose(shares(page), mlplab.predict_files(run, path, verbose=0).probabilities[0], atol=0.02)
    page.locator("#strip button").nth(4).click()
    answered(page, "Test image")
    assert serious(page) == []
    assert opened.errors == []
