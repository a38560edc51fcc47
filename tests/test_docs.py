"""The documents describe everything, and everything that they describe is true."""

import re
from pathlib import Path

import pytest
import typer

from mlplab.cli import app

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *DOCS, ROOT / "benchmarks" / "README.md"]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv[/\\]\w+[/\\])?mlplab\b(.*)$")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


def python_of(document: Path) -> list[str]:
    return [text for language, text in FENCED.findall(document.read_text("utf-8")) if language == "python"]


WITH_PYTHON = [path for path in (ROOT / "README.md", *DOCS) if python_of(path)]


def verbs(command, name="mlplab"):
    """List (name, command) of every verb that does something: "mlplab data list", not "mlplab data"."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(name, command)]
    return [pair for verb, command in inner.items() for pair in verbs(command, f"{name} {verb}")]


VERBS = dict(verbs(typer.main.get_command(app)))


def section_of(name):
    """Return the section of docs/cli.md about a verb, empty if there is none."""
    return (ROOT / "docs" / "cli.md").read_text("utf-8").partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]


def options_of(name):
    options = (option for parameter in VERBS[name].params for option in (*parameter.opts, *parameter.secondary_opts))
    return {option for option in options if option.startswith("--")}


@pytest.mark.slow
@pytest.mark.parametrize("document", WITH_PYTHON, ids=lambda path: path.stem)
def test_the_python_of_a_document_runs(document, fashion_mnist, tmp_path, monkeypatch, capsys):
    """All its blocks, one after the other, in an empty folder; the README's for 2 epochs in place of 10."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLPLAB_COURSE", str(tmp_path / "progress"))
    scope = {"__name__": document.stem}
    for block in python_of(document):
        if document.stem == "README":
            block = block.replace("epochs=10", "epochs=2")
        exec(compile(block, f"{document.name}: {block.splitlines()[0]}", "exec"), scope)
    if document.stem == "README":
        assert "test accuracy 0.8" in capsys.readouterr().out


def commands():
    """List (file, arguments) of every `mlplab …` line in a block that is typed into a shell."""
    return [
        (path.name, re.split(r"\s[#>]", match[1])[0].strip())
        for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS)
        for language, text in FENCED.findall(path.read_text("utf-8"))
        if language in ("sh", "powershell")
        for line in text.splitlines()
        if (match := COMMAND.match(line))
    ]


@pytest.mark.parametrize(("document", "arguments"), sorted(set(commands())))
def test_commands_exist_with_their_flags(document, arguments):
    command, rest = typer.main.get_command(app), arguments.split()
    while verbs := getattr(command, "commands", None):
        assert rest, f"{document}: mlplab {arguments} names no verb"
        assert rest[0] in verbs, f"{document}: mlplab {arguments} names no verb"
        command = verbs[rest.pop(0)]
    command.make_context("mlplab", [part for part in rest if part != "--help"])  # raises where a flag is unknown


def test_blocks_and_commands_are_found():
    assert len(commands()) > 20
    assert sum(len(python_of(document)) for document in DOCS) > 10


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
    links = ["".join(groups) for groups in LINK.findall(document.read_text("utf-8"))]
    for link in links:
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (document.parent / path) if path else document
        assert target.exists(), f"{document.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{document.name} links to {link}"


def anchors(document):
    """Return the anchors of all headings, as the common hosts make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_address_of_the_repository_stands_in_one_place():
    address = "github.com/mlplab"
    kept = [*DOCUMENTS, ROOT / "pyproject.toml", ROOT / "Makefile", *(ROOT / "src").rglob("*.py")]
    assert [path.name for path in kept if address in path.read_text("utf-8")] == ["pyproject.toml"]
