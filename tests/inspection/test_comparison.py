"""Comparisons of runs and of arrays: differences, tests, verdicts."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

import mlplab
from mlplab.errors import DataError, RunError, UsageError
from mlplab.inspection.comparison import compare
from mlplab.runs import Preprocessing


@pytest.fixture(scope="module")
def runs(digits_run, tmp_path_factory):
    """Two seeds of a small network and two of a larger one."""
    folder = tmp_path_factory.mktemp("compared")

    def trained(name, **settings):
        return mlplab.train("digits", out=folder / name, verbose=0, **settings)

    small = trained("small", hidden=[16], epochs=3, seed=1)
    large = [trained(f"large-{seed}", hidden=[64], epochs=12, seed=seed) for seed in (0, 1)]
    return digits_run, small, *large


@pytest.fixture(scope="module")
def four(runs):
    return compare(*runs)


def correct(run):
    kept = run.predictions("test")
    return kept.probabilities.argmax(1) == kept.label


def test_counts_differences_and_p_values_of_every_pair(runs, four):
    by_name = dict(zip(four.names, runs, strict=True))
    assert [(row["a"], row["b"]) for row in four.pairs] == [
        ("digits", "small"), ("digits", "large-0"), ("digits", "large-1"),
        ("small", "large-0"), ("small", "large-1"), ("large-0", "large-1"),
    ]  # fmt: skip
    for row in four.pairs:
        a, b = correct(by_name[row["a"]]), correct(by_name[row["b"]])
        counts = [
            sum(x == u and y == v for x, y in zip(a, b, strict=True)) for u, v in ((1, 1), (1, 0), (0, 1), (0, 0))
        ]
        assert [row["both_right"], row["only_a"], row["only_b"], row["both_wrong"]] == counts
        assert row["difference"] == pytest.approx(a.mean() - b.mean())
        assert row["low"] < row["difference"] < row["high"]
        assert row["p_value"] == pytest.approx(stats.binomtest(counts[1], counts[1] + counts[2]).pvalue)
    assert four.pairs["p_corrected"] == pytest.approx(holm_of_r(four.pairs["p_value"]))


def holm_of_r(p):
    """The formula of R's p.adjust."""
    order = np.argsort(p)
    result = np.empty(len(p))
    result[order] = np.minimum(1, np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]))
    return result


def test_scores_are_side_by_side(runs, four):
    assert four.scores["run"].tolist() == list(four.names)
    assert four.scores["accuracy"].tolist() == [correct(run).mean() for run in runs]
    assert (four.scores["log_loss_low"] < four.scores["log_loss"]).all()


def test_every_class_by_itself(runs, four):
    first, second = runs[0], runs[2]
    labels = first.predictions("test").label
    rows = [row for row in four.classes if (row["a"], row["b"]) == ("digits", "large-0")]
    assert [row["class"] for row in rows] == list(first.class_names)
    for number, row in enumerate(rows):
        a, b = correct(first)[labels == number], correct(second)[labels == number]
        assert row["n"] == len(a)
        assert row["difference"] == pytest.approx(a.mean() - b.mean())
        assert (row["only_a"], row["only_b"]) == ((a & ~b).sum(), (b & ~a).sum())
    assert len(four.classes) == 6 * 10
    assert four.classes["p_corrected"] == pytest.approx(holm_of_r(four.classes["p_value"]))


def test_disagreements_are_the_rows_that_one_alone_gets_right(runs, four):
    a, b = correct(runs[0]), correct(runs[2])
    rows = [row for row in four.disagreements if (row["a"], row["b"]) == ("digits", "large-0")]
    assert sorted(row["index"] for row in rows if row["right"] == "digits") == np.flatnonzero(a & ~b).tolist()
    assert sorted(row["index"] for row in rows if row["right"] == "large-0") == np.flatnonzero(b & ~a).tolist()
    kept = runs[2].predictions("test")
    for row in rows:
        assert row["predicted_b"] == runs[2].class_names[kept.probabilities[row["index"]].argmax()]
        assert row["confidence_b"] == pytest.approx(kept.probabilities[row["index"]].max())
        assert row["true"] == runs[2].class_names[kept.label[row["index"]]]


