"""The page of a comparison, in a real browser."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from mlplab.inspection.comparison import compare

pytestmark = pytest.mark.slow

POPULATION = Path(__file__).parents[1] / "compatibility/0.1.0/population-finished"
HOSTILE = "<script>alert(1)</script>"
NAMES = (
    *(HOSTILE, "<img src=x onerror=alert(2)>", "three", 'a"b', "&amp;"),
    *("{{ 7 * 7 }}", "six", "seven", "eight", "$9$"),
)


@pytest.fixture(scope="module")
def comparison(digits):
    """Three made-up classifiers of digits. Their names would be code if they were not escaped."""
    rng = np.random.default_rng(0)
    sure = np.eye(10)[digits.test.labels]
    strengths = {HOSTILE: 4.0, "</script><b>plain": 1.5, "third": 3.9}
    scores = {name: rng.gumbel(size=sure.shape) + strength * sure for name, strength in strengths.items()}
    probabilities = {name: np.exp(s) / np.exp(s).sum(1, keepdims=True) for name, s in scores.items()}
    return compare(probabilities, digits.test.labels, digits.test.images, class_names=NAMES)


@pytest.fixture(scope="module")
def path(comparison, tmp_path_factory):
    return comparison.save(tmp_path_factory.mktemp("comparison") / "comparison.html")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_fits_requests_nothing_and_runs_no_name(visit, path, width, scheme):
    opened = visit(path, width, scheme)
    page = opened.page
    page.wait_for_selector("#tiles li")
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.select_option("#gallery", "1")
    assert opened.errors == []
    assert opened.requests == [path.as_uri()]
    assert page.locator("main img, main script, main b b").count() == 0
    assert HOSTILE in page.locator("h1").inner_text()
    assert page.locator("#classes tbody th").first.inner_text() == HOSTILE
    assert "</script><b>plain right" in page.locator("#gallery option").nth(1).inner_text()


BROKEN_WORDS = """() => {
  const broken = [], walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (node.parentElement.closest("svg, pre, code, .unseen")) continue;
    for (const word of node.textContent.matchAll(/[^\\s\\u00a0\\u2013\\-/]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = [...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top));
      if (new Set(lines).size > 1) broken.push(word[0]);
    }
  }
  return broken;
}"""


def test_no_word_breaks_on_a_phone(visit, tmp_path):
    names = ("dropout=0_hidden=16", "dropout=0.2_hidden=4")
    paths = [shutil.copytree(POPULATION, tmp_path / name) for name in names]
    kept = dict(np.load(paths[1] / "predictions-test.npz"))
    other = np.roll(kept.pop("probabilities"), 1, axis=1)  # so that the two disagree
    np.savez(paths[1] / "predictions-test.npz", probabilities=other, **kept)
    page = visit(compare(*paths).save(tmp_path / "page.html"), 390).page
    page.wait_for_selector("#tiles li")
    assert page.evaluate(BROKEN_WORDS) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("#groups tbody th").first.inner_text() == names[0]


def confidence(text, run, name):
    """The per cent in a tile for the answer `name` of a run."""
    match = re.search(rf"{re.escape(f'{run}: {name}')} \((?:>\s)?(\d+)\s%\)", text)
    assert match, text
    return int(match[1])


def test_galleries_have_the_rows_and_images_of_the_tables(visit, path, comparison, digits):
    page = visit(path).page
    first, second, _ = comparison.names
    table = comparison.gallery(first, second)
    page.wait_for_function(
        "() => { const c = document.querySelector('#tiles canvas'); return c.getContext('2d').getImageData(0, 0, "
        "c.width, c.height).data.some((v, i) => i % 4 !== 3 && v > 0) }"
    )
    pixels = page.evaluate(
        "() => { const c = document.querySelector('#tiles canvas'); return [...c.getContext('2d').getImageData(0, 0, "
        "c.width, c.height).data].filter((_, i) => i % 4 === 0) }"
    )
    assert np.corrcoef(pixels, digits.test.images[table["index"][0]].astype(float).ravel())[0, 1] > 0.98
    assert max(pixels) > 200  # without rescaling, bytes up to 16 would look black

    count = int((table["true"] == "six").sum())
    page.select_option("#of-class", label=f"six ({count})")
    page.wait_for_function("[...document.querySelectorAll('#tiles b')].every((b) => b.textContent === 'six')")
    assert page.locator("#tiles li").count() == min(count, 48)
    assert page.locator("#found").inner_text().startswith(f"{min(count, 48)} of {count} shown.")

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
        assert confidence(text, second, row["predicted_a"]) == pytest.approx(100 * row["confidence_a"], abs=1)
        assert confidence(text, first, row["predicted_b"]) == pytest.approx(100 * row["confidence_b"], abs=1)

    page.locator("#classes thead button", has_text="only b").first.focus()
    page.keyboard.press("Enter")
    values = [int(value) for value in page.locator("#classes tbody td:last-child").all_inner_texts()]
    assert values == sorted(comparison.classes["only_b"].tolist())


def test_a_page_without_images_and_without_disagreements(tmp_path):
    labels = np.array([0, 1, 1])
    same = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    page = compare({"a": same, "b": same}, labels).save(tmp_path / "page.html").read_text("utf-8")
    assert "a and b get the same rows right" in page
    data = json.loads(page.partition('id="disagreeing">')[2].partition("</script>")[0])
    assert data["images"] is None
    assert [gallery["rows"] for gallery in data["galleries"]] == [[], []]
