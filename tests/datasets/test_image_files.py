"""One image of a stranger: errors of its bytes are told from those of mlplab's code, and memory is bounded."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from mlplab.datasets.images import image_files
from mlplab.datasets.images.image_files import content_of, decode_one
from mlplab.datasets.readers.files import picture_of


@pytest.mark.parametrize("error", [ValueError, MemoryError])
def test_errors_of_what_is_done_with_an_image_are_raised_as_they_are(error, tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")

    def finish(image):
        raise error("a bug")

    with pytest.raises(error, match=r"^a bug$") as caught:
        decode_one(picture_of(tmp_path / "a.png"), None, finish)
    assert type(caught.value) is error  # DataError is a ValueError


def test_a_decoded_image_outlives_its_file(tmp_path):
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)

    def grey(image):  # WebP has colours alone
        return np.asarray(image.convert("L"))

    for suffix, options in (("png", {}), ("tiff", {}), ("webp", {"lossless": True}), ("bmp", {})):
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(pixels).save(path, **options)
        np.testing.assert_array_equal(decode_one(picture_of(path), None, grey), pixels)


@pytest.mark.parametrize(("size", "fit"), [(500, True), (600, False)])
def test_files_are_in_memory_together_only_if_they_fit(size, fit, tmp_path, monkeypatch):
    monkeypatch.setattr(image_files, "_BYTES", image_files._Budget(1000))
    (tmp_path / "a.png").write_bytes(bytes(size))
    both_there = threading.Barrier(2)

    def meet(_: int) -> bool:
        with content_of(picture_of(tmp_path / "a.png")) as content:
            assert len(content) == size
            try:
                both_there.wait(timeout=10 if fit else 0.2)
            except threading.BrokenBarrierError:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(meet, range(2))) == [fit] * 2
