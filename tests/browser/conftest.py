"""A real browser that opens pages."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from drawing_pages import exported
from playwright.sync_api import Browser, Page, sync_playwright

import mlplab

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium as the system has it, with a new profile."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("There is no Chromium: apt-get install chromium")  # fails in CI: tests/conftest.py
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page with its errors and requests.

    Attributes:
        page: Playwright's page.
        errors: errors and warnings of the console, errors of scripts, and dialogs that scripts opened.
        requests: addresses that the page requested, without data and blob addresses.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a file: `visit(path, width=1280, scheme="light", address="")`."""
    contexts = []

    def open_page(path: Path, width: int = 1280, scheme: str = "light", address: str = "") -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # pyright: ignore[reportArgumentType] - "light" or "dark"
            reduced_motion="reduce",
        )
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.set_default_timeout(10_000)
        visit.page.on(
            "console",
            lambda message: visit.errors.append(message.text) if message.type in ("error", "warning") else None,
        )
        visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
        visit.page.on("dialog", lambda dialog: (visit.errors.append(dialog.message), dialog.dismiss()))
        visit.page.on(
            "request",
            lambda request: None if request.url.startswith(("data:", "blob:")) else visit.requests.append(request.url),
        )
        visit.page.goto(path.as_uri() + address)
        return visit

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def mnist_page(once, tmp_path_factory):
    """The page of a small network on MNIST."""
    run = mlplab.Run(
        once("mnist-drawn", lambda out: mlplab.train("mnist", hidden=[64], epochs=3, seed=0, out=out, verbose=0))
    )
    return exported(run, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="session")
def fashion_page(fashion_run, tmp_path_factory):
    """The page of the notebook's network on Fashion-MNIST."""
    return exported(fashion_run, tmp_path_factory.mktemp("page"))
