"""The documents tell all of it and nothing that is not so."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mlplab.cli import app

ROOT = Path(__file__).parents[1]
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]

# Each document on its own, in a folder of its own: names of one are none of another's. One process, for Keras's sake.
RUN = """
import json, os, sys
import mlplab
for name, blocks in json.load(sys.stdin):
    os.makedirs(name)
    os.chdir(name)
    scope = {"__name__": name}
    for block in blocks:
        exec(compile(block, f"{name}: {block.splitlines()[0]}", "exec"), scope)
    os.chdir("..")
"""


def verbs(command, name="mlplab"):
    """(name, command) of every verb that does something itself: "mlplab data list", not "mlplab data"."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(name, command)]
    return [found for verb, command in inner.items() for found in verbs(command, f"{name} {verb}")]


VERBS = dict(verbs(typer.main.get_command(app)))


def section_of(name):
    """What docs/cli.md says of a verb; nothing, if it has no section for it."""
    return (ROOT / "docs" / "cli.md").read_text("utf-8").partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]


def options_of(name):
    options = (option for parameter in VERBS[name].params for option in (*parameter.opts, *parameter.secondary_opts))
    return {option for option in options if option.startswith("--")}


def test_the_python_of_the_documents_runs(tmp_path):
    work = [(path.stem, PYTHON.findall(path.read_text("utf-8"))) for path in DOCUMENTS if path.parent.name == "docs"]
    assert sum(len(blocks) for _, blocks in work) > 10
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment["MLPLAB_COURSE"] = str(tmp_path / "progress")  # not the one of whoever runs the tests
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(work),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", VERBS)
def test_every_option_is_documented(name):
    section = section_of(name)
    assert section, f"docs/cli.md has no section for {name}"
    missing = [option for option in options_of(name) if f"`{option}`" not in section]
    assert not missing, f"docs/cli.md says nothing of {', '.join(missing)} in {name}"


@pytest.mark.parametrize("name", VERBS)
def test_every_documented_option_exists(name):
    assert set(re.findall(r"`(--[a-z-]+)`", section_of(name))) <= options_of(name) | {"--help"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = ["".join(found) for found in LINK.findall(document.read_text("utf-8"))]
    for link in links:
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (document.parent / path) if path else document
        assert target.exists(), f"{document.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{document.name} links to {link}"


def anchors(document):
    """Of the headings, as the common hosts make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_address_of_the_repository_stands_in_one_place():
    address = "github.com/mlplab"
    kept = [*DOCUMENTS, ROOT / "pyproject.toml", ROOT / "Makefile", *(ROOT / "src").rglob("*.py")]
    assert [path.name for path in kept if address in path.read_text("utf-8")] == ["pyproject.toml"]
