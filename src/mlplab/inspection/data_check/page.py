"""Write what is wrong with a data set as one HTML page, with pictures of the rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab import pages
from mlplab.datasets import Data
from mlplab.datasets.checks import Finding
from mlplab.pages.sprites import sprites

if TYPE_CHECKING:
    from mlplab.inspection.data_check.result import DataCheck

MOST_GROUPS, MOST_ROWS, MOST_IN_GROUP = 60, 120, 12
"""The most groups of a finding, rows of a finding without groups, and rows of a group, that the page shows."""


def page(check: "DataCheck") -> str:
    """Return the HTML of the page."""
    images = _Images(check.data)
    found = [_section(check, finding, images) for finding in check.findings]
    packed = images.packed()
    return pages.render(
        "data-check.html.j2",
        Path(__file__).parent / "templates",
        title=f"{check.data.name}: what is wrong with the data",
        sections=[("summary", "Summary"), *((item["id"], item["code"]) for item in found)],
        data=check.data,
        source=check.data.train.provenance.source,
        summary=check.summary,
        findings=found,
        ignored=check.ignored,
        script={"images": packed and packed.for_script()},
    )


class _Images:
    """The images on the page, numbered in the order in which sections name them."""

    def __init__(self, data: Data):
        self._parts = {"train": data.train, "test": data.test}
        self._numbers: dict[tuple[str, int], int] = {}

    def number(self, split: str, row: int) -> int:
        return self._numbers.setdefault((split, row), len(self._numbers))

    def packed(self) -> Any:
        """Return the sprites; None for features without thumbnails, and where no finding names a row."""
        images: list[Any] = [None] * len(self._numbers)
        for split, part in self._parts.items():
            rows = {number: row for (of, row), number in self._numbers.items() if of == split}
            if part.pictures is None:
                return None
            for number, image in zip(rows, part.pictures[np.array(list(rows.values()), int)], strict=True):
                images[number] = image
        return sprites(np.stack(images)) if images else None


def _section(check: "DataCheck", finding: Finding, images: _Images) -> dict[str, Any]:
    """Return what the template shows of a finding."""

    def tile(split: str, row: int) -> dict[str, Any]:
        part = {"train": check.data.train, "test": check.data.test}[split]
        name = check.row_name(split, row)
        label = check.data.class_names[part.labels[row]]
        return {"image": images.number(split, row), "split": split, "row": row, "name": name, "label": label}

    places = [(split, row) for split, rows in finding.rows.items() for row in rows]
    groups = finding.groups or tuple((place,) for place in places)
    shown = groups[: MOST_GROUPS if finding.groups else MOST_ROWS]
    return {
        "id": finding.kind.code.lower(),
        "code": finding.kind.code,
        "severity": finding.severity,
        "title": finding.title,
        "kind": finding.kind,
        "grouped": bool(finding.groups),
        "groups": [
            {"tiles": [tile(*place) for place in group[:MOST_IN_GROUP]], "more": max(0, len(group) - MOST_IN_GROUP)}
            for group in shown
        ],
        "left_out": len(groups) - len(shown),
        "total": len(groups),
    }
