"""Whatever a person types ends in one message and a documented exit code, and what the message says to type works."""

import json
import shlex
import shutil

import pytest
from command_line import mlplab, refused


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "digits", "--hidden", "1000000000"], 2, "--hidden=1000000000 makes 75,000,000,010 parameters"),
        (["train", "digits", "--hidden", "20", "--seeds", "100000000"], 2, "or train fewer networks at once"),
        (["train", "digits", "--hidden", "9" * 30], 2, "Give fewer units"),
        (["train", "digits", "--hidden", "4", "--seeds", "1000000"], 2, "for each of 1,000,000 networks"),
        (["learning-curve", "digits", "--seeds", "9" * 30], 2, "or train fewer networks at once"),
        (["train", "digits", "--hidden", "4", "--activation", "get"], 2, "Unknown activation 'get'"),
        (["train", "digits", "--seeds", "2", "--ray", "x"], 2, "--ray must be 'local', 'auto', or a cluster's address"),
        (["train", "digits", "--hidden", "0"], 2, "--hidden must be a list with the units of each layer, at least 1"),
        (["report", "a" * 5000], 1, "File name too long"),
        (["runs", "a" * 5000], 1, "File name too long"),
        (["train", "a" * 5000 + ".npz"], 1, "File name too long"),
        (["figure", "a run", "saliency"], 1, "There is no run at a run. 'mlplab runs' lists the runs in ./runs."),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_what_cannot_be_is_refused(arguments, code, message, tmp_path):
    assert refused(mlplab(*arguments, cwd=tmp_path), code, message)
    assert list(tmp_path.iterdir()) == []


def test_commands_are_quoted_for_the_shell(trained, tmp_path):
    run = shutil.copytree(trained[1], tmp_path / "my runs" / "it's one")
    shown = mlplab("failures", run, cwd=tmp_path)
    assert shlex.split(shown.stderr.splitlines()[-1].partition("click through: ")[2]) == ["mlplab", "report", str(run)]
    (run / "result.json").unlink()
    listed = mlplab("runs", "my runs", cwd=tmp_path).stderr.splitlines()[-1]
    words = shlex.split(listed.split(": ")[-1])
    assert words == ["mlplab", "train", "--resume", "my runs/it's one"]
    assert refused(mlplab("report", run), 1, f"Continue it with: {shlex.join([*words[:-1], str(run)])}")
    resumed = mlplab(*words[1:], "--json", "--quiet", cwd=tmp_path)
    assert json.loads(resumed.stdout)["run"] == str(run)


@pytest.mark.parametrize(
    "content", ["[]", "{}", "nonsense", '{"format": 1}', "[" * 100_000, '{"format": 1, "settings": 3}']
)
def test_a_damaged_run_is_refused_by_every_verb(content, trained, tmp_path):
    run = shutil.copytree(trained[1], tmp_path / "run")
    (run / "config.json").write_text(content)
    for verb in (["report", run], ["train", "--resume", run], ["scores", run], ["compare", run, trained[1]]):
        assert refused(mlplab(*verb, cwd=tmp_path), 1, "config.json")
