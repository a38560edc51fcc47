"""Every entry of the catalog is complete."""

import re

import pytest

from mlplab.datasets import CATALOG, Entry, find_entry
from mlplab.errors import UsageError


@pytest.mark.parametrize("entry", CATALOG.values(), ids=CATALOG.keys())
def test_entries_are_complete(entry: Entry) -> None:
    assert CATALOG[entry.name] is entry
    assert len(set(entry.class_names)) == len(entry.class_names) > 1
    assert entry.licence
    assert entry.title
    assert (entry.bundled is None) == (len(entry.payloads) == 4) == bool(entry.providers)
    for payload in entry.payloads:
        assert re.fullmatch("[0-9a-f]{64}" if payload.sha256 else "[0-9a-f]{32}", payload.sha256 or payload.md5)
    for rows, files in ((entry.train_rows, entry.payloads[:2]), (entry.test_rows, entry.payloads[2:])):
        if files:
            height, width = entry.image_shape
            assert [file.size for file in files] == [16 + rows * height * width, 8 + rows]


def test_find_entry() -> None:
    assert find_entry("digits") is CATALOG["digits"]
    with pytest.raises(UsageError, match=r"Known: digits, emnist-balanced, .*, fashion-mnist, kmnist, mnist"):
        find_entry("xyz")
