"""The page of `mlplab data check`, in a real browser."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import mlplab
from mlplab.datasets import Data

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def path(digits: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two copies and a blank image, in a class and files whose names would be code if they were not escaped."""
    images, labels = digits.train.images.copy(), digits.train.labels
    first, second = np.flatnonzero(labels == 0)[:2]
    images[second], images[5] = images[first], 0
    names = (HOSTILE, *digits.class_names[1:])
    files = tuple(f"<img src=x onerror=alert({row})>.png" for row in range(len(images)))
    train = dataclasses.replace(digits.train, inputs=images, class_names=names, files=files)
    test = dataclasses.replace(digits.test, class_names=names)
    check = mlplab.check_data(dataclasses.replace(digits, train=train, test=test), verbose=0)
    return check.save(tmp_path_factory.mktemp("check") / "check.html")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_it_is_accessible_fits_requests_nothing_and_shows_the_rows(visit, path, width, scheme):
    opened = visit(path, width, scheme)
    page = opened.page
    page.wait_for_function(
        "() => [...document.querySelectorAll('#mlp-d01 canvas')].every((c) => c.getContext('2d').getImageData(0, 0, "
        "c.width, c.height).data.some((v, i) => i % 4 !== 3 && v > 0))"
    )
    assert page.locator("#mlp-d01 canvas").count() == 2
    assert page.locator("#mlp-d07 canvas").count() == 1
    assert HOSTILE in page.locator("#mlp-d01").inner_text()
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == width
    violations = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")] == []
    assert opened.errors == []
    assert opened.requests == [path.as_uri()]
