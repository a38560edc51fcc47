"""The report of a real Fashion-MNIST run in a real browser, held against the run's predictions by NumPy."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import mlplab
from mlplab.datasets import Data, Dataset
from mlplab.datasets.dataset import Provenance
from mlplab.reports import report

SHIRT, TSHIRT = "Shirt", "T-shirt/top"
HOSTILE = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "\"quoted\" & 'more'")


@pytest.fixture(scope="session")
def fashion(fashion_run, tmp_path_factory) -> Any:
    """The run's report, and its predictions as NumPy reads them."""
    folder = tmp_path_factory.mktemp("report") / "fashion"
    shutil.copytree(fashion_run.path, folder)
    path = report(mlplab.Run(folder))
    kept = np.load(folder / "predictions-test.npz")
    names = np.array(fashion_run.class_names)
    p = kept["probabilities"]
    return SimpleNamespace(
        path=path,
        names=names,
        true=names[kept["label"]],
        said=names[p.argmax(1)],
        confidence=p.max(1),
        given=p[np.arange(len(p)), kept["label"]],
    )


def shown(page) -> list[int]:
    """The indices in the gallery, all of them: `Show more` is pressed to the end."""
    while page.locator("#more").is_visible():
        page.click("#more")
    return page.eval_on_selector_all("#gallery button", "all => all.map((one) => Number(one.dataset.index))")


def cell(page, true: str, said: str):
    return page.locator(f'#matrix button[aria-label^="true {true}, predicted {said}:"]')


def wait_for_drawing(page) -> None:
    """Until all images that are in the gallery are drawn."""
    page.wait_for_function(
        """() => [...document.querySelectorAll("#gallery canvas")].every((canvas) =>
             canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte > 0))"""
    )


def test_it_is_one_small_file_that_asks_for_nothing(visit, fashion):
    assert fashion.path.stat().st_size < 6_000_000
    opened = visit(fashion.path)
    wait_for_drawing(opened.page)
    assert opened.requests == [fashion.path.as_uri()]
    assert opened.errors == []


def test_a_cell_shows_exactly_its_images(visit, fashion):
    page = visit(fashion.path).page
    expected = np.flatnonzero((fashion.true == SHIRT) & (fashion.said == TSHIRT))
    share = len(expected) / (fashion.true == SHIRT).sum()
    button = cell(page, SHIRT, TSHIRT)
    assert button.get_attribute("aria-label") == (
        f"true {SHIRT}, predicted {TSHIRT}: {len(expected)} images, {100 * share:.1f}\u00a0% of {SHIRT}"
    )
    button.click()
    assert shown(page) == expected.tolist()
    assert f"{len(expected)} failures" in page.inner_text("#found")
    assert page.locator("#filters").bounding_box()["y"] < 900  # it has moved there
    assert button.get_attribute("aria-current") == "true"


def test_the_diagonal_shows_what_was_right(visit, fashion):
    page = visit(fashion.path).page
    cell(page, "Bag", "Bag").click()
    expected = np.flatnonzero((fashion.true == "Bag") & (fashion.said == "Bag"))
    page.wait_for_selector("#gallery button")
    assert str(len(expected)) in page.inner_text("#found")
    page.fill("[name=to]", "80")
    assert shown(page) == [row for row in expected if fashion.confidence[row] <= 0.8]


def test_the_image_in_the_gallery_is_that_of_the_data_set(visit, fashion, fashion_mnist):
    page = visit(fashion.path).page
    page.fill("[name=find]", "4, 9999, 1234")
    page.click("[data-show=all]")
    wait_for_drawing(page)
    assert shown(page) == [4, 1234, 9999]
    for place, index in enumerate((4, 1234, 9999)):
        grey = page.evaluate(
            """(place) => { const canvas = document.querySelectorAll("#gallery canvas")[place];
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return [...data].filter((_, byte) => byte % 4 === 0); }""",
            place,
        )
        assert np.abs(np.array(grey).reshape(28, 28) - fashion_mnist.test.images[index].astype(int)).mean() < 8


def test_filters_and_orders(visit, fashion):
    page = visit(fashion.path).page
    wrong = fashion.true != fashion.said
    page.select_option("[name=true]", "Coat")
    page.fill("[name=from]", "70")
    rows = np.flatnonzero(wrong & (fashion.true == "Coat") & (fashion.confidence >= 0.7))
    assert shown(page) == rows.tolist()
    for order, key in (
        ("loss", fashion.true_probability),
        ("surest", -fashion.confidence),
        ("unsurest", fashion.confidence),
    ):
        page.select_option("[name=sort]", order)
        assert shown(page) == rows[np.argsort(key[rows], kind="stable")].tolist(), order
    page.click("#filters [type=reset]")
    page.select_option("[name=predicted]", "Sandal")
    assert shown(page) == np.flatnonzero(wrong & (fashion.said == "Sandal")).tolist()
    page.fill("[name=find]", "123456")
    assert page.inner_text("#found").startswith("Nothing matches")
    assert shown(page) == []


