"""Set mlplab up from the folder of this file, without a network.

`install.sh` and `install.bat` start it. An old Python gets a sentence, not a traceback, so the syntax is that of
Python 3.6.
"""

import argparse
import ast
import filecmp
import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
WHEELS = os.path.join(HERE, "wheels")
WINDOWS = os.name == "nt"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
MARK = ".from-stick"  # marks a folder whose environment this installer may replace
START_SH = """#!/bin/sh
# JupyterLab with the notebooks.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
. "$here/venv/bin/activate"
cd "$here/notebooks" && exec jupyter lab "$@"
"""
START_BAT = """@echo off
rem JupyterLab with the notebooks.
call "%~dp0venv\\Scripts\\activate.bat"
cd /d "%~dp0notebooks"
jupyter lab %*
pause
"""


class Refused(Exception):
    """A reason not to install, as a message to the learner."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Set mlplab up from this folder, without a network.")
    parser.add_argument("folder", nargs="?", help="where to install; by default the folder mlplab in your user folder")
    parser.add_argument("--suits", action="store_true", help="only check whether this Python suits")
    arguments = parser.parse_args()
    try:
        facts = read_facts()
        check_python(facts["targets"])
        if not arguments.suits:
            install(facts, os.path.abspath(arguments.folder or os.path.join(os.path.expanduser("~"), "mlplab")))
    except Refused as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\nThe installation failed: {error}. Solve that, and start it again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. To continue, start the installation again.", file=sys.stderr)
        return 130
    return 0


def read_facts() -> dict:
    """Read stick.json, the last file that is written to a complete folder."""
    try:
        with open(os.path.join(HERE, "stick.json"), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        raise Refused(
            "This folder is not complete: it has no stick.json. Whoever made it should run the same command again."
        ) from None


def check_python(targets: list) -> None:
    """Refuse a Python or a system that the folder has no wheels for."""
    system, kind = this_system(), platform.python_implementation()
    versions = [python for name, python in targets if name == system]
    if not versions:
        systems = " or ".join(sorted({name for name, _ in targets}))
        raise Refused(f"This folder is for {systems}; this machine (or its Python) is {system}.")
    if VERSION not in versions or kind != "CPython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise Refused(
            f"This folder is for Python {' or '.join(versions)}; this is {kind} {platform.python_version()}. "
            f"Install Python {versions[-1]}, the usual kind, and start this again."
        )


def this_system() -> str:
    """Return the name of this system in stick.json, or Python's name for an unknown one."""
    name = sysconfig.get_platform()
    if name.startswith("macosx") and platform.machine() == "arm64":
        return "macos"
    return {"win-amd64": "windows", "linux-x86_64": "linux", "linux-aarch64": "linux-arm"}.get(name, name)


def install(facts: dict, target: str) -> None:
    print(f"Setting mlplab up in {target}", flush=True)
    python = make_environment(target)
    install_packages(facts, python)
    copy_data(facts.get("gzipped", []), python)
    copy_notebooks(os.path.join(target, "notebooks"))
    name, text = ("start.bat", START_BAT.replace("\n", "\r\n")) if WINDOWS else ("start.sh", START_SH)
    write(os.path.join(target, name), text.encode("ascii"))
    check(facts["datasets"], python)
    say_what_next(target)


