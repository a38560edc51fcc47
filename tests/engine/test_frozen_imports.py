"""Keras and JAX are left out of the search for garbage; what a program makes itself is not."""

import subprocess
import sys

MADE_AFTER = """
import gc
import mlplab.engine

class Log:
    def __init__(self):
        self.me = self  # so that only a search for garbage finds it
        self.file = open("log.txt", "w")

assert gc.get_freeze_count() > 10 * len(gc.get_objects())
log = Log()
log.file.write("written at exit")
"""

MADE_BEFORE = """
import gc, weakref

class Node:
    pass

others = [[] for _ in range(500_000)]
node = Node()
node.me = node
is_alive = weakref.ref(node)
import mlplab.engine
del node
gc.collect()
assert is_alive() is None
"""


def _run(program, folder):
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], cwd=folder, check=True)


def test_what_a_program_makes_is_finalised_when_it_ends(tmp_path):
    _run(MADE_AFTER, tmp_path)
    assert (tmp_path / "log.txt").read_text() == "written at exit"


def test_garbage_of_a_program_that_had_much_before_the_import_is_freed(tmp_path):
    _run(MADE_BEFORE, tmp_path)
