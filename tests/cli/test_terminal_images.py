"""Pictures of any size and colour in a terminal: two pixels a character."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from mlplab.cli.terminal_images import can_show_images, print_images


def printed(images, width=80):
    """The colours of the characters drawn, upper and lower half, line by line."""
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, color_system="truecolor", width=width)
    print_images(console, images)
    lines = text.getvalue().splitlines()
    colours = [re.findall(r"38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀", line) for line in lines]
    return [np.array(line, int).reshape(-1, 2, 3) for line in colours if line]


def test_a_colour_image_keeps_its_colours():
    image = np.zeros((4, 3, 3), np.uint8)
    image[0, 0], image[1, 0], image[3, 2] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    first, second = printed([image])
    assert first[0].tolist() == [[255, 0, 0], [0, 255, 0]]
    assert second[2].tolist() == [[0, 0, 0], [0, 0, 255]]


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 1), (5, 3, 3), (48, 32, 3), (8, 200, 3), (300, 2)])
def test_images_of_any_shape_fit(shape):
    images = list(np.random.default_rng(0).integers(0, 256, (3, *shape), dtype=np.uint8))
    lines = printed(images)
    assert 1 <= len(lines) <= 3 * 8
    assert max(map(len, lines)) <= 80


def test_a_terminal_without_colours_shows_none():
    assert not can_show_images(Console(file=io.StringIO(), force_terminal=True, color_system="standard"))
    assert not can_show_images(Console(file=io.StringIO()))
