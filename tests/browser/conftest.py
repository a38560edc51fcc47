"""A real browser to open pages in."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, with a new profile."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        missing = "There is no Chromium: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)  # elsewhere than in CI, a system package may be missing: the line says what to type
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that was opened, and what it said and asked for on the way.

    Attributes:
        page: Playwright's.
        errors: of the console and of scripts, and dialogs that scripts opened.
        requests: addresses of everything it asked for, data and blob addresses left out.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a file: `visit(path, width=1280, scheme="light", address="")`."""
    contexts = []

    def opened(path: Path, width: int = 1280, scheme: str = "light", address: str = "") -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # pyright: ignore[reportArgumentType] - "light" or "dark"
            reduced_motion="reduce",
        )
        contexts.append(context)
        made = Visit(context.new_page())
        made.page.set_default_timeout(10_000)
        made.page.on(
            "console", lambda said: made.errors.append(said.text) if said.type in ("error", "warning") else None
        )
        made.page.on("pageerror", lambda error: made.errors.append(str(error)))
        made.page.on("dialog", lambda dialog: (made.errors.append(dialog.message), dialog.dismiss()))
        made.page.on(
            "request",
            lambda asked: None if asked.url.startswith(("data:", "blob:")) else made.requests.append(asked.url),
        )
        made.page.goto(path.as_uri() + address)
        return made

    yield opened
    for context in contexts:
        context.close()
