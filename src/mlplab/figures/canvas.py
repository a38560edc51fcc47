"""Create an empty figure, and write a finished one to a file or into a page."""

import io
import logging
import re
import textwrap
import unicodedata
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab import files
from mlplab.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_log = logging.getLogger("mlplab")

CLASS_COLOURS = (
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"
)  # fmt: skip
"""Colours of the first ten classes, distinguishable on white and on black; the eleventh class repeats the first."""

SIGNED = "RdBu_r"
"""Colour map of signed numbers: blue below 0, white at 0, red above."""

BLUE, ORANGE, RED, GREY = CLASS_COLOURS[0], CLASS_COLOURS[1], CLASS_COLOURS[3], "#888888"


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, sizes in inches, with automatic layout."""
    from matplotlib.figure import Figure  # takes half a second, so it is imported only for drawing

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def new_axes(figure: "Figure", *place: Any) -> "Axes":
    """Return axes without a box, with a faint grid. `place`: the arguments of `Figure.add_subplot`."""
    axes = figure.add_subplot(*place)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize="small")
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_fontsize("small")
    return axes


def integer_ticks(axes: "Axes") -> None:
    """Mark whole numbers only on the x axis: epochs, trials."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def label_text(text: object, longest: int = 24) -> str:
    """Return a text that matplotlib draws literally, from left to right: `$` escaped, cut to `longest` letters."""
    cut = shortened(text, longest).replace("$", r"\$")
    right_to_left = {"R", "AL"} & set(map(unicodedata.bidirectional, cut))
    return f"\N{LEFT-TO-RIGHT MARK}{cut}" if right_to_left else cut  # names keep their own direction


def shortened(text: object, longest: int = 18) -> str:
    """Return a text in one line, cut to `longest` letters; control characters become spaces."""
    line = "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in str(text))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def wrapped(title: str, figure: "Figure") -> str:
    """Break a title into lines that fit the figure's width."""
    return textwrap.fill(label_text(title, 160), max(20, int(12 * figure.get_figwidth())))


def save_figure(figure: "Figure", path: Path) -> Path:
    """Write the figure in the format of the path's suffix, and return the path.

    Raises:
        UsageError: if the format is unknown or the file cannot be written.
    """
    try:
        content = _encoded(figure, path.suffix.lower().removeprefix(".") or "none")
    except ValueError as error:
        raise UsageError(f"{path}: {error}. Name a .png file.") from error
    files.write_output(path, content)
    return path


def png(figure: "Figure") -> bytes:
    """Return the figure as the bytes of a PNG file."""
    return _encoded(figure, "png")


_MORE_FONTS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR", "IPAGothic"),
    *("TakaoGothic", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Hiragino Sans", "Apple SD Gothic Neo", "PingFang SC"),
    *("Arial Unicode MS", "Yu Gothic", "Meiryo", "MS Gothic", "Microsoft YaHei", "SimHei", "Malgun Gothic"),
    *("Nirmala UI", "Leelawadee UI", "Noto Sans", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil"),
    *("Noto Sans Thai", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Ethiopic", "Unifont", "GNU Unifont"),
)
"""Fonts of usual systems with letters that matplotlib's own font lacks."""


def _encoded(figure: "Figure", kind: str, **options: Any) -> bytes:
    """Return the figure as a file. Letters that matplotlib's own font lacks come from other fonts of this machine."""
    import matplotlib
    from matplotlib import font_manager

    content, lacking = _saved(figure, kind, options)
    if not lacking:
        return content
    installed = set(font_manager.get_font_names())
    fonts = [*matplotlib.rcParams["font.sans-serif"][:1], *(name for name in _MORE_FONTS if name in installed)]
    with matplotlib.rc_context({"font.sans-serif": fonts}):
        content, lacking = _saved(figure, kind, options)
    if lacking:
        _log.info(
            "No font of this machine has all letters of the names in a figure, so boxes stand for them. Install one "
            "that has, such as Noto Sans CJK (apt install fonts-noto-cjk)."
        )
    return content


def _saved(figure: "Figure", kind: str, options: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Return the figure as a file, and whether letters of its texts are in none of the fonts."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(buffer, format=kind, **options)
    lacking = [each for each in caught if "missing from font" in str(each.message)]
    for each in caught:
        if each not in lacking:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return buffer.getvalue(), bool(lacking)


def svg(figure: "Figure", name: str) -> str:
    """Return the figure as an SVG element that takes the page's colours and font, without background.

    Black becomes the page's text colour, white its ground (`--surface`), and the line colours `--blue`, `--orange`
    and `--red` where the page's style defines them. Text stays text. The width is at most 1.55 CSS pixels a point.

    Args:
        name: prefix of the element's inner ids, so that they differ from those of other figures on the page.
    """
    import matplotlib

    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    options = {"transparent": True, "metadata": no_metadata}
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        text = _saved(figure, "svg", options)[0].decode()  # the page's fonts draw the text, not matplotlib's
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    # Change tags only: a class may be called "#000000".
    text = re.sub(r"<[^>]*>", lambda tag: _for_page(tag[0], name), re.sub(r">\s+<", "><", text))
    width, height = figure.get_size_inches() * 72
    return re.sub(
        r"<svg .*?>",
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" style="max-width: {1.55 * width:.0f}px" '
        'fill="currentColor" stroke-linejoin="round" aria-hidden="true">',
        text,
        count=1,
        flags=re.DOTALL,
    )


_PAGE_COLOURS = {
    "#000000": "currentColor",
    "#ffffff": "var(--surface, #ffffff)",
    BLUE: f"var(--blue, {BLUE})",
    ORANGE: f"var(--orange, {ORANGE})",
    RED: f"var(--red, {RED})",
}


def _for_page(tag: str, name: str) -> str:
    """Return a tag of an SVG file with prefixed ids, the page's colours, no fonts, and numbers of two decimals."""
    tag = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", tag).replace("xlink:href", "href")
    for colour, variable in _PAGE_COLOURS.items():
        tag = re.sub(rf"{colour}\b", variable, tag, flags=re.IGNORECASE)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", tag)
    tag = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)
    return re.sub(r"\s+", " ", tag)