def test_a_gallery_starts_with_the_largest_difference_and_shows_images(runs, four):
    table = four.gallery("large-0", "digits", at_most=7)
    kept, other = runs[2].predictions("test"), runs[0].predictions("test")
    rows = np.flatnonzero(correct(runs[2]) & ~correct(runs[0]))
    gap = [float(kept.probabilities[i, kept.label[i]] - other.probabilities[i, kept.label[i]]) for i in rows]
    assert table["index"].tolist() == rows[np.argsort(gap)[::-1]][:7].tolist()
    assert len(table.figure.axes) == 7
    with pytest.raises(UsageError, match="Did you mean 'large-"):
        four.gallery("large", "digits")
    with pytest.raises(UsageError, match="twice"):
        four.gallery("digits", "digits")
    with pytest.raises(UsageError, match="at_most must be a whole number of at least 1; got 0"):
        four.gallery("large-0", "digits", at_most=0)


def test_settings_have_only_differences(runs, four):
    seeds = compare(runs[0], runs[1]).settings
    assert seeds["seed"].tolist() == [0, 1]
    assert not {"hidden", "epochs", "parameters", "data", "device", "activation"} & set(seeds.columns)
    assert set(seeds.columns) <= {"run", "seed", "split", "seconds of training", "seconds in all"}
    assert four.settings["hidden"].tolist() == ["16", "16", "64", "64"]
    assert four.settings["parameters"].tolist() == [1210, 1210, 4810, 4810]
    assert four.settings["epochs"].tolist() == four.settings["epochs done"].tolist() == [3, 3, 12, 12]


def test_a_verdict_names_the_better_run_and_its_scope(runs):
    [verdict] = compare(runs[2], runs[0]).verdicts
    assert verdict.startswith("large-0 is better than digits by ")
    assert "95 % interval" in verdict
    assert "correction" not in verdict
    assert verdict.endswith("that takes several runs of each, as other seeds may give other results.")
    assert compare(runs[0], runs[2]).verdicts[0] == verdict  # in either order


def test_runs_that_differ_only_in_their_seed(runs):
    [verdict] = compare(runs[2], runs[3]).verdicts
    assert verdict.startswith("No significant difference between large-0 and large-1: ")
    assert "nothing but the seed" in verdict
    assert "not about their settings" in verdict


def test_groups_of_several_seeds_are_compared(runs, four):
    means = [[float(correct(run).mean()) for run in pair] for pair in (runs[:2], runs[2:])]
    assert four.groups["runs"].tolist() == [2, 2]
    assert four.groups["recipe"].tolist() == ["hidden 16, epochs 3", "hidden 64, epochs 12"]
    assert four.groups["accuracy"] == pytest.approx(np.mean(means, 1))
    assert four.groups["sd"] == pytest.approx(np.std(means, 1, ddof=1))
    [row] = four.group_pairs
    expected = stats.ttest_ind(*means, equal_var=False)
    assert row["p_value"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval()))
    assert len(four.verdicts) == 7
    assert four.verdicts[-1].startswith("Over seeds: ")
    assert "after correction for 6 comparisons" in four.verdicts[0]
    assert len(compare(*runs[1:3]).group_pairs) == 0  # one run each


@pytest.fixture(scope="module")
def populations(tmp_path_factory):
    """Three recipes of three seeds each."""
    folder = tmp_path_factory.mktemp("populations")
    return [
        mlplab.train("digits", hidden=hidden, epochs=epochs, seeds=3, out=folder / name, verbose=0)
        for name, hidden, epochs in (("small", [4], 1), ("large", [16], 3), ("larger", [16], 4))
    ]


