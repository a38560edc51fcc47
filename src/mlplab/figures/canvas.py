"""A figure to draw on, and what becomes of it: a file, or a part of a page. Without pyplot and its global state."""

import io
import re
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
    try:
        figure.savefig(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}. Name a .png file.") from error
    return path


def png(figure: "Figure") -> bytes:
    """The figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def svg(figure: "Figure", name: str) -> str:
    """The figure as an SVG element for a page: no background, text as text, black in the page's own colour.

    Args:
        name: makes the element's inner ids differ from those of other figures on the page.
    """
    import matplotlib

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"#000000\b", "currentColor", text)
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", text)
    width, height = figure.get_size_inches() * 72
    return re.sub(
        r"<svg .*?>",
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" fill="currentColor" stroke-linejoin="round" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" aria-hidden="true">',
        text,
        count=1,
        flags=re.DOTALL,
    )


def colour_of(label: int) -> str:
    """The colour of a class, as #rrggbb."""
    return CLASS_COLOURS[label % len(CLASS_COLOURS)]
