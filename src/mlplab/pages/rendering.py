"""Fill in a page's template, and write the page as one HTML file.

A page extends `page.html.j2`, which has the head, the style, the navigation, the shared script, and the list of blocks
that a page fills in. `macros.html.j2` has tables and figures.
"""

import base64
import itertools
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from mlplab import __version__, files
from mlplab.figures import shortened

_LONGEST_NAME = 60
"""Letters of a class's name on a page."""

_SHARED = Path(__file__).parent / "templates"


def render(template: str, folder: Path, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:
    """Return the HTML of a page.

    Args:
        template: a file in `folder`. It may extend and include files of `folder` and of pages/templates.
        folder: the folder with the templates of this page.
        filters: further filters for the template, beside `number`, `percent` and `cell`.
        values: the template's variables. All text in them is escaped, except what the template marks as `|safe`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _SHARED]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {"number": number, "percent": percent, "cell": cell, **(filters or {})}
    written = datetime.now().astimezone()
    return environment.get_template(template).render(version=__version__, written=written, **values)


def write_page(path: Path, text: str) -> Path:
    """Write a page, completely or not at all, and return its full path. Raises `UsageError` if that fails."""
    path = path.expanduser()
    files.write_output(path, text.encode("utf-8", "replace"))
    return path.resolve()


def readable(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of classes as a page shows them, all different.

    Long ones are cut, and control characters become spaces. A name with letters that are written from right to left is
    enclosed in the invisible characters that keep it from reordering the text around it (Unicode Standard Annex 9,
    section 2.4).
    """
    shown: dict[str, None] = {}
    for number, name in enumerate(names):
        short = shortened(name, _LONGEST_NAME)
        numbered = (f"{short} ({more})" for more in itertools.count(number))
        shown[next(text for text in map(_isolated, itertools.chain([short], numbered)) if text not in shown)] = None
    return tuple(shown)


def _isolated(text: str) -> str:
    if {"R", "AL"} & set(map(unicodedata.bidirectional, text)):
        return f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
    return text


def packed(array: np.ndarray) -> str:
    """Encode numbers as base64 of their little-endian bytes. `unpack` in page.js turns this into a typed array."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return base64.b64encode(array.tobytes()).decode("ascii")


def number(value: float | None, digits: int = 4) -> str:
    """Format a number for people: `10,000`, `0.8568`, `–` for none."""
    if value is None or value != value:
        return "–"
    return f"{value:,}" if isinstance(value, int | np.integer) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """Format a fraction in per cent: `85.7 %`, with a space that does not break; `–` for none."""
    if value is None or value != value:
        return "–"
    largest = 100 - 10**-digits if value < 1 else 100  # rounding must not turn nearly all into all
    return f"{min(100 * value, largest):.{digits}f}\N{NO-BREAK SPACE}%"


def cell(value: object) -> str:
    """Format a value for a cell of a table."""
    if value is None or value != value:
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3g}"
    return str(value)
