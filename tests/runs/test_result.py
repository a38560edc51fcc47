"""A result is a value: read from result.json, it is written back to the same values."""

import json
from pathlib import Path

import pytest

from mlplab import files
from mlplab.errors import RunError
from mlplab.runs import result

WRITTEN = Path(__file__).parents[1] / "compatibility" / "0.1.0"


@pytest.mark.parametrize("name", ["run-finished", "model-kept", "population-finished"])
def test_what_was_written_is_read_and_written_again_as_the_same_values(name, tmp_path):
    """The kept epoch, balanced accuracy and macro F1, which that version did not write, are null."""
    path = WRITTEN / name / "result.json"
    read = result.from_json(files.read_json(path), str(path))
    files.write_json(tmp_path / "result.json", read.to_json())
    value = with_new_fields(json.loads(path.read_text()))
    assert json.loads((tmp_path / "result.json").read_text()) == read == value
    again = result.from_json(files.read_json(tmp_path / "result.json"), "result.json")
    assert files.json_bytes(again.to_json()) == (tmp_path / "result.json").read_bytes()
    assert dict(read)["test"]["accuracy"] == read.test.accuracy
    with pytest.raises(KeyError):
        read["epochs"]


def with_new_fields(value):
    """Add the fields that 0.1.0 did not write: to the scores, and to the result of a network or of each member."""
    if "diverged" in value:
        return value
    scores = {name: value[name] for name in ("validation", "test", "ensemble") if value.get(name)}
    value = {**value, **{name: {**each, "balanced_accuracy": None, "macro_f1": None} for name, each in scores.items()}}
    if "members" not in value:
        return {**value, "kept_epoch": None}
    return {**value, "members": [with_new_fields(member) for member in value["members"]]}


def test_a_member_that_diverged_is_part_of_the_result_of_a_population():
    value = json.loads((WRITTEN / "population-finished" / "result.json").read_text())
    value["members"][0] = {"schema": 1, "run": "/x", "seed": 0, "diverged": "The loss was nan."}
    read = result.from_json(value, "result.json")
    assert read.to_json() == with_new_fields(value)
    assert isinstance(read.members[0], result.DivergedResult)
    assert "test" not in read.members[0]


@pytest.mark.parametrize("value", [[], {}, {"members": []}, {"schema": 1, "test": None}])
def test_damage_is_named(value):
    with pytest.raises(RunError, match=r"^RUN/result\.json is damaged"):
        result.from_json(value, "RUN/result.json")
