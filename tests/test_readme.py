"""The README does what it says: its Python runs as a newcomer would run it, and its commands are ones that exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from mlplab.cli import app

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(?:\.venv[/\\]\w+[/\\])?mlplab\b(.*)$")


def test_its_python_runs(fashion_mnist, tmp_path):
    blocks = [
        text for language, text in FENCED.findall((ROOT / "README.md").read_text("utf-8")) if language == "python"
    ]
    assert blocks
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    command = [sys.executable, "-c", "\n".join(blocks)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "test accuracy 0.8" in done.stdout


def commands():
    """(file, arguments) of every `mlplab …` line in a block that is typed into a shell."""
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        for language, text in FENCED.findall(path.read_text("utf-8")):
            for line in text.splitlines() if language in ("sh", "powershell") else ():
                if found := COMMAND.match(line):
                    yield path.name, re.split(r"\s[#>]", found[1])[0].strip()


@pytest.mark.parametrize(("document", "arguments"), sorted(set(commands())))
def test_its_commands_exist_with_their_flags(document, arguments):
    command, rest = typer.main.get_command(app), arguments.split()
    while verbs := getattr(command, "commands", None):
        assert rest, f"{document}: mlplab {arguments} names no verb"
        assert rest[0] in verbs, f"{document}: mlplab {arguments} names no verb"
        command = verbs[rest.pop(0)]
    command.make_context("mlplab", [part for part in rest if part != "--help"])  # raises where a flag is unknown


def test_the_commands_are_found():
    assert len(list(commands())) > 20
