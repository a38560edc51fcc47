"""The server's pages. They make no request but to the server itself."""

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlplab.serving.answers import Answer
from mlplab.serving.models import Model

_TEMPLATES = Path(__file__).parent / "templates"
_SCRIPT = re.compile(r"<script(?![^>]*application/json)[^>]*>(.*?)</script>", re.DOTALL)
_POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {scripts}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def answer(html: str) -> Answer:
    """Return a page as an answer. Its policy lets the browser run the page's own scripts, by their SHA-256, alone."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _SCRIPT.findall(html))
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests) or "'none'"
    policy = {"Content-Security-Policy": _POLICY.format(scripts=scripts)}
    return Answer(html.encode(), "text/html", headers={**_HEADERS, **policy})


def docs(description: Mapping[str, Any]) -> str:
    """Return the page about all addresses. `description`: in the form of OpenAPI."""
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    return _render("docs.html.j2", title="mlplab serve: addresses", sections=(), operations=operations)


def listing(models: Mapping[str, Model]) -> str:
    """Return the page that leads to the pages of several models."""
    return _render(
        "models.html.j2", title="mlplab serve", sections=(), models=[_about(each) for each in models.values()]
    )


def of_model(model: Model) -> str:
    """Return the page on which a person predicts with one model."""
    return _render("model.html.j2", title=model.name, sections=(), model=_about(model))


def _about(model: Model) -> dict[str, Any]:
    tensor, classes = model.predictor.input, model.class_names
    return {
        "name": model.name,
        "summary": model.run.summary,
        "path": quote(model.name),
        "takes_pictures": model.preparation.takes_pictures,
        "classes": classes,
        "input": tensor,
        "shape": [-1, *tensor.shape],
    }


def _render(template: str, **values: Any) -> str:
    from mlplab.pages import render  # Jinja: only for pages

    return render(template, _TEMPLATES, **values)
