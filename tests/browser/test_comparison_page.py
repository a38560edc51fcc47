"""The page of a comparison, in a real browser."""

import json
import re

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from mlplab.inspection.comparison import compare

HOSTILE = "<script>alert(1)</script>"
NAMES = (
    HOSTILE,
    "<img src=x onerror=alert(2)>",
    "three",
    'a"b',
    "&amp;",
    "{{ 7 * 7 }}",
    "six",
    "seven",
    "eight",
    "$9$",
)


@pytest.fixture(scope="module")
def comparison(digits):
    """Two made-up classifiers of digits, of which the first is better; names that would be code if not escaped."""
    rng = np.random.default_rng(0)
    sure = np.eye(10)[digits.test.labels]
    given = {HOSTILE: 4.0, "</script><b>plain": 1.5, "third": 3.9}
    scores = {name: rng.gumbel(size=sure.shape) + strength * sure for name, strength in given.items()}
    probabilities = {name: np.exp(s) / np.exp(s).sum(1, keepdims=True) for name, s in scores.items()}
    return compare(probabilities, digits.test.labels, digits.test.images, class_names=NAMES)


@pytest.fixture
def opened(comparison, visit, tmp_path):
    """Opens the page: (width, scheme) → the page, and what it said and asked for."""
    path = comparison.save(tmp_path / "comparison.html")

    def open_page(width=1280, scheme="light"):
        made = visit(path, width, scheme)
        made.page.wait_for_selector("#tiles li")
        return made.page, made.errors, [url for url in made.requests if not url.startswith("file:")]

    return open_page


def test_it_asks_for_nothing_says_nothing_and_runs_no_name(opened):
    page, said, asked = opened()
    page.select_option("#gallery", "1")
    assert said == []
    assert asked == []
    assert page.locator("main img, main script, main b b").count() == 0
    assert HOSTILE in page.locator("h1").inner_text()
    assert page.locator("#classes tbody th").first.inner_text() == HOSTILE
    assert "</script><b>plain right" in page.locator("#gallery option").nth(1).inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_and_fits(opened, width, scheme):
    page, _, _ = opened(width, scheme)
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def said(text, run, name):
    """The per cent that a tile gives the answer `name` of a run."""
    found = re.search(rf"{re.escape(f'{run}: {name}')} \((?:>\s)?(\d+)\s%\)", text)
    assert found, text
    return int(found[1])


def test_a_gallery_has_the_rows_that_the_table_has(opened, comparison):
    page, _, _ = opened()
    first, second, _ = comparison.names
    table = comparison.gallery(second, first)
    page.select_option("#gallery", label=f"{second} right, {first} wrong ({len(table)})")
    while page.locator("#more").is_visible():
        page.click("#more")
    tiles = page.locator("#tiles li")
    assert tiles.count() == len(table)
    for position in (0, len(table) // 2, len(table) - 1):
        row = table.rows()[position]
        text = tiles.nth(position).inner_text()
        assert f"{row['true']} #{row['index']}" in text
        assert said(text, second, row["predicted_a"]) == pytest.approx(100 * row["confidence_a"], abs=1)
        assert said(text, first, row["predicted_b"]) == pytest.approx(100 * row["confidence_b"], abs=1)


def test_a_gallery_can_be_narrowed_to_a_class(opened, comparison):
    page, _, _ = opened()
    first, second, _ = comparison.names
    table = comparison.gallery(first, second)
    wanted = int((table["true"] == "six").sum())
    page.select_option("#of-class", label=f"six ({wanted})")
    page.wait_for_function("[...document.querySelectorAll('#tiles b')].every((b) => b.textContent === 'six')")
    shown = min(wanted, 48)
    assert page.locator("#tiles li").count() == shown
    assert page.locator("#found").inner_text().startswith(f"{shown} of {wanted} shown.")


def test_its_images_are_those_of_the_rows(opened, comparison, digits):
    page, _, _ = opened()
    first, second, _ = comparison.names
    index = comparison.gallery(first, second)["index"][0]
    page.wait_for_function(
        "() => { const c = document.querySelector('#tiles canvas'); return c.getContext('2d').getImageData(0, 0, "
        "c.width, c.height).data.some((v, i) => i % 4 !== 3 && v > 0) }"
    )
    pixels = page.evaluate(
        "() => { const c = document.querySelector('#tiles canvas'); return [...c.getContext('2d').getImageData(0, 0, "
        "c.width, c.height).data].filter((_, i) => i % 4 === 0) }"
    )
    expected = digits.test.images[index].astype(float).ravel()
    assert np.corrcoef(pixels, expected)[0, 1] > 0.98
    assert max(pixels) > 200  # digits' bytes end at 16: shown as they are, they would be black


def test_tables_can_be_sorted_by_keyboard(opened, comparison):
    page, _, _ = opened()
    button = page.locator("#classes thead button", has_text="only b").first
    button.focus()
    page.keyboard.press("Enter")
    values = [int(value) for value in page.locator("#classes tbody td:last-child").all_inner_texts()]
    assert values == sorted(comparison.classes["only_b"].tolist())


def test_a_page_without_images_and_without_disagreements(tmp_path):
    labels = np.array([0, 1, 1])
    same = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    page = compare({"a": same, "b": same}, labels).save(tmp_path / "page.html").read_text("utf-8")
    assert "a and b get the same rows right" in page
    told = json.loads(page.partition('id="disagreeing">')[2].partition("</script>")[0])
    assert told["layout"] is None
    assert [one["rows"] for one in told["galleries"]] == [[], []]