def test_populations_are_compared_over_their_seeds_and_their_ensembles_beside(populations, tmp_path):
    comparison = compare(*populations)
    assert comparison.populations == comparison.names == ("small", "large", "larger")
    members = [[member.test.accuracy for member in run.result.members] for run in populations]
    for row, values, run in zip(comparison.groups, members, populations, strict=True):
        assert (row["recipe"], row["runs"]) == (run.path.name, 3)
        assert (row["accuracy"], row["sd"]) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
        interval = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
        assert (row["accuracy_low"], row["accuracy_high"]) == pytest.approx(interval)
        assert row["ensemble"] == run.result.ensemble.accuracy
    expected = [stats.ttest_ind(members[a], members[b], equal_var=False) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert comparison.group_pairs["p_value"] == pytest.approx([test.pvalue for test in expected])
    assert comparison.group_pairs["p_corrected"] == pytest.approx(holm_of_r(comparison.group_pairs["p_value"]))
    assert len(comparison.pairs) == 3
    assert comparison.verdicts[0].startswith("Over seeds: large is better than small, on average by ")
    assert "about the two ensembles" in comparison.verdicts[3]
    assert [text.get_text() for text in comparison.figure.axes[0].get_yticklabels()] == list(comparison.names)
    rows = list(csv.DictReader(comparison.save(tmp_path / "pairs.csv").read_text("utf-8").splitlines()))
    assert [float(row["p_value"]) for row in rows] == comparison.group_pairs["p_value"].tolist()
    for suffix in ("md", "tex"):
        assert "0." in comparison.save(tmp_path / f"tables.{suffix}").read_text("utf-8")
    assert json.loads(comparison.save(tmp_path / "all.json").read_text("utf-8"))["populations"] == [
        "small",
        "large",
        "larger",
    ]
    page = comparison.save(tmp_path / "page.html").read_text("utf-8")
    assert page.index('id="groups"') < page.index('id="scores"')
    assert "one network trained with several seeds" in page


def test_of_more_than_ten_each_is_compared_with_the_first_unless_all_are_asked_for():
    rng = np.random.default_rng(0)
    many = {f"{number:02}": rng.dirichlet(np.ones(3), 50).astype(np.float32) for number in range(11)}
    labels = rng.integers(0, 3, 50)
    few = compare(many, labels)
    assert [(row["a"], row["b"]) for row in few.pairs] == [("00", f"{number:02}") for number in range(1, 11)]
    assert len(few.verdicts) == 10
    assert len(compare(many, labels, all_pairs=True).pairs) == 55


@pytest.mark.slow
def test_a_users_model_is_described_by_its_layers(runs, digits, tmp_path):
    from keras import Input, Sequential, layers

    def trained(units, seed):
        model = Sequential([Input((8, 8)), layers.Flatten(), layers.Dense(units, "relu"), layers.Dense(10, "softmax")])
        model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
        return mlplab.train(digits, model=model, epochs=1, seed=seed, out=tmp_path / f"own-{units}-{seed}", verbose=0)

    first, again = trained(12, 0), trained(12, 1)
    table = compare(runs[0], first).settings
    assert table["hidden"].tolist() == ["16", "own model: Flatten, Dense 12 relu, Dense 10 softmax"]
    assert table["optimizer"].tolist() == ["adam", "SGD"]
    assert table["learning rate"][1] == pytest.approx(0.01)
    assert "nothing but the seed" in compare(first, again).verdicts[0]
    assert "several runs of each" in compare(first, runs[0]).verdicts[0]


def test_corrected_labels_are_another_setting(runs, tmp_path):
    copies = [shutil.copytree(runs[0].path, tmp_path / name) for name in ("a", "b")]
    (copies[1] / "corrected-labels.csv").write_text("index,label\n3,4\n")
    comparison = compare(*copies)
    assert comparison.settings["corrections"].tolist()[0] is None
    assert "several runs of each" in comparison.verdicts[0]
    assert comparison.verdicts[0].startswith("a and b get the same rows right")
    assert comparison.pairs.rows()[0]["low"] is None
    assert comparison.pairs["p_value"].tolist() == [1.0]


@pytest.fixture(scope="module")
def arrays(runs, digits):
    return (
        {"a <b>": runs[0].predictions("test").probabilities, "b & c": runs[2].predictions("test").probabilities},
        digits.test.labels,
        digits.test.images,
    )


def test_plain_predictions_give_the_same(runs, arrays):
    names = runs[0].class_names
    plain, of_runs = compare(*arrays, class_names=names), compare(runs[0], runs[2])
    for name in ("only_a", "only_b", "difference", "low", "high", "p_value"):
        assert plain.pairs[name].tolist() == of_runs.pairs[name].tolist()
    assert "predictions for these rows" in plain.verdicts[0]
    assert plain.verdicts[0].startswith("b & c is better than a <b>")
    assert plain.settings.columns.keys() == {"run"}
    assert len(plain.groups) == 0
    assert len(compare(arrays[0], y=arrays[1]).pairs) == 1
    assert plain.gallery("b & c", "a <b>", 5).figure.axes


def test_names_can_be_given_to_runs(runs, four):
    named = compare({"small one": runs[0], "large one": str(runs[2].path)})
    assert named.names == ("small one", "large one")
    assert named.pairs["only_b"].tolist() == [four.pairs["only_b"][1]]


def test_runs_of_one_name_are_named_with_their_folders(runs, tmp_path):
    shutil.copytree(runs[2].path, tmp_path / "x" / "digits")
    shutil.copytree(runs[0].path, tmp_path / "y" / "digits")
    assert compare(tmp_path / "x" / "digits", tmp_path / "y" / "digits").names == ("x/digits", "y/digits")


def test_json_has_plain_values(four):
    value = json.loads(json.dumps(four.to_json(), allow_nan=False))
    assert value["schema"] == 1
    assert value["runs"] == list(four.names)
    assert value["n"] == 355
    assert [row["only_a"] for row in value["pairs"]] == four.pairs["only_a"].tolist()
    assert len(value["disagreements"]) == int(four.pairs["only_a"].sum() + four.pairs["only_b"].sum())


def test_as_text_and_in_a_notebook(four, arrays):
    assert "large-0" in repr(four)
    assert four.verdicts[0] in repr(four)
    page = compare(*arrays)._repr_html_()
    assert "a &lt;b&gt;" in page
    assert "<b>" not in page


def test_scaling_and_class_weights_are_in_words(digits_run, digits, tmp_path):
    weights = {"3": 2, "8": 0.5}
    settings = {"hidden": [2], "epochs": 1, "validation": 0, "standardize": True, "class_weight": weights}
    other = mlplab.train("digits", **settings, out=tmp_path / "other", verbose=0)
    shown = compare(digits_run, other).settings
    pixels = digits.train.images.astype(float)
    means = f"minus the mean {pixels.mean():g}, divided by the standard deviation {pixels.std():g}"
    assert shown["scaling"].tolist() == ["divided by 16", means]
    assert shown["class weight"].tolist() == [None, "3=2,8=0.5"]
    assert Preprocessing().in_words == "none"
    assert Preprocessing(scale=(1.0, 2.0), offset=(0.5, -3.0)).in_words == (
        "each feature minus its mean (-3 to 0.5), divided by its standard deviation (1 to 2)"
    )


def test_files(four, tmp_path):
    table = list(csv.DictReader(four.save(tmp_path / "pairs.csv").read_text("utf-8").splitlines()))
    assert [int(row["only_a"]) for row in table] == four.pairs["only_a"].tolist()
    assert four.save(tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert ">Comparison of digits, small, large-0, large-1</h1>" in four.save(tmp_path / "page.html").read_text("utf-8")
    (tmp_path / "file").write_text("")
    for name in ("file/page.html", "file/pairs.csv", "file/figure.png"):
        with pytest.raises(UsageError, match="cannot be written"):
            four.save(tmp_path / name)


def test_the_figure_has_a_line_for_each_run_and_each_pair(four):
    accuracies, differences = four.figure.axes
    assert [text.get_text() for text in accuracies.get_yticklabels()] == list(four.names)
    assert next(text.get_text() for text in differences.get_yticklabels()) == "digits − small"
    bars = [bar for line in differences.collections for bar in line.get_segments()]
    expected = 100 * np.stack([four.pairs["low"], four.pairs["high"]], 1)
    assert np.array(sorted(bar[:, 0].tolist() for bar in bars)) == pytest.approx(np.array(sorted(expected.tolist())))


def test_contradictory_arguments_are_refused(runs, arrays):
    probabilities, labels, images = arrays
    for sources in ((), (runs[0],), ({},)):
        with pytest.raises(UsageError, match="two or more"):
            compare(*sources)
    with pytest.raises(UsageError, match="given twice"):
        compare(runs[0], runs[1], runs[0].path)
    with pytest.raises(UsageError, match="leave out y"):
        compare(runs[0], runs[1], y=labels)
    with pytest.raises(UsageError, match="only runs or only probabilities"):
        compare({"a": runs[0], "b": probabilities["b & c"]}, labels)
    with pytest.raises(UsageError, match="need names"):
        compare(*probabilities.values(), y=labels)
    with pytest.raises(UsageError, match="labels and inputs once"):
        compare(probabilities, labels, images, images)
    with pytest.raises(UsageError, match="labels"):
        compare(probabilities)
    with pytest.raises(DataError, match=f"Expected {len(labels)} labels"):
        compare(probabilities, labels[:-1])


def test_only_finished_runs_are_accepted(runs, tmp_path):
    with pytest.raises(RunError, match="There is no run"):
        compare(runs[0], tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="is no run"):
        compare(runs[0], tmp_path / "empty")
    unfinished = shutil.copytree(runs[1].path, tmp_path / "unfinished")
    (unfinished / "result.json").unlink()
    with pytest.raises(RunError, match=r"not finished.*mlplab\.resume"):
        compare(runs[0], unfinished)
    bare = shutil.copytree(runs[1].path, tmp_path / "bare")
    (bare / "predictions-test.npz").unlink()
    with pytest.raises(RunError, match="predictions"):
        compare(runs[0], bare)


def changed(run, path, **arrays):
    """A copy of a run with other test predictions."""
    copy = shutil.copytree(run.path, path, ignore=shutil.ignore_patterns("SHA256SUMS"))
    kept = dict(np.load(copy / "predictions-test.npz"))
    np.savez(copy / "predictions-test.npz", **{name: arrays.get(name, lambda a: a)(a) for name, a in kept.items()})
    return copy


def test_different_test_sets_are_refused(runs, tmp_path):
    hashes = {"train": {"content": "0"}, "test": {"content": "1"}}
    other = with_config(runs[1], tmp_path / "other", data={"name": "others", "source": None, "hashes": hashes})
    with pytest.raises(DataError, match="digits was tested on digits, and other on others: the test rows differ"):
        compare(runs[0], other)
    with pytest.raises(DataError, match="2 of 355 rows have other labels in relabelled than in digits"):
        compare(runs[0], changed(runs[1], tmp_path / "relabelled", label=lambda a: np.r_[(a[:2] + 1) % 10, a[2:]]))
    with pytest.raises(DataError, match="turned have others of the test set"):
        compare(runs[0], changed(runs[1], tmp_path / "turned", index=lambda a: a[::-1]))
    names = ["zero", *runs[1].class_names[1:]]
    with pytest.raises(DataError, match=r"same classes\. digits and named differ: '0' and 'zero'"):
        compare(runs[0], with_config(runs[1], tmp_path / "named", class_names=names))
    shorter = dict.fromkeys(("index", "label", "probabilities"), lambda array: array[:350])
    with pytest.raises(DataError, match="digits has 355 and shorter 350"):
        compare(runs[0], changed(runs[1], tmp_path / "shorter", **shorter))


def with_config(run, path, **changes):
    copy = shutil.copytree(run.path, path, ignore=shutil.ignore_patterns("SHA256SUMS"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **changes}))
    return copy


def test_a_named_data_set_and_the_same_arrays_can_be_compared(runs, digits, tmp_path):
    # The hashes of the two have different names, so that labels decide.
    data = {**runs[1].config.data, "name": "arrays", "source": None}
    data["hashes"] = {split: {"file": "0"} for split in ("train", "test")}
    comparison = compare(runs[0], with_config(runs[1], tmp_path / "arrays", data=data))
    assert comparison.settings["data"].tolist() == ["digits", "arrays"]
    assert comparison.gallery(*comparison.names[::-1]).draw is not None  # the first has its images


def test_runs_started_with_arrays_have_images_if_the_arrays_are_given(runs, tmp_path):
    data = {**runs[0].config.data, "name": "arrays", "source": None}
    copies = [with_config(run, tmp_path / name, data=data) for run, name in ((runs[0], "a"), (runs[2], "b"))]
    assert compare(*copies).gallery("b", "a").draw is None
    assert compare(*copies, data="digits").gallery("b", "a").draw is not None
    with pytest.raises(DataError, match="other content"):
        compare(*copies, data=(([[0.0]], [0]), ([[0.0]], [0])))


def test_many_classes_two_classes_and_features():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 300, 400)
    many = {name: rng.dirichlet(np.full(300, 0.05), 400).astype(np.float32) for name in "ab"}
    assert len(compare(many, labels).classes) == len(np.unique(labels))
    two = {name: rng.random(50) for name in "ab"}
    comparison = compare(two, rng.integers(0, 2, 50), rng.random((50, 3)))
    assert comparison.gallery("a", "b").draw is None
    assert comparison.pairs["n"].tolist() == [50]


