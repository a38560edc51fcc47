"""A figure to draw on, and what becomes of it: a file, or a part of a page. Without pyplot and its global state."""

import contextlib
import io
import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASS_COLOURS = (
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"
)  # fmt: skip
"""One for each class, again from the first after the tenth; they can be told apart on white and on black."""

BLUE, ORANGE, RED, GREY = CLASS_COLOURS[0], CLASS_COLOURS[1], CLASS_COLOURS[3], "#888888"


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches, whose parts find their places by themselves."""
    from matplotlib.figure import Figure  # half a second, which those who draw nothing should not pay

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def new_axes(figure: "Figure", *place: Any) -> "Axes":
    """Axes for a chart: no box around it, a faint grid. `place`: as `Figure.add_subplot` takes it."""
    axes = figure.add_subplot(*place)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize="small")
    return axes


def plain(text: object, longest: int = 24) -> str:
    """A name as it should be drawn: `$` is no formula, and what is too long is cut."""
    cut = str(text) if len(str(text)) <= longest else f"{str(text)[: longest - 1]}…"
    return cut.replace("$", r"\$")


def save_figure(figure: "Figure", path: Path) -> Path:
    """Writes the figure, in the format of the path's suffix, and returns the path.

    Raises:
        UsageError: if the format is unknown or the file cannot be written.
    """
    drawn = io.BytesIO()
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        figure.savefig(drawn, format=path.suffix.lower().removeprefix(".") or "none")
        beside.write_bytes(drawn.getvalue())
        os.replace(beside, path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}. Name a .png file.") from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return path


def png(figure: "Figure") -> bytes:
    """The figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def svg(figure: "Figure", name: str) -> str:
    """The figure as an SVG element for a page: no background, text as text, and the page's own colours and font.

    Black is the colour of the text around it, white that of the ground (`--surface`), and the colours of lines are
    `--blue`, `--orange` and `--red` where the page's style has them. It is never wider than looks well
    (1.55 CSS pixels a point), and smaller where there is less room.

    Args:
        name: makes the element's inner ids differ from those of other figures on the page.
    """
    import matplotlib

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the page's fonts draw the text, not matplotlib's
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    # Only tags are touched: a class may be called "#000000".
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
    """A tag of an SVG file, with the page's ids and colours; without fonts, and digits that nobody sees."""
    tag = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", tag).replace("xlink:href", "href")
    for colour, variable in _PAGE_COLOURS.items():
        tag = re.sub(rf"{colour}\b", variable, tag, flags=re.IGNORECASE)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", tag)
    tag = re.sub(r"\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), tag)
    return re.sub(r"\s+", " ", tag)


def colour_of(label: int) -> str:
    """The colour of a class, as #rrggbb."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]
