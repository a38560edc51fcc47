"""The page of a study, in a real browser."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from mlplab.runs import Run
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.page.content import render
from mlplab.tuning.page.trials import StudyRecord, Trial
from mlplab.tuning.parameters import Choice, Range

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script>"
COMMAND = "mlplab train digits --hidden 32,32 --learning-rate 0.003 --seeds 3"
POPULATION = Path(__file__).parents[1] / "compatibility/0.1.0/population-finished"
CHOICES = ("relu", "<img src=x onerror=alert(2)>")


def tried(number):
    """Trial `number`: every tenth fails, every eighth of the others is trained to the end."""
    rng = np.random.default_rng(number)
    rate, choice = float(10 ** rng.uniform(-4, -1)), CHOICES[number % 2]
    parameters = {"learning_rate": rate, "activation": choice, "dropout": float(rng.uniform(0, 0.5))}
    if number % 10 == 9:
        return Trial(number, "failed", None, {}, parameters, f"</script><b>The loss was nan</b> {HOSTILE}")
    epochs = 6 if number % 8 == 0 else 2
    curve = {epoch: 0.9 - 0.05 * np.log10(rate / 0.003) ** 2 - 0.2 / epoch for epoch in range(1, epochs + 1)}
    return Trial(number, "completed" if epochs == 6 else "dropped", curve[epochs], curve, parameters)


@pytest.fixture(scope="module")
def study():
    return StudyRecord(
        StudyConfig(
            data={"name": HOSTILE},
            space={},
            metric="accuracy",
            trials=40,
            budget=None,
            population=16,
            parallel=1,
            rungs=(2, 6),
            reduction=3,
            seed=0,
            seeds=3,
            versions={},
            device="cpu",
            threads=2,
        ),
        trials=[tried(number) for number in range(40)],
        parameters={
            "learning_rate": Range(1e-4, 1e-1, log=True),
            "activation": Choice(CHOICES),
            "dropout": Range(0, 0.5),
        },
        winner=Run(POPULATION),
        command=COMMAND,
    )


@pytest.fixture(scope="module")
def path(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "study.html"
    path.write_text(render(study, HOSTILE, "mlplab tune --resume study"), "utf-8")
    return path


@pytest.fixture
def opened(path, visit):
    """Opens the page: (width, scheme) → the page, and what it said and asked for."""

    def open_page(width=1280, scheme="light"):
        made = visit(path, width, scheme)
        made.page.wait_for_selector("#choose option:nth-child(2)", state="attached")
        return made.page, made.errors, [url for url in made.requests if not url.startswith("file:")]

    return open_page


def kept(study, low, high):
    """Numbers of the trials with a learning rate in that range."""
    return {trial.number for trial in study.trials if low <= trial.parameters["learning_rate"] <= high}


def unfaded(page, drawing):
    """Numbers of the trials that a drawing shows in full."""
    ids = page.eval_on_selector_all(f'[id^="{drawing}-trial-"]:not(.out)', "all => all.map((one) => one.id)")
    return {int(id.rpartition("-")[2]) for id in ids}


def test_it_asks_for_nothing_says_nothing_and_runs_no_name(opened):
    page, said, asked = opened()
    page.locator("button.show").nth(9).click()
    assert said == []
    assert asked == []
    assert page.locator("main img, main script, main td b").count() == 0
    assert page.locator("h1").inner_text() == HOSTILE
    assert CHOICES[1] in page.locator("#trial-card").inner_text()
    assert HOSTILE in page.locator("#failures tbody tr td.reason").first.inner_text()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_and_fits(opened, width, scheme):
    page, _, _ = opened(width, scheme)
    page.locator("button.show").first.click()  # with the card of a trial
    page.fill('input[aria-label="dropout from"]', "0.2")
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_text_of_the_scales_is_large_enough_to_read(opened, width):
    page, _, _ = opened(width)
    heights = page.eval_on_selector_all(
        "#together svg text", "all => all.map((one) => one.getBoundingClientRect().height).filter((h) => h > 0)"
    )
    assert min(heights) >= 10  # pixels
    numbers = page.locator("#filters input[type=number]")
    for index in range(numbers.count()):  # what is written in an empty field fits
        assert numbers.nth(index).evaluate(FITS)


FITS = """(input) => {
  const context = document.createElement("canvas").getContext("2d"), style = getComputedStyle(input);
  context.font = style.font;
  return context.measureText(input.placeholder).width <= input.clientWidth - 2 * parseFloat(style.paddingLeft);
}"""


@pytest.mark.parametrize("numbers", [[0], [9], [2, 9], []])
def test_studies_of_a_trial_or_two_show_without_a_complaint(study, visit, tmp_path, numbers):
    few = dataclasses.replace(study, trials=[study.trials[number] for number in numbers], winner=None)
    path = tmp_path / "study.html"
    path.write_text(render(few, "few", "mlplab tune --resume few"), "utf-8")
    made = visit(path)
    assert made.page.locator("#trials tbody tr").count() == len(numbers)
    assert made.errors == []


def test_it_says_what_was_reached(opened, study):
    page, _, _ = opened()
    text = page.locator("#result").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert f"{100 * study.best.value:.2f} %" in text
    test = study.winner.result.test
    spread = f"test accuracy of the winner ± {100 * test.sd:.2f}, "
    assert text.index(f"{100 * test.accuracy:.2f} %") < text.index(spread)
    assert "95 % interval: {:.2f} % to {:.2f} %".format(*(100 * end for end in test.interval)) in text
    assert page.locator("#command").inner_text().strip() == COMMAND


def test_the_command_can_be_copied_and_pasted(opened):
    page, _, _ = opened()
    page.click("#copy")
    page.locator("#copied", has_text="Copied.").wait_for()
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), {id: 'paste'}))")
    page.focus("#paste")
    page.keyboard.press("Control+V")
    assert page.input_value("#paste") == COMMAND


def test_a_trial_is_marked_in_every_figure_from_the_table_by_keyboard(opened, study):
    page, _, _ = opened()
    page.focus('button.show[data-trial="8"]')
    page.keyboard.press("Enter")
    assert page.locator('button.show[aria-pressed="true"]').inner_text() == "8"
    assert page.locator("svg.chart .mark").count() == 2 + 2 + len(study.parameters)  # two drawings of the scales
    assert page.locator("#card-title").inner_text().startswith("Trial 8")
    page.keyboard.press("Escape")
    assert page.locator("svg.chart .mark").count() == 0
    assert page.locator("#trial-card").is_hidden()


def test_the_best_comes_first_and_buttons_lead_from_trial_to_trial(opened, study):
    page, _, _ = opened()
    order = [trial.number for trial in study.ranked()]
    page.select_option("#choose", index=1)
    assert page.locator("#card-title").inner_text() == f"Trial {study.best.number} (best)"
    page.click("#worse")
    page.click("#worse")
    assert page.locator("#card-title").inner_text() == f"Trial {order[2]}"
    page.click("#better")
    assert page.input_value("#choose") == str(order[1])


def test_pointing_at_a_line_shows_its_trial_until_it_leaves(opened, study):
    page, _, _ = opened()
    best = study.best.number
    page.locator(f"#history-trial-{best} use").hover()
    assert page.locator("#card-title").inner_text() == f"Trial {best} (best)"
    page.locator("h1").hover()
    assert page.locator("#trial-card").is_hidden()


def test_ranges_that_are_typed_fade_the_rest_in_every_figure(opened, study):
    page, _, _ = opened()
    page.fill('input[aria-label="learning rate from"]', "0.001")
    page.fill('input[aria-label="learning rate to"]', "0.01")
    expected = kept(study, 0.001, 0.01)
    for drawing in ("history", "upright", "lying", "slice0"):
        assert unfaded(page, drawing) == expected
    assert page.locator("#kept").inner_text().startswith(f"{len(expected)} of 40 trials")
    page.select_option("#filters label:has-text('activation') select", label=CHOICES[1])
    expected = {number for number in expected if study.trials[number].parameters["activation"] == CHOICES[1]}
    assert unfaded(page, "history") == expected
    page.click("#filters button[type=reset]")
    assert len(unfaded(page, "history")) == 40


@pytest.mark.parametrize(("width", "drawing"), [(1280, "upright"), (390, "lying")])
def test_drawing_along_a_scale_keeps_what_passes_there(opened, study, width, drawing):
    page, _, _ = opened(width)
    page.locator(f"#{drawing}-scale-0").scroll_into_view_if_needed()
    box = page.locator(f"#{drawing} .brush, svg:has(#{drawing}-scale-0) .brush").first.bounding_box()
    upright = drawing == "upright"

    def spot(fraction):
        """Of the scale's length, from its lower end, which is the bottom of one that stands."""
        if upright:
            return box["x"] + box["width"] / 2, box["y"] + (1 - fraction) * box["height"]
        return box["x"] + fraction * box["width"], box["y"] + box["height"] / 2

    page.mouse.move(*spot(0.3))
    page.mouse.down()
    page.mouse.move(*spot(0.5))
    page.mouse.move(*spot(0.7))
    page.mouse.up()
    ends = [float(page.input_value(f'input[aria-label="learning rate {end}"]')) for end in ("from", "to")]
    assert np.log10(ends) == pytest.approx([-4 + 3 * 0.3, -4 + 3 * 0.7], abs=0.05)
    assert unfaded(page, "history") == kept(study, *ends)


def test_the_table_can_be_sorted_by_keyboard(opened, study):
    page, _, _ = opened()
    page.locator("#trials thead button", has_text="learning rate").focus()
    page.keyboard.press("Enter")
    numbers = [int(text) for text in page.locator("#trials tbody th").all_inner_texts()]
    rates = [study.trials[number].parameters["learning_rate"] for number in numbers]
    assert rates == sorted(rates)
