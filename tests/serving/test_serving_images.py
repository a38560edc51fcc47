"""Images as people send them to the server: prepared and predicted as `mlplab predict` does."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from server_process import Server

from mlplab import predict_files


def png(array: np.ndarray, format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, format, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def drawings(digits, tmp_path_factory):
    """Three digits, enlarged and dark on light, as files."""
    folder = tmp_path_factory.mktemp("drawings")
    for row in range(3):
        large = np.kron(digits.test.images[row] * 15, np.ones((5, 5), np.uint8))
        (folder / f"{row}.png").write_bytes(png(255 - np.pad(large, 20)))
    return sorted(folder.iterdir())


def post(server, **request):
    return server.client.post("/predict/digits", **request)


def test_all_ways_to_send_an_image_give_what_mlplab_predict_gives(server, drawings, digits_run):
    expected = predict_files(digits_run, drawings, verbose=0)
    assert set(expected.prepared) == {"framed"}
    one = drawings[0].read_bytes()
    in_base64 = [base64.b64encode(path.read_bytes()).decode() for path in drawings]
    answers = [
        post(server, content=one, headers={"Content-Type": "image/png"}),
        post(server, content=one, headers={"Content-Type": "application/x-www-form-urlencoded"}),
        post(server, content=one),
        post(server, files={"file": ("a.png", one)}),
        post(server, json={"image": in_base64[0]}),
        post(server, json={"image": f"data:image/png;base64,{in_base64[0]}"}),
        post(server, files=[("file", (path.name, path.read_bytes(), "image/png")) for path in drawings]),
        post(server, json={"images": in_base64}),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"] == "digits"
        for row, found in enumerate(answer.json()["predictions"]):
            probabilities = expected.probabilities[row]
            assert found["class"] == expected.table["predicted"][row]
            np.testing.assert_allclose(list(found["probabilities"].values()), probabilities, rtol=0, atol=1e-6)
            assert list(found["probabilities"]) == list(digits_run.class_names)
            assert found["probability"] == max(found["probabilities"].values())
            assert found["prepared"] == "framed"
    assert [len(answer.json()["predictions"]) for answer in answers] == [1] * 6 + [3] * 2
    assert [each["file"] for each in answers[6].json()["predictions"]] == ["0.png", "1.png", "2.png"]


def test_colour_images_of_another_size(colour_served, tmp_path):
    run, folder = colour_served
    photo = sorted((folder / "nut").iterdir())[0]
    with Image.open(photo) as image:
        large = np.asarray(image.resize((400, 600)))
    (tmp_path / "large.jpg").write_bytes(png(large, "JPEG"))
    expected = predict_files(run, [photo, tmp_path / "large.jpg"], verbose=0)
    with Server(f"parts={run.path}") as server:
        for row, path in enumerate((photo, tmp_path / "large.jpg")):
            (found,) = server.client.post("/predict", content=path.read_bytes()).json()["predictions"]
            assert list(found["probabilities"]) == ["bolt", "nut", "washer"]
            found_probabilities = list(found["probabilities"].values())
            np.testing.assert_allclose(found_probabilities, expected.probabilities[row], rtol=0, atol=1e-6)
            assert found["prepared"] == expected.prepared[row]


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG file that claims a size, and holds a few lines."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(width + 1))) + chunk(b"IEND", b"")


GREY = np.zeros((9, 9), np.uint8)
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
FIELD = b'--x\r\nContent-Disposition: form-data; name="a"'
JSON = {"Content-Type": "application/json"}
BAD = {
    "no image": (b"no image", {}, 400, "The image is no image (begins with b'no image')"),
    "empty": (b"", {}, 400, "The image is empty"),
    "truncated": (png(np.arange(10_000, dtype=np.uint8).reshape(100, 100))[:200], {}, 400, "damaged image"),
    "50,000×50,000": (huge_png(50_000, 50_000), {}, 400, "too large"),
    "6,000×6,000": (huge_png(6_000, 6_000), {}, 413, "has 6000×6000 pixels; expected at most 33,554,432"),
    "gif": (png(GREY, "GIF"), {}, 400, "Expected PNG, JPEG, WebP, BMP or TIFF"),
    "32 bits": (png(np.zeros((9, 9), np.float32), "TIFF"), {}, 400, "has numbers of 32 bits"),
    "type": (b"x", {"Content-Type": "text/html"}, 415, "Bodies of the type text/html are not taken"),
    "form without a boundary": (b"x", {"Content-Type": "multipart/form-data"}, 400, "The form cannot be read"),
    "form cut": (FIELD + b'; filename="a"\r\n\r\nabc', FORM, 400, "got 0"),
    "form without files": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nabc\r\n--x--\r\n',
        FORM,
        400,
        "got 0",
    ),
    "JSON of another form": (b'{"image": "", "images": []}', JSON, 400, "either image or images"),
    "JSON with a number": (b'{"image": 3}', JSON, 400, "texts in base64"),
    "JSON with a path": (b'{"image": "/etc/passwd!"}', JSON, 400, "is not in base64"),
    "no images": (b'{"images": []}', JSON, 400, "Expected 1 to 100 images; got 0"),
    "too many": (b'{"images": [' + b'"",' * 100 + b'""]}', JSON, 400, "Expected 1 to 100 images; got 101"),
    "compressed": (b"x", {"Content-Encoding": "gzip"}, 415, "Compressed bodies are not taken"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_refused(server, name):
    content, headers, status, message = BAD[name]
    answer = post(server, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert message in answer.json()["error"]


GOOD = {
    "1 pixel": png(np.zeros((1, 1), np.uint8)),
    "16 bits": png(np.zeros((9, 9), np.uint16)),
    "CMYK": png(np.zeros((9, 9, 4), np.uint8), "TIFF"),
    "animated": png(GREY, "WEBP", save_all=True, append_images=[Image.fromarray(GREY + 200)]),
    "30,000 pixels wide": png(np.zeros((2, 30_000), np.uint8)),
}


@pytest.mark.parametrize("name", GOOD)
def test_images_of_unusual_kinds_are_predicted(server, name):
    answer = post(server, content=GOOD[name])
    assert answer.status_code == 200, answer.text


def test_pages_run_their_own_script_alone(server):
    listing, page = server.client.get("/"), server.client.get("/page/digits")
    assert "/page/digits" in listing.text
    assert 'id="payload"' in page.text  # the page on which a person draws
    for answer in (listing, page, server.client.get("/docs")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert answer.headers["x-frame-options"] == "DENY"