def make_environment(target: str) -> str:
    """Make a virtual environment, or keep one of this Python, and return its interpreter.

    ensurepip, which some systems leave out, is not needed: pip comes from the folder.
    """
    folder, mark = os.path.join(target, "venv"), os.path.join(target, MARK)
    if os.path.exists(folder) and not os.path.exists(mark):
        raise Refused(f"{folder} exists already, and this installer did not make it. Choose another: install.py FOLDER")
    write(mark, b"install.py of an mlplab stick made the folder venv, and replaces it where necessary.\n")
    python = os.path.join(folder, "Scripts", "python.exe") if WINDOWS else os.path.join(folder, "bin", "python")
    command = [python, "-I", "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        present = subprocess.check_output(command, stderr=subprocess.DEVNULL).decode().strip()
    except (OSError, subprocess.CalledProcessError):
        present = ""
    if present != VERSION:
        print("Making a virtual environment.", flush=True)
        venv.create(folder, clear=True, symlinks=not WINDOWS, with_pip=False)
    return python


def install_packages(facts: dict, python: str) -> None:
    """Install from the folder alone: pip checks each hash in requirements.txt, and builds nothing."""
    print("Installing the packages: one to five minutes.", flush=True)
    pip = [python, "-I", os.path.join(WHEELS, facts["pip"], "pip"), "--isolated", "--disable-pip-version-check"]
    pip += ["install", "--quiet", "--no-index", "--only-binary", ":all:", "--no-warn-script-location"]
    locked = ["--find-links", WHEELS, "--require-hashes", "--requirement", os.path.join(HERE, "requirements.txt")]
    pip_itself = ["--no-deps", os.path.join(WHEELS, facts["pip"])]
    mlplab = ["--no-deps", "--force-reinstall", os.path.join(WHEELS, facts["mlplab"])]
    for arguments in (locked, pip_itself, mlplab):
        if subprocess.call(pip + arguments):
            raise Refused("The packages could not be installed: the lines above say why. Show them to your teacher.")


def copy_data(gzipped: list, python: str) -> None:
    """Copy data sets and the usual ranges of the course into this user's cache, where mlplab looks for them.

    Files are unpacked, but for those of the folders `gzipped`.
    """
    command = [python, "-I", "-c", "from mlplab.datasets.cache import cache_folder; print(ascii(str(cache_folder())))"]
    cache = ast.literal_eval(subprocess.check_output(command).decode())
    for name in names_in(os.path.join(HERE, "data")):
        for path in files_of(os.path.join(HERE, "data", name)):
            file = os.path.basename(path)
            with open(path, "rb") if name in gzipped else gzip.open(path) as packed:
                write(os.path.join(cache, name, file if name in gzipped else os.path.splitext(file)[0]), packed.read())
    for path in files_of(os.path.join(HERE, "cache", "course")):
        kept = os.path.join(cache, "course", os.path.basename(path))
        if not os.path.exists(kept):
            with open(path, "rb") as file:
                write(kept, file.read())


def copy_notebooks(folder: str) -> None:
    """Copy the notebooks that are missing. Files of the learner stay as they are."""
    os.makedirs(folder, exist_ok=True)
    for path in files_of(os.path.join(HERE, "notebooks")):
        target = os.path.join(folder, os.path.basename(path))
        if not os.path.exists(target):
            with open(path, "rb") as file:
                write(target, file.read())
        elif not filecmp.cmp(path, target, shallow=False):
            print(f"{os.path.basename(path)} exists already and differs: yours is kept.", flush=True)


def names_in(folder: str) -> list:
    """Return the visible names in a folder; none if it is missing."""
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [name for name in names if not name.startswith(".")]


def files_of(folder: str) -> list:
    """Return the visible files of a folder; none if it is missing."""
    return [os.path.join(folder, name) for name in names_in(folder)]


def write(path: str, content: bytes) -> None:
    """Write a file that appears whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def check(datasets: list, python: str) -> None:
    """Run what was installed: read the data sets, start Keras and JAX."""
    print("Checking it.", flush=True)
    mlplab = shutil.which("mlplab", path=os.path.dirname(python)) or "mlplab"
    for name in datasets:
        if subprocess.call([mlplab, "data", "fetch", name, "--quiet"]):
            raise Refused(f"The data set {name} cannot be read: the lines above say why.")
    if subprocess.call([python, "-I", "-c", "from mlplab import keras"]):
        remedy = " Install the Microsoft Visual C++ Redistributable (x64), and start this again." if WINDOWS else ""
        raise Refused(f"The packages are installed but do not start: the lines above say why.{remedy}")
    if subprocess.call([mlplab, "data", "list"]):
        raise Refused("mlplab is installed but does not start: the lines above say why.")


def say_what_next(target: str) -> None:
    if WINDOWS:
        start = f"double-click start.bat in {target}"
        activate = f'call "{os.path.join(target, "venv", "Scripts", "activate.bat")}"'
    else:
        start = f"sh '{os.path.join(target, 'start.sh')}'"
        activate = f". '{os.path.join(target, 'venv', 'bin', 'activate')}'"
    print(f"\nmlplab is set up. JupyterLab with the notebooks:\n    {start}")
    print(f"The course, in a {'Command Prompt' if WINDOWS else 'terminal'}:\n    {activate}\n    mlplab course list")


if __name__ == "__main__":
    sys.exit(main())
