"""The report of a run on digits in a real browser, compared with the run's predictions by NumPy."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import mlplab
from mlplab.datasets import Data, Dataset, Provenance
from mlplab.pages import sprites
from mlplab.reports import report

pytestmark = pytest.mark.slow

HOSTILE = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "\"quoted\" & 'more'")


@pytest.fixture(scope="module")
def digits_report(digits_run, tmp_path_factory) -> Any:
    """The report with few images on a sheet, and the run's predictions as NumPy arrays."""
    folder = tmp_path_factory.mktemp("report") / "digits"
    shutil.copytree(digits_run.path, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sprites, "PER_SHEET", 100)
        path = report(mlplab.Run(folder))
    kept = np.load(folder / "predictions-test.npz")
    p, label = kept["probabilities"], kept["label"]
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (label, p.argmax(1)), 1)
    np.fill_diagonal(counts, 0)
    true, predicted = (int(place) for place in np.unravel_index(counts.argmax(), counts.shape))
    return SimpleNamespace(
        path=path,
        true=label,
        predicted=p.argmax(1),
        wrong=p.argmax(1) != label,
        confidence=p.max(1),
        given=p[np.arange(len(p)), label],
        confused=(true, predicted),  # most often
        cell=np.flatnonzero((label == true) & (p.argmax(1) == predicted)),
    )


def shown(page) -> list[int]:
    """The indices of all images in the gallery, after pressing `Show more` to the end."""
    while page.locator("#more").is_visible():
        page.click("#more")
    return page.eval_on_selector_all("#gallery button", "all => all.map((one) => Number(one.dataset.index))")


def cell(page, true: int, predicted: int):
    return page.locator(f'#matrix button[aria-label^="true {true}, predicted {predicted}:"]')


def wait_for_drawing(page) -> None:
    page.wait_for_function(
        """() => [...document.querySelectorAll("#gallery canvas")].every((canvas) =>
             canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte > 0))"""
    )