def test_an_address_leads_a_colleague_to_the_same_cell_and_order(visit, fashion):
    first = visit(fashion.path).page
    first.select_option("[name=sort]", "loss")
    cell(first, SHIRT, TSHIRT).click()
    address = first.evaluate("location.hash")
    second = visit(fashion.path, address=address).page
    assert shown(second) == shown(first)
    assert len(shown(second)) > 0
    third = visit(fashion.path, address="#show=all&open=77").page
    assert third.inner_text("#viewer-title") == "Test image number 77"


def test_back_returns_to_what_was_shown_before(visit, fashion):
    page = visit(fashion.path).page
    page.fill("[name=from]", "99")
    before = page.inner_text("#found")
    cell(page, SHIRT, TSHIRT).click()
    assert page.inner_text("#found") != before
    page.go_back()
    page.wait_for_function("(text) => document.querySelector('#found').textContent === text", arg=before)
    assert page.input_value("[name=from]") == "99"
    page.click("nav a[href='#classes']")
    assert page.inner_text("#found") == before


def test_the_indices_are_copied_as_text(visit, fashion):
    page = visit(fashion.path).page
    cell(page, SHIRT, TSHIRT).click()
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.click("#copy")
    expected = np.flatnonzero((fashion.true == SHIRT) & (fashion.said == TSHIRT))
    assert page.evaluate("window.copied") == ", ".join(map(str, expected))
    assert "were copied" in page.inner_text("#found")


def test_the_matrix_by_keyboard_and_by_shares(visit, fashion):
    page = visit(fashion.path).page
    page.locator("#matrix button[tabindex='0']").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert focused.startswith(f"true {fashion.names[1]}, predicted {fashion.names[2]}:")
    page.click("[data-share=column]")
    both = ((fashion.true == SHIRT) & (fashion.said == TSHIRT)).sum()
    share = both / (fashion.said == TSHIRT).sum()
    assert f"{100 * share:.1f}\u00a0% of what was predicted {TSHIRT}" in page.locator(
        f'#matrix button[aria-label^="true {SHIRT}, predicted {TSHIRT}:"]'
    ).get_attribute("aria-label")
    cell(page, fashion.names[3], fashion.names[3]).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.classList.contains('shot')")


def test_the_viewer_by_keyboard(visit, fashion):
    page = visit(fashion.path).page
    page.select_option("[name=sort]", "loss")
    wrong = np.flatnonzero(fashion.true != fashion.said)
    worst = wrong[np.argsort(fashion.true_probability[wrong], kind="stable")]
    page.locator("#gallery button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.inner_text("#viewer-title") == f"Test image number {worst[1]}"
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#viewer-title") == f"Test image number {worst[2]}"
    said = page.inner_text(".verdict")
    assert fashion.said[worst[2]] in said
    assert fashion.true[worst[2]] in said
    assert page.locator("#viewer .near li").count() == 5
    assert page.locator("#viewer .pictures canvas").count() == 2  # the image, and what matters in it
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    assert page.evaluate("document.activeElement.dataset.index") == str(worst[1])


def test_the_map_by_mouse_and_keyboard(visit, fashion):
    page = visit(fashion.path).page
    canvas = page.locator("#map-canvas")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    page.keyboard.press("ArrowRight")
    first = int(np.flatnonzero(fashion.true != fashion.said)[0])
    assert f"Number {first}:" in page.inner_text("#map-says")
    page.keyboard.press("Enter")
    assert page.inner_text("#viewer-title") == f"Test image number {first}"
    page.keyboard.press("Escape")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#map-card:not([hidden])")
    assert page.locator("#map-card canvas").count() == 1
    ankle_boot = page.get_by_role("button", name="Ankle boot", exact=True)
    ankle_boot.click()
    assert ankle_boot.get_attribute("aria-pressed") == "false"


def test_classes_sort_by_their_headings(visit, fashion):
    page = visit(fashion.path).page
    recalls = {name: ((fashion.true == name) & (fashion.said == name)).sum() for name in fashion.names}
    page.click("#classes table.sortable th:has-text('recall') button")
    names = page.eval_on_selector_all("#classes table.sortable tbody th", "all => all.map((one) => one.textContent)")
    assert [recalls[name] for name in names] == sorted(recalls.values())


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_accessible_and_nowhere_wider_than_the_screen(visit, fashion, width, scheme):
    page = visit(fashion.path, width, scheme).page
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wait_for_drawing(page)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
    page.locator("#gallery button").first.click()
    assert serious(page) == []


def serious(page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_the_button_changes_light_to_dark(visit, fashion):
    page = visit(fashion.path, scheme="light").page
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    page.click("#theme")
    assert page.inner_text("#theme-name") == "Dark"
    assert page.evaluate(ground) != light


def small_run(name: str, inputs: np.ndarray, labels: np.ndarray, class_names, folder: Path):
    def part(split: str) -> Dataset:
        return Dataset(inputs, labels, tuple(class_names), Provenance(name, split))

    data = Data(name, part("train"), part("test"))
    return mlplab.train(data, hidden=[4], epochs=1, validation=0, verbose=0, out=folder / name), data


def test_names_are_text_wherever_they_stand(visit, digits, tmp_path):
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
