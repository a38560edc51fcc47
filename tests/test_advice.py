"""What messages say to type exists: verbs and flags in the shell, functions and parameters in Python."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest
import typer

import mlplab
from mlplab import keras
from mlplab.cli import app
from mlplab.datasets.reading import ReadingArguments
from mlplab.errors import flag
from mlplab.files import KINDS
from mlplab.runs.settings import SETTINGS

SOURCE = Path(mlplab.__file__).parent
OWN_FLAGS = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
OTHER_PROGRAMS = ("datasets/published/providers.py", "exports/triton.py", "figures/canvas.py")
"""Files with flags of other programs, and names in style sheets."""


def verbs(command, words=()):
    """Yield each verb of the command line with its flags: `data show`, {"--out", …}."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from verbs(inner, (*words, name))
    else:
        yield " ".join(words), {text for option in command.params for text in (*option.opts, *option.secondary_opts)}


VERBS = dict(verbs(typer.main.get_command(app)))
FLAGS = set.union(*VERBS.values()) | {"--version", "--help"}


def texts(path):
    """Yield the texts of a file that are no docstring, and the function that each is an argument of, with its position.

    Parts of a formatted text that are computed stand as `…`.
    """
    tree = ast.parse(path.read_text("utf-8"))
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    inner |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    calls = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            calls |= {id(argument): (name, position) for position, argument in enumerate(node.args)}
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield "".join(map(str, parts)), *calls.get(id(node), ("", 0))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, *calls.get(id(node), ("", 0))


FILES = [path for path in sorted(SOURCE.rglob("*.py")) if "exercises" not in path.parts]
TEXTS = [
    (path.relative_to(SOURCE).as_posix(), *each)
    for path in FILES
    if path.relative_to(SOURCE).as_posix() not in OTHER_PROGRAMS
    for each in texts(path)
]


def parameters():
    """Return the parameter names that messages may mention: those of mlplab's functions and of Keras's models."""
    functions = [getattr(mlplab, name) for name in mlplab.__all__]
    functions += [mlplab.resume, importlib.import_module("mlplab.tuning").resume]
    functions += [keras.Model.compile, keras.Model.fit, keras.layers.Layer.call, keras.optimizers.SGD]
    functions += [keras.losses.BinaryCrossentropy]
    names = {"trainable", "training", *SETTINGS, *ReadingArguments.__annotations__}
    for function in filter(callable, functions):
        names |= set(inspect.signature(function).parameters)
    return names


def test_flags_in_messages_exist_on_the_verb_they_are_for():
    assert len(VERBS) > 15
    checked = 0
    for file, text, *_ in TEXTS:
        for command in re.split(r"(?=mlplab [a-z])", text):
            given = set(OWN_FLAGS.findall(command))
            words = re.match(r"mlplab ([a-z-]+)(?: ([a-z-]+))?", command)
            named = [verb for verb in VERBS if words and verb in (words[1], f"{words[1]} {words[2]}")]
            of_file = [verb for verb in VERBS if file == f"cli/{verb.split()[0].replace('-', '_')}.py"]
            of_any_verb = command in given or not (named or of_file)  # a word of a command that is put together
            known = FLAGS if of_any_verb else set.union(*(VERBS[verb] for verb in named or of_file))
            assert given <= known | {"--help"} or "ray start" in command, (file, text)
            checked += len(given)
    assert checked > 40


def test_commands_in_messages_exist():
    quoted = [
        (file, found) for file, text, *_ in TEXTS for found in re.findall(r"['(:`] ?mlplab ([a-z-]+ ?[a-z-]*)", text)
    ]
    assert len(quoted) > 5
    for file, words in quoted:
        first = words.split()[0]
        assert any(verb.split()[0] == first for verb in VERBS), (file, words)


def test_python_has_the_words_of_python_and_the_shell_those_of_the_shell():
    for file, text, function, position in TEXTS:
        in_shell_words = file.startswith("cli/") or (function, position) == ("Advice", 1)
        if OWN_FLAGS.search(text) and not in_shell_words and function not in ("shell_command", "flag"):
            beside = all(f"{name}=" in text for name in (f[2:].replace("-", "_") for f in OWN_FLAGS.findall(text)))
            assert beside or "mlplab " in text or "ray start" in text, (file, text)
        if (function, position) == ("Advice", 0):
            assert not OWN_FLAGS.search(text), (file, text)


def test_functions_and_parameters_in_messages_exist():
    known, checked = parameters(), 0
    for file, text, *_ in TEXTS:
        if "<" in text or "import " in text or file.startswith(("figures/", "pages/", "cluster/", "runs/settings_arg")):
            continue  # of pages, drawings and programs
        for name, arguments in re.findall(r"mlplab\.([a-z_.]+)\(([^()]*)", text):
            module, _, last = f"mlplab.{name}".rpartition(".")
            function = getattr(importlib.import_module(module), last)
            given = re.findall(r"\b([a-z_]+)=", arguments)
            assert set(given) <= set(inspect.signature(function).parameters), (file, text)
            checked += 1
        if not file.startswith("cli/") and "savez" not in text:
            given = set(re.findall(r"(?<![\w\"'-])([a-z_]+)=(?=[^=\s])", text))
            assert given <= known, (file, text, given - known)
            checked += len(given)
    assert checked > 30


@pytest.mark.parametrize("kind", KINDS)
def test_what_continues_a_directory_exists(kind):
    module, _, last = KINDS[kind].function.rpartition(".")
    resume = getattr(importlib.import_module(module), last)
    assert callable(resume)
    assert {"--resume", flag(KINDS[kind].argument)} <= VERBS[KINDS[kind].verb]
    start = {"run": mlplab.train, "study": importlib.import_module("mlplab.tuning").tune, "sweep": mlplab.sweep}[kind]
    assert KINDS[kind].argument in inspect.signature(start).parameters


def test_arguments_that_the_command_line_shows_as_flags_are_flags():
    names = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "arguments" and isinstance(node.value, ast.Tuple):
                names |= {part.value for part in node.value.elts if isinstance(part, ast.Constant)}
    assert len(names) > 5
    assert {flag(name) for name in names} <= FLAGS
