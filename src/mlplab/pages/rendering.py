"""One HTML file from a template: what the pages of inspection share. The templates are in templates/.

A page extends `page.html.j2`, which brings head, style, navigation and the shared script, and says there what may be
filled in. `macros.html.j2` has tables and figures.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from mlplab import __version__, files
from mlplab.errors import UsageError

_HERE = Path(__file__).parent / "templates"


def render(
    template: str, folder: Path = _HERE, filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any
) -> str:
    """A page. Everything in `values` is text to be shown, and escaped, unless a template says `|safe` of a figure.

    Args:
        template: a file in `folder`; what it extends and includes may lie there, or here.
        filters: for it, beside `number`, `percent` and `cell`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _HERE]),
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
    """Write a page as a whole or not at all, and return its full path. Raises `UsageError` if that is not possible."""
    path = path.expanduser()
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it, as in {path / 'report.html'}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text)
    except OSError as error:
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        raise UsageError(f"{path} cannot be written: {reason}. Name another file.") from error
    return path.resolve()


def packed(array: np.ndarray) -> str:
    """Numbers as base64 of their little-endian bytes, of which page.js (`unpack`) makes a typed array."""
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return base64.b64encode(array.tobytes()).decode("ascii")


def number(value: float | None, digits: int = 4) -> str:
    """A number as people read it: `10,000`, `0.8568`, `–` for none."""
    if value is None or value != value:
        return "–"
    return f"{value:,}" if isinstance(value, int | np.integer) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction in per cent: `85.7 %`, with a space that does not break; `–` for none."""
    if value is None or value != value:
        return "–"
    largest = 100 - 10**-digits if value < 1 else 100  # what is not all is not told as all
    return f"{min(100 * value, largest):.{digits}f}\N{NO-BREAK SPACE}%"


def cell(value: object) -> str:
    """A value in a table."""
    if value is None or value != value:
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3g}"
    return str(value)
