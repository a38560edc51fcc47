"""Pages of the server in a real browser, under the policy that the server sends."""

import shutil

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from server_process import Server

from mlplab.serving.run_files import PAGE


@pytest.fixture(scope="module")
def page():
    """A page of Chromium, and what its console said."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("There is no Chromium: apt-get install chromium")  # fails in CI: tests/conftest.py
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox", "--disable-gpu"])
        opened = browser.new_page()
        said: list[str] = []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        yield opened, said
        browser.close()


@pytest.mark.slow
def test_a_person_draws_or_chooses_images(page, digits_served, digits, digits_run, tmp_path):
    opened, said = page
    run = shutil.copytree(digits_served.path, tmp_path / "plain")
    (run / PAGE).unlink()
    images = digits.test.images[:2]
    files = [tmp_path / f"{row}.png" for row in range(len(images))]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image * 15).save(file)
    with Server(f"digits={digits_served.path}", f"plain={run}") as server:
        opened.goto(f"{server.url}/page/plain")  # whose drawing page is not made yet
        opened.set_input_files("#files", files)
        opened.wait_for_selector("#chosen .card:nth-of-type(2)")
        names = digits_run.class_names
        expected = [names[best] for best in digits_run.predict(images).argmax(1)]
        headings = opened.locator("#chosen h2").all_text_contents()
        assert headings == [f"{row}.png: {name}" for row, name in enumerate(expected)]
        opened.goto(f"{server.url}/page/digits")
        predicted = opened.evaluate("pixels => mlplab.predict(pixels)", images[0].ravel().tolist())
        np.testing.assert_allclose(np.ravel(list(predicted)), digits_run.predict(images[:1])[0], rtol=0, atol=1e-5)
        for address in ("/", "/docs"):
            assert opened.goto(f"{server.url}{address}").status == 200
    assert said == []
