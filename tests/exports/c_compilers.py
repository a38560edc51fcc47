"""Compilers and simulators for exported headers; a test whose tool is missing is skipped, and says what to type."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

PROGRAMS = Path(__file__).parent / "programs"
ARDUINO = Path("/usr/share/arduino/hardware/arduino/avr")
STRICT = ("-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion", "-Wsign-conversion")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
UNO = ("-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_ARCH_AVR", "-Os", "-ffunction-sections")
_PACKAGES = {"gcc": "gcc", "g++": "g++", "clang": "clang libclang-rt-dev", "avr-gcc": "gcc-avr avr-libc"}


def compile_c(compiler, *arguments, **options):
    """Run a compiler, which must not say anything."""
    if shutil.which(compiler) is None:
        pytest.skip(f"There is no {compiler}: apt-get install {_PACKAGES[compiler]}")  # fails in CI: tests/conftest.py
    result = subprocess.run([compiler, *map(str, arguments)], capture_output=True, text=True, **options)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr


def predict_in_c(folder, images, classes, compiler="gcc", language=("-std=c99",)):
    """Return classes and scores of uint8 images by the header network.h in a folder, compiled with sanitizers."""
    program = folder / f"predict-{compiler}"
    compile_c(compiler, *language, *STRICT, *SANITIZED, f"-I{folder}", PROGRAMS / "predict.c", "-o", program)
    result = subprocess.run([program], input=np.ascontiguousarray(images).tobytes(), capture_output=True)
    assert (result.returncode, result.stderr) == (0, b""), result.stderr.decode()
    numbers = np.frombuffer(result.stdout, np.int32).reshape(len(images), 1 + classes)
    return numbers[:, 0], numbers[:, 1:]


def arduino_program(folder, sketch):
    """Build an Arduino sketch beside the header network.h in a folder, with the Arduino core; return the program."""
    if not ARDUINO.exists():
        pytest.skip("There is no Arduino core: apt-get install arduino-core-avr")  # fails in CI: tests/conftest.py
    core = ARDUINO / "cores" / "arduino"
    places = (f"-I{folder}", f"-I{core}", f"-I{ARDUINO / 'variants' / 'standard'}")
    # A sketch is C++ with one more line. The core gets no warnings, and a number that avr-gcc 5 lacks in C++.
    (folder / "sketch.cpp").write_text(f"#include <Arduino.h>\n{sketch}", "utf-8")
    compile_c("avr-gcc", *UNO, "-w", *places, "-c", core / "wiring.c", core / "hooks.c", cwd=folder)
    plus = ("-std=gnu++11", "-fno-exceptions", "-fno-threadsafe-statics", *UNO, *places)
    compile_c("avr-g++", *plus, "-Wall", "-Wextra", "-Werror", "-c", "sketch.cpp", cwd=folder)
    names = ("HardwareSerial", "HardwareSerial0", "Print", "Stream", "WString", "main", "abi", "new")
    parts = [*(core / f"{name}.cpp" for name in names), "sketch.o", "wiring.o", "hooks.o"]
    compile_c("avr-g++", *plus, "-w", "-DDECIMAL_DIG=17", *parts, "-Wl,--gc-sections", "-o", "sketch.elf", cwd=folder)
    return folder / "sketch.elf"


def avr_bytes(program):
    """Return the bytes of flash and of RAM that a program takes, without its stack."""
    output = subprocess.run(["avr-size", "-A", program], capture_output=True, text=True, check=True).stdout
    sizes = {line.split()[0]: int(line.split()[1]) for line in output.splitlines() if line.startswith(".")}
    data, bss = sizes.get(".data", 0), sizes.get(".bss", 0)
    return sizes[".text"] + data, data + bss


def answers_of_an_uno(folder, program, images):
    """Return the lines that a simulated Arduino Uno answers to images sent over its serial line."""
    if not Path("/usr/include/simavr/sim_avr.h").exists() or not Path("/usr/include/libelf.h").exists():
        pytest.skip("There is no simavr: apt-get install libsimavr-dev libelf-dev")  # fails in CI: tests/conftest.py
    board = folder / "board"
    compile_c("gcc", "-O2", "-Wall", "-Wextra", PROGRAMS / "board.c", "-o", board, "-lsimavr", "-lelf")
    given = np.ascontiguousarray(images).tobytes()
    words = [board, program, str(images[0].size)]
    output = subprocess.run(words, input=given, capture_output=True, check=True, timeout=100).stdout.decode()
    return [line for line in output.splitlines() if not line.startswith("Loaded ")]
