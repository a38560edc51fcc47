"""One reader under Atheris: `python fuzzer.py READER CORPUS [libFuzzer's flags]`. `campaign.py` starts it."""

import hashlib
import sys
import tempfile
from pathlib import Path

import atheris

OURS = ["mlplab.datasets", "mlplab.inspection.predictions.rows", "mlplab.npz", "prepared", "targets"]
with atheris.instrument_imports(include=[*OURS, "PIL", "zipfile", "gzip", "numpy.lib"]):
    import targets


def main() -> None:
    reader, corpus, *flags = sys.argv[1:]
    target = targets.TARGETS[reader]
    targets.no_cache()
    for content in target.seeds():
        (Path(corpus) / hashlib.sha1(content).hexdigest()).write_bytes(content)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        atheris.Setup([sys.argv[0], corpus, *flags], lambda content: target.check(Path(folder), content))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
