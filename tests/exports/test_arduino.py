"""The sketch of docs/export.md on a simulated Arduino Uno: it fits, and answers what whole numbers in NumPy do."""

import re
from pathlib import Path

import numpy as np
import pytest
from c_compilers import STRICT, answers_of_an_uno, arduino_program, avr_bytes, compile_c

import mlplab
from mlplab.exports.c import integer_network
from mlplab.exports.checking import rows_to_check

DOCUMENT = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")


def block(language):
    return re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("kind", ["fashion", "encoded"])
def test_the_sketch_answers_what_numpy_does(any_run, kind, tmp_path):
    run, data = any_run(kind)
    mlplab.export(run, "c", tmp_path / "network.h", data=data)
    program = arduino_program(tmp_path, block("cpp"))
    flash, ram = avr_bytes(program)
    assert flash <= 32_256
    assert ram <= 2048 - 256  # for the stack: the sketch and the core take about 150
    rows = rows_to_check(run, data)
    images = rows.inputs[:60]
    classes, scores = integer_network(run, rows).predict(images)
    answers = [re.fullmatch(r"(.+) (-?\d+) (\d+) ms", line) for line in answers_of_an_uno(tmp_path, program, images)]
    assert [answer[1] for answer in answers] == [run.class_names[number] for number in classes]
    np.testing.assert_array_equal([int(answer[2]) for answer in answers], scores.max(1))
    assert max(int(answer[3]) for answer in answers) < 50


def test_the_program_in_c_compiles(fashion_run, tmp_path):
    mlplab.export(fashion_run, "c", tmp_path / "network.h")
    (tmp_path / "main.c").write_text(block("c"), "utf-8")
    compile_c("gcc", "-std=c99", *STRICT, tmp_path / "main.c", "-o", tmp_path / "main")


def test_a_network_beyond_what_an_avr_reads_is_refused_by_its_compiler(any_run, tmp_path):
    run, data = any_run("colour")  # 4,608 pixels
    mlplab.export(run, "c", tmp_path / "network.h", data=data)
    text = (tmp_path / "network.h").read_text("ascii")
    larger = re.sub(r"(#define NETWORK_FLASH_BYTES) \d+", r"\1 60001", text)
    (tmp_path / "network.h").write_text(larger)
    (tmp_path / "main.c").write_text(block("c"), "utf-8")
    with pytest.raises(AssertionError, match="larger than the 64 KB of flash that an AVR can read"):
        compile_c("avr-gcc", "-mmcu=atmega328p", "-std=c99", tmp_path / "main.c", "-o", tmp_path / "main")
