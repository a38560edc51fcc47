"""MLP-D07: images with nothing on them."""

from collections.abc import Iterator

from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import Survey

BLANK = Kind(
    "MLP-D07",
    "blank images",
    "Such an image is of one colour: its values spread over less than 2 % of what they do in a usual image. The "
    "network can learn nothing from it but its label.",
    "Remove these images, or find out why they are empty: a file that was not read, a crop beside the object.",
)


def blank(survey: Survey) -> Iterator[Finding]:
    """Find images of one colour."""
    if survey.is_blank.any():
        rows = survey.by_split(survey.is_blank)
        says = "is" if survey.is_blank.sum() == 1 else "are"
        yield Finding(BLANK, "warning", f"{survey.counts(rows)} {says} blank", rows)
