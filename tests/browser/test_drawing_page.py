"""The exported page in a browser: drawn digits, keys, touches, switched-off units; accessible and of a phone's size."""

import numpy as np
import pytest
from drawing_pages import answered, as_picture, draw, drawn_image, exported, painted, ready, received, serious, shares
from strokes import DIGITS

import mlplab
from mlplab.runs.preparation import preparation_of

pytestmark = pytest.mark.slow


def test_it_reads_ten_drawn_digits_as_the_run_reads_scans_of_them(visit, mnist_page):
    opened = ready(visit, mnist_page.path)
    page = opened.page
    right = []
    for digit, strokes in DIGITS.items():
        draw(page, strokes)
        [(expected, done)] = preparation_of(mnist_page.run).pictures([as_picture(drawn_image(page))])
        shown = received(page).reshape(28, 28, 3)[..., 0].astype(int)
        assert done == "framed"
        assert np.abs(shown - expected).max() <= 2
        p = mnist_page.run.predict(expected[None])[0]
        assert shares(page).argmax() == p.argmax()
        np.testing.assert_allclose(shares(page), p, atol=0.02)
        right.append(page.inner_text("#result-now .answer-name") == str(digit))
    assert sum(right) >= 9
    assert opened.errors == []
    assert opened.requests == [mnist_page.path.as_uri()]


def test_units_are_switched_off_and_noise_is_added(visit, fashion_page):
    page = ready(visit, fashion_page.path).page
    page.locator("#strip button").nth(2).click()
    answered(page, "Test image")
    before = shares(page)
    first, last = fashion_page.run.model.get_weights()[:2], fashion_page.run.model.get_weights()[2:]
    index = int(page.locator("#strip button").nth(2).get_attribute("aria-label").split()[2].rstrip(","))
    image = mlplab.load("fashion-mnist", quiet=True).test.inputs[index].reshape(-1) / 255
    hidden = np.maximum(image @ first[0] + first[1], 0)
    units = np.argsort(-hidden)[:3]
    for unit in units:
        page.get_by_role("button", name=f"Unit {unit}", exact=True).click()
    page.wait_for_function("() => document.querySelector('#broken').textContent === '3 units are off.'")
    hidden[units] = 0
    logits = hidden @ last[0] + last[1]
    expected = np.exp(logits - logits.max())
    painted(page)
    np.testing.assert_allclose(shares(page), expected / expected.sum(), atol=1e-4)
    assert not np.allclose(shares(page), before, atol=1e-3)
    page.click("#repair")
    painted(page)
    np.testing.assert_allclose(shares(page), before, atol=1e-9)
    calm = received(page)
    page.locator("#noise").focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#broken').textContent.startsWith('30')")
    page.wait_for_function("() => document.querySelector('#score').textContent.includes('unbroken')")
    assert np.abs(received(page).astype(int) - calm).mean() > 10
    page.click("#repair")
    painted(page)
    assert np.array_equal(received(page), calm)
    assert page.locator("#repair").is_disabled()


def test_the_keyboard_draws_undoes_and_chooses(visit, mnist_page, mnist):
    page = ready(visit, mnist_page.path).page
    page.locator("#pad").focus()
    for key in ["ArrowUp"] * 8 + ["Space"] + ["ArrowDown"] * 16 + ["Space"]:
        page.keyboard.press(key)
    assert answered(page, "Your drawing").startswith("Your drawing: 1, ")
    page.keyboard.press("Backspace")
    page.wait_for_function("() => document.querySelector('.answer-name').textContent === '–'")
    page.locator("#strip button[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    said = answered(page, "Test image")
    index = int(said.split(",")[0].removeprefix("Test image "))
    assert mnist.test.labels[index] == 2
    assert f"labelled 2: {mnist_page.run.predict(mnist.test.inputs[[index]])[0].argmax()}, " in said
    assert (received(page).reshape(28, 28, 3)[..., 0] == mnist.test.inputs[index]).all()
    assert page.get_attribute("#strip [aria-current=true]", "aria-label").startswith(f"Test image {index},")
    page.locator("#layers button[tabindex='0']").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Space")
    assert page.get_by_role("button", name="Unit 63", exact=True).get_attribute("aria-pressed") == "true"


def test_a_finger_draws_and_does_not_scroll(chromium, mnist_page):
    context = chromium.new_context(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(mnist_page.path.as_uri())
    page.wait_for_function("() => window.mlplab")
    box = page.locator("#pad").bounding_box()
    client = context.new_cdp_session(page)

    def swipe(x: float) -> float:
        """Drag a finger upwards, and return how far the page scrolled."""
        points = [{"x": x, "y": box["y"] + (0.85 - 0.07 * step) * box["height"]} for step in range(11)]
        client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points[:1]})
        for point in points[1:]:
            client.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
            painted(page)
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        painted(page)
        return page.evaluate("scrollY")

    assert swipe(box["x"] + box["width"] / 2) == 0
    assert page.inner_text("#result-now .answer-name") == "1"
    assert swipe(8) > 50  # beside the pad a finger scrolls
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_and_fits(visit, mnist_page, fashion_page, width, scheme):
    for exported_page in (mnist_page, fashion_page):
        opened = ready(visit, exported_page.path, width=width, scheme=scheme)
        page = opened.page
        assert serious(page) == []
        page.locator("#strip button").nth(1).click()
        page.locator("#layers button").first.click()
        page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": b"no image"})
        page.wait_for_function("() => document.querySelector('#problem').textContent")
        assert serious(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.click("#theme")
        page.click("#theme")
        assert serious(page) == []
        assert opened.errors == []


def test_a_run_without_its_data_has_a_page_without_test_images(visit, unbalanced_run, tmp_path):
    made = exported(unbalanced_run, tmp_path)
    assert not made.written.check.real
    opened = ready(visit, made.path)
    page = opened.page
    assert page.locator("#strip").count() == 0
    draw(page, DIGITS[3])
    assert page.inner_text("#result-now .answer-name") in unbalanced_run.class_names
    assert serious(page) == []
    assert opened.errors == []