@pytest.mark.slow
def test_it_needs_neither_keras_nor_jax_nor_matplotlib(runs):
    code = (
        "import sys\nfrom mlplab.inspection.comparison import compare\ncompare(*sys.argv[1:]).to_json()\n"
        "print([name for name in ('keras', 'jax', 'matplotlib') if name in sys.modules])"
    )
    paths = [str(runs[0].path), str(runs[2].path)]
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_two_files_with_the_same_test_set_can_be_compared(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8), np.arange(60) % 3
    runs = {}
    for name, x_train, x_test in (("one", x, x), ("more", x // 2, x), ("blurred", x, x // 2)):
        np.savez(tmp_path / f"{name}.npz", x_train=x_train, y_train=y, x_test=x_test, y_test=y)
        runs[name] = mlplab.train(tmp_path / f"{name}.npz", hidden=[2], epochs=1, out=tmp_path / name, verbose=0)
    comparison = compare(runs["one"], runs["more"])
    assert "training data" in comparison.settings.columns
    assert "nothing but the seed" not in comparison.verdicts[0]
    with pytest.raises(DataError, match="test rows differ"):
        compare(runs["one"], runs["blurred"])


def test_the_page_names_the_classes_of_each_pair(tmp_path):
    y = np.arange(40) % 2
    rng = np.random.default_rng(0)
    compared = mlplab.compare({name: rng.dirichlet(np.ones(2), 40) for name in "abc"}, y, class_names=["cat", "כלב"])
    page = compared.save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count('<th scope="row">cat</th>') == page.count('<th scope="row">\u2068כלב\u2069</th>') == 3
