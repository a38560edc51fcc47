"""Class names of any length and script on pages and in figures."""

import pytest

from mlplab.figures.canvas import label_text, new_axes, new_figure, png, shortened, svg
from mlplab.pages import readable


@pytest.mark.parametrize("name", ["cat", "Adélie", "ヒゲペンギン", "<b>", "5 %", ""])
def test_names_from_left_to_right_stay_as_they_are(name):
    assert readable([name]) == (name,)


@pytest.mark.parametrize("name", ["قطة", "כלב", "cat קט"])
def test_names_from_right_to_left_cannot_reorder_the_text_around_them(name):
    assert readable([name]) == (f"\u2068{name}\u2069",)


def test_names_on_a_page_are_short_and_stay_different():
    names = readable(["x" * 200, "x" * 201, "two\nlines", "two lines", "a (6)", "a", "a\x07", "\x1b[31mred"])
    assert names[:4] == ("x" * 59 + "…", "x" * 59 + "… (1)", "two lines", "two lines (3)")
    assert names[4:] == ("a (6)", "a", "a ", " [31mred")
    assert readable(["b (1)", "b", "b"]) == ("b (1)", "b", "b (2)")
    assert readable(["b", "b", "b (1)"]) == ("b", "b (1)", "b (1) (2)")


def test_a_long_name_is_cut():
    assert shortened("x" * 200) == "x" * 17 + "…"
    assert shortened("x" * 18) == "x" * 18
    assert label_text("$" * 30, 5) == r"\$\$\$\$…"


@pytest.mark.parametrize("name", ["ヒゲペンギン", "قطة", "ስም"])
def test_letters_that_no_font_has_are_no_reason_to_warn(name):
    figure = new_figure(2, 2)
    new_axes(figure).set_title(name)
    assert png(figure).startswith(b"\x89PNG")
    assert name in svg(figure, "names")