def serious(page) -> list[str]:
    return [
        f"{violation['id']}: {node['target']}"
        for violation in Axe().run(page).response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def test_it_requests_nothing_and_draws_the_images_of_the_data_set(visit, digits_report, digits):
    opened = visit(digits_report.path)
    page = opened.page
    page.wait_for_selector("#gallery canvas")
    assert opened.requests == [digits_report.path.as_uri()]
    assert opened.errors == []
    page.fill("[name=find]", "4, 354, 123")
    page.click("[data-show=all]")
    wait_for_drawing(page)
    assert shown(page) == [4, 123, 354]
    for place, index in enumerate((4, 123, 354)):
        grey = page.evaluate(
            """(place) => { const canvas = document.querySelectorAll("#gallery canvas")[place];
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return [...data].filter((_, byte) => byte % 4 === 0); }""",
            place,
        )
        expected = digits.test.images[index].astype(float) * 255 / 16
        assert np.abs(np.array(grey).reshape(8, 8) - expected).mean() < 8
    assert len(opened.requests) == 1


def test_cells_filters_and_orders_show_the_right_rows(visit, digits_report):
    page = visit(digits_report.path).page
    (true, predicted), rows = digits_report.confused, digits_report.cell
    share = len(rows) / (digits_report.true == true).sum()
    button = cell(page, true, predicted)
    assert button.get_attribute("aria-label") == (
        f"true {true}, predicted {predicted}: {len(rows)} images, {100 * share:.1f}\u00a0% of {true}"
    )
    button.click()
    assert shown(page) == rows.tolist()
    assert f"{len(rows)} failures" in page.inner_text("#found")
    assert page.locator("#filters").bounding_box()["y"] < 900  # the page has scrolled there
    assert button.get_attribute("aria-current") == "true"
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.click("#copy")
    assert page.evaluate("window.copied") == ", ".join(map(str, rows))
    assert "were copied" in page.inner_text("#found")

    cell(page, 6, 6).click()
    right = np.flatnonzero((digits_report.true == 6) & (digits_report.predicted == 6))
    page.fill("[name=to]", "60")
    assert shown(page) == [row for row in right if digits_report.confidence[row] <= 0.6]

    page.click("#filters [type=reset]")
    page.select_option("[name=true]", str(true))
    page.fill("[name=from]", "30")
    wrong = digits_report.wrong
    rows = np.flatnonzero(wrong & (digits_report.true == true) & (digits_report.confidence >= 0.3))
    assert shown(page) == rows.tolist()
    confidence = digits_report.confidence
    for order, key in (("loss", digits_report.given), ("surest", -confidence), ("unsurest", confidence)):
        page.select_option("[name=sort]", order)
        assert shown(page) == rows[np.argsort(key[rows], kind="stable")].tolist(), order
    page.click("#filters [type=reset]")
    page.select_option("[name=predicted]", str(predicted))
    assert shown(page) == np.flatnonzero(wrong & (digits_report.predicted == predicted)).tolist()
    page.fill("[name=find]", "123456")
    assert page.inner_text("#found").startswith("Nothing matches")
    assert shown(page) == []


def test_addresses_and_back_restore_the_filters(visit, digits_report):
    page = visit(digits_report.path).page
    page.fill("[name=from]", "50")
    page.select_option("[name=sort]", "loss")
    before = page.inner_text("#found")
    cell(page, *digits_report.confused).click()
    rows, address = shown(page), page.evaluate("location.hash")
    assert page.inner_text("#found") != before
    page.go_back()
    page.wait_for_function("(text) => document.querySelector('#found').textContent === text", arg=before)
    assert page.input_value("[name=from]") == "50"
    page.click("nav a[href='#classes']")
    assert page.inner_text("#found") == before
    other = visit(digits_report.path, address=address).page
    assert shown(other) == rows
    assert len(rows) > 0
    other.goto("about:blank")
    other.goto(digits_report.path.as_uri() + "#show=all&open=77")
    assert other.inner_text("#viewer-title") == "Test image number 77"


def test_the_matrix_by_keyboard_and_by_shares(visit, digits_report):
    page = visit(digits_report.path).page
    page.locator("#matrix button[tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.startswith("true 1, predicted 2:")
    page.click("[data-share=column]")
    true, predicted = digits_report.confused
    share = len(digits_report.cell) / (digits_report.predicted == predicted).sum()
    label = cell(page, true, predicted).get_attribute("aria-label")
    assert f"{100 * share:.1f}\u00a0% of what was predicted {predicted}" in label
    cell(page, 6, 6).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.classList.contains('shot')")


def test_the_viewer_and_the_map_by_mouse_and_keyboard(visit, digits_report):
    page = visit(digits_report.path).page
    canvas = page.locator("#map-canvas")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    first = int(np.flatnonzero(digits_report.wrong)[0])
    assert f"Number {first}:" in page.inner_text("#map-says")
    page.keyboard.press("Enter")
    assert page.inner_text("#viewer-title") == f"Test image number {first}"
    page.keyboard.press("Escape")
    box = canvas.bounding_box()
    for step in range(1, 20):  # somewhere on this diagonal there is a point
        page.mouse.move(box["x"] + step * box["width"] / 20, box["y"] + step * box["height"] / 20)
        if page.locator("#map-card").is_visible():
            break
    assert page.locator("#map-card canvas").count() == 1
    nine = page.locator("#legend").get_by_role("button", name="9", exact=True)
    nine.click()
    assert nine.get_attribute("aria-pressed") == "false"

    page.select_option("[name=sort]", "loss")
    wrong = np.flatnonzero(digits_report.wrong)
    worst = wrong[np.argsort(digits_report.given[wrong], kind="stable")]
    page.locator("#gallery button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.inner_text("#viewer-title") == f"Test image number {worst[1]}"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#viewer-title") == f"Test image number {worst[2]}"
    verdict = page.inner_text(".verdict")
    assert f"The network says {digits_report.predicted[worst[2]]}" in verdict
    assert f"The label is {digits_report.true[worst[2]]}" in verdict
    assert page.locator("#viewer .near li").count() == 5
    assert page.locator("#viewer .pictures canvas").count() == 2  # the image and its saliency map
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    assert page.evaluate("document.activeElement.dataset.index") == str(worst[1])


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_fits_sorts_and_changes_colours(visit, digits_report, width, scheme):
    page = visit(digits_report.path, width, scheme).page
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wait_for_drawing(page)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
    page.locator("#gallery button").first.click()
    assert serious(page) == []
    page.keyboard.press("Escape")
    right = [((digits_report.true == k) & ~digits_report.wrong).sum() for k in range(10)]
    recalls = np.array(right) / np.bincount(digits_report.true)
    page.click("#classes table.sortable th:has-text('recall') button")
    names = page.eval_on_selector_all("#classes table.sortable tbody th", "all => all.map((one) => one.textContent)")
    assert [recalls[int(name)] for name in names] == sorted(recalls)
    background = "getComputedStyle(document.body).backgroundColor"
    page.click("#theme")
    light = page.evaluate(background)
    page.click("#theme")
    assert page.text_content("#theme-name") == "Dark"
    assert page.evaluate(background) != light


@pytest.mark.parametrize("width", [1280, 1300, 1600])
def test_the_table_of_units_fits_beside_the_layers(visit, digits_report, width):
    page = visit(digits_report.path, width).page
    units = page.get_by_role("region", name="Most important first")
    heads = units.get_by_role("columnheader")
    assert [heads.first.inner_text().strip(), heads.last.inner_text().strip()] == ["layer", "state"]
    assert units.evaluate("(box) => box.scrollWidth - box.clientWidth") == 0
    graph = page.get_by_role("group", name="The network's layers, one after the other")
    assert graph.bounding_box()["y"] == page.locator("#units .card.tall").bounding_box()["y"]


def small_run(name: str, inputs: np.ndarray, labels: np.ndarray, class_names, folder: Path):
    parts = (Dataset(inputs, labels, tuple(class_names), Provenance(name, split)) for split in ("train", "test"))
    data = Data(name, *parts)
    return mlplab.train(data, hidden=[4], epochs=1, validation=0, verbose=0, out=folder / name), data


def test_names_are_text_everywhere(visit, digits, tmp_path):
    few = digits.test.labels < 3
    name = "<img src=x onerror=alert(3)>"
    run, data = small_run(name, digits.test.images[few], digits.test.labels[few], HOSTILE, tmp_path)
    opened = visit(report(run, data=data))
    page = opened.page
    page.click("[data-show=all]")
    wait_for_drawing(page)
    assert page.inner_text("h1") == name
    assert name in page.title()
    heads = page.eval_on_selector_all("#matrix tbody th", "all => all.map((one) => one.textContent)")
    assert heads == list(HOSTILE)
    assert HOSTILE[0] in page.inner_text("#legend")
    assert HOSTILE[0][:15] in page.text_content("#classes svg")  # charts cut long names
    assert HOSTILE[0] in page.inner_text("#gallery")
    page.locator("#gallery button").first.click()
    assert HOSTILE[0] in page.inner_text("#viewer-body")
    page.keyboard.press("Escape")
    for other in HOSTILE:
        page.select_option("[name=true]", other)
        assert other in page.inner_text("#found")
    assert page.locator("img[src=x]").count() == 0
    assert opened.errors == []
    assert len(opened.requests) == 1


def test_rows_without_images(visit, digits, tmp_path):
    flat = digits.test.images.reshape(len(digits.test), -1).astype(np.float32)
    run, data = small_run("features", flat, digits.test.labels, digits.class_names, tmp_path)
    opened = visit(report(run, data=data))
    page = opened.page
    assert page.locator("#gallery canvas").count() == 0
    page.locator("#gallery button").first.click()
    assert page.inner_text("#viewer-title").startswith("Test row number")
    assert "features" in page.inner_text("#images")
    page.keyboard.press("Escape")
    assert opened.errors == []
    assert serious(page) == []
