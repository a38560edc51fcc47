"""Sentences of a page: what to do, what the network receives, and what to expect of it."""

from mlplab.exports.checking import Check
from mlplab.exports.page.images import Images
from mlplab.pages import percent


def title(images: Images, names: tuple[str, ...]) -> str:
    if not images.are_grey:
        return "Show it a photo"
    if images.characters:
        return "Draw a digit" if all(name.isdigit() for name in names) else "Draw a character"
    return "Sketch it, or show it a photo"


def hint(images: Images) -> str:
    if not images.are_grey:
        return "Choose, drop or paste a photo, or take a test image below"
    return "Draw here" if images.characters else "Draw here, filled rather than outlined"


def received(images: Images) -> str:
    """Describe how an image is prepared."""
    preparation = images.preparation
    height, width = preparation.shape[:2]
    framing, reading = preparation.framing, preparation.reading
    as_then = "as the training images were."
    if images.are_grey and framing is not None and framing.box is not None and reading.size is None:
        middle = "its centre of mass in the middle" if framing.centre is not None else "in the middle"
        where = f"{middle} of {width} × {height}" if (framing.box, framing.box) != (height, width) else middle
        return f"Cut out, its longer side {framing.box} pixels, {where}, {framing.background} behind, {as_then}"
    how = "cut to fill" if reading.crop else "with margins"
    colours = "in grey" if images.are_grey else "in colours"
    inverted = ", light and dark exchanged" if reading.invert else ""
    if images.are_grey and framing is not None and reading.size is None:
        inverted = f", inverted if its ground is not {framing.background}"
    return f"{width} × {height} pixels, {how}, {colours}{inverted}, {as_then}"


def honest(images: Images, check: Check, sketches: tuple[float, float] | None) -> list[str]:
    """Say how far to trust the answer."""
    said = []
    if check.accuracy is not None:
        said.append(
            f"It is right on {percent(check.accuracy)} of {check.rows:,} test images that it had never seen. They came "
            "from the same source as those that it learned from; what you draw does not."
        )
    if not images.are_grey:
        said.append(
            "It learned from colour photos, so there is no drawing here: no sketch comes near them. Photos of other "
            "scenes, lights or cameras are harder for it than its test images."
        )
    elif not images.characters:
        said.append(_of_sketches(sketches))
    else:
        said.append(
            "Another way to write a character than in its training images, a stroke too thick, or a second thing on "
            "the paper can mislead it."
        )
    said.append("It has no answer for none of these: it names one of its classes, whatever it is shown.")
    return said


def expect(images: Images, sketches: tuple[float, float] | None) -> str:
    """Return a warning that stands beside the pad; "" if none is needed."""
    return _of_sketches(sketches) if images.are_grey and not images.characters else ""


def _of_sketches(sketches: tuple[float, float] | None) -> str:
    general = "It learned from images with many tones of grey, and a sketch is far from them."
    if sketches is None:
        return f"{general} Photos on a plain ground do better."
    return (
        f"{general} Of test images turned into exact silhouettes of one tone it reads {percent(sketches[0], 0)} right, "
        f"of mere outlines {percent(sketches[1], 0)}; by hand it will be less. So fill what you draw, or take a photo "
        "on a plain ground."
    )


def notes(images: Images) -> tuple[str, ...]:
    """Return sentences for the person who exported the page."""
    use = "Open it in any browser: it needs no network."
    if images.are_grey:
        return (use,)
    return (f"{use} It takes photos and test images; there is no drawing, since the network is for colour images.",)
